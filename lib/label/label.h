// Makes preference pairs from several answers to a prompt: of one policy, or one of each of two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/io/record.h"

namespace nudge {

enum class Pairing { kBestWorst, kAll };

// The answers to one prompt, ordered by id (length, then bytes), so that nothing depends on the order of arrival.
struct AnswerGroup {
  std::string name;
  std::vector<Record> answers;
  std::size_t candidates = 0;  // of two policies: how many are the candidate's, before the baseline's; else 0
  std::string pair = {};       // the id of its only pair, where it has one of its own
};

// An answer's or a prompt's text; messages as the JSON that they are; "" where there is none.
std::string words_of(const Record& record, std::string_view key);

// The two answers of a preference/1 record as a group, in an order that doesn't tell which one was chosen: by the bytes
// of their words. Errors: kBadInput if one is missing.
AnswerGroup pair_group(const Record& preference, const std::string& id);
// Two answers of a group, in the same order.
AnswerGroup pair_group(const AnswerGroup& group, std::size_t a, std::size_t b);

// Of the words of a prompt and of its two answers in that order, 32 hexadecimal digits: by it a decision is known to be
// about this pair.
std::string pair_digest(const AnswerGroup& pair);

// Collects trajectories by their field "group", in any order. Holds all in memory, without fields that pairs don't
// need.
class AnswerGroups {
 public:
  // `field`: the field to be compared, kept with the record; may be empty. Errors: kBadInput if id, group, prompt,
  // response or that field is missing, an id is repeated, or the prompts of a group differ.
  void add(const Record& trajectory, std::string_view field);

  // A preference/1 record becomes a group of its own, of two answers. Without an id it gets its number, from 0. Errors:
  // kBadInput if an answer is missing or the id is repeated.
  void add_pair(const Record& preference);

  // Sorts the answers of each group. Groups are in order of first appearance.
  std::deque<AnswerGroup>& sorted();

  std::size_t size() const { return groups_.size(); }
  std::int64_t answers() const { return answers_; }
  const std::set<std::string>& policies() const { return policies_; }  // the digests in their field "policy"

 private:
  void claim(const std::string& id, const Record& record, const char* what);

  std::deque<AnswerGroup> groups_;
  std::unordered_map<std::string, std::size_t> place_;  // by name, in groups_
  std::unordered_map<std::string, std::string> where_;  // by id: file and record
  std::set<std::string> policies_;
  std::int64_t answers_ = 0, pairs_ = 0;
};

// The groups that two policies both have, each with the candidate's answers before the baseline's.
struct JoinedGroups {
  std::deque<AnswerGroup> groups;
  std::int64_t candidate_only = 0, baseline_only = 0;  // groups that the other one lacks
};
// Error kBadInput, naming both records, where the prompts of a group differ (the messages, if both have them).
JoinedGroups joined_groups(AnswerGroups& candidate, AnswerGroups& baseline);

struct AnswerPair {
  std::size_t chosen = 0, rejected = 0;  // indices in the group
  float margin = 0;                      // value of the chosen answer minus that of the rejected one, > 0
};

// Pairs by the compared values: best against worst (the first of equal ones), or all against all, in index order. Equal
// values give no pair.
std::vector<AnswerPair> pairs_by_value(std::span<const double> values, Pairing pairing);

// The most pairs there can be: 1 or n (n - 1) / 2; 0 for fewer than two answers.
std::int64_t possible_pairs(std::size_t answers, Pairing pairing);

// Two answers that can be compared, by their indices: of two policies one of each.
std::vector<std::pair<std::size_t, std::size_t>> comparable_pairs(const AnswerGroup& group);

// Those with different texts: all, or one drawn by seed and group.
std::vector<std::pair<std::size_t, std::size_t>> asked_pairs(const AnswerGroup& group, bool all, std::uint64_t seed);

// The id of a pair, whichever answer is chosen: "group/a-b", a before b in the group, or "group/a~b" for an answer a of
// the candidate and one of the baseline. a and b are the answers' ids without the prefix "group/", or the whole ids if
// they don't have it.
std::string pair_id(const AnswerGroup& group, std::size_t a, std::size_t b);

bool same_response(const AnswerGroup& group, std::size_t a, std::size_t b);

// A preference/1 record: id, prompt (as in the trajectory), chosen, rejected, labeler; and prompt_ids, chosen_ids,
// rejected_ids, tokenizer if both answers have them from the same tokenizer. Without a prompt it has none.
Record preference_record(const AnswerGroup& group, std::size_t chosen, std::size_t rejected, std::string_view labeler);

struct ComparedField {
  std::string name;  // also the labeler
  Pairing pairing = Pairing::kBestWorst;
  float least_margin = 0;  // smaller differences give no pair
};

struct LabelCounts {
  std::int64_t pairs = 0, ties = 0, single = 0, below_margin = 0;
  std::int64_t equal = 0;  // groups whose comparable answers all have the same text
};

// The preference records of one group by the compared field, each with its margin and, if the field's name ends in
// "reward", chosen_reward and rejected_reward. Two answers with the same text are a tie. Error kBadInput if an answer's
// field is not a number.
std::vector<Record> preferences_by_value(const AnswerGroup& group, const ComparedField& field, LabelCounts& counts);

// Judgements of one prompt's pairs: of each, 1 if the candidate's answer won, 0.5 for a tie, 0 if the baseline's did.
using Wins = std::vector<float>;

// The same for a group of two policies: of its asked_pairs. A difference below the margin counts as a tie.
std::vector<Record> preferences_by_value(const AnswerGroup& group, const ComparedField& field, std::uint64_t seed,
                                         LabelCounts& counts, Wins& wins);

}  // namespace nudge
