// Decisions of several judges about the same pairs: checked, joined, and compared with each other.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/label/agreement.h"
#include "lib/label/label.h"

namespace nudge {

// kFirst and kSecond as in pair_group: by the bytes of the words.
enum class Verdict { kFirst, kSecond, kTie, kSkip };

struct Vote {
  std::string judge, note, where;
  Verdict verdict = Verdict::kSkip;
};

struct VotedPair {
  std::string id;
  std::optional<AnswerGroup> answers;    // by pair_group; absent while only notes without texts were read
  std::string digest, where;             // pair_digest, and the line that told it; or ""
  std::vector<Vote> votes;               // in the order of the judges' names, one of each
  std::optional<std::size_t> candidate;  // which of the answers is the candidate's, if the pair is of two policies
};

// Votes by the ids of their pairs.
class Votes {
 public:
  // A decision: a preference/1 or a label-note/1 record with a "labeler"; `journal_of` is that of notes without one, or
  // "". Errors: kBadInput if a field is missing, if the texts aren't those of another line of the same id or those that
  // were judged (by "pair", the digest in lines of a page), or if the same judge decided otherwise before.
  void add(const Record& record, const std::string& journal_of);

  // Compares with the pairs that were to be judged, and takes their token ids over. Error kBadInput for a pair that they
  // don't have or whose texts differ.
  void match(const std::deque<AnswerGroup>& groups);

  std::vector<const VotedPair*> pairs() const;  // by id: length, then bytes
  const std::set<std::string>& judges() const { return judges_; }
  std::int64_t repeated() const { return repeated_; }  // decisions that were given twice

 private:
  VotedPair& pair_of(const Record& record, const std::string& digest, std::optional<AnswerGroup> answers);
  void vote(VotedPair& pair, Vote vote);

  std::map<std::string, VotedPair> pairs_;
  std::set<std::string> judges_;
  std::int64_t repeated_ = 0;
};

bool is_preference(const Record& record);  // has the fields of a pair
bool is_decision(const Record& record);    // a preference or a label-note/1

struct MergeCounts {
  std::int64_t pairs = 0, undecided = 0, votes = 0, skips = 0;
};

// A preference/1 record for each pair of which one answer has more votes than the other and than ties; with "votes",
// {"chosen", "rejected", "tie"}, and "notes", what each judge wrote, if anything.
std::vector<Record> merged_preferences(const Votes& votes, MergeCounts& counts);

// Cohen's kappa of two judges, Fleiss' of more. Pairs are clustered by their prompts.
Agreement agreement_of(const Votes& votes);

// The candidate's wins in the groups of two policies that the votes were matched with, one for each vote, skips left out.
std::vector<Wins> wins_of(const Votes& votes);

}  // namespace nudge
