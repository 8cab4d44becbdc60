// Pairs judged one by one, each decision saved before the next question, so that a session can stop at any
// time and go on where it stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/label/label.h"

namespace nudge {

struct Question {
  const AnswerGroup* group = nullptr;
  std::size_t left = 0, right = 0;  // places in the group, as shown
  std::string id;                   // pair_id of the two
};

// The questions in the groups' order: all pairs of a group, or one of them drawn by seed and group. Which answer
// stands left is drawn by seed and the pair's id, so that a habit of the hand favours neither. Pairs of equal
// texts are not asked. `groups` must outlive the questions.
std::vector<Question> make_questions(const std::deque<AnswerGroup>& groups, bool all_pairs, std::uint64_t seed,
                                     LabelCounts& counts);

// Decisions on disk: preferences in `path`, one preference/1 record a line, and in `path`.notes what is no
// preference, {"schema":"label-note/1","id":...,"decision":"tie"|"skip"}. A line that was cut off by a crash is
// dropped.
class LabelJournal {
 public:
  // Errors: kCannotCreate where the files can't be made or `path` holds something else than preferences, kIo.
  explicit LabelJournal(const std::string& path);
  ~LabelJournal();
  LabelJournal(const LabelJournal&) = delete;
  LabelJournal& operator=(const LabelJournal&) = delete;

  bool has(const std::string& id) const { return preferences_.ids.count(id) + notes_.ids.count(id) > 0; }
  void add_preference(const Record& record);                   // returns when it is on disk
  void add_note(const std::string& id, const char* decision);  // so does this
  void remove(const std::string& id);                          // the undo; likewise
  std::int64_t preferences() const { return static_cast<std::int64_t>(preferences_.ids.size()); }
  std::int64_t notes() const { return static_cast<std::int64_t>(notes_.ids.size()); }
  bool repaired() const { return repaired_; }  // a cut-off line was dropped

 private:
  struct File {
    std::string path;
    int fd = -1;
    std::vector<std::string> lines;
    std::vector<std::string> line_ids;
    std::set<std::string> ids;
  };
  void open(File& file, const char* schema);
  void load(File& file, const char* schema);
  void append(File& file, const std::string& id, const std::string& line);
  bool remove_from(File& file, const std::string& id);

  File preferences_, notes_;
  bool repaired_ = false;
};

enum class Decision { kLeft, kRight, kTie, kSkip, kUndo, kQuit };

// Asks, from the first question without a decision. `ask` gets the question and its number from 0. An undo goes
// back to the question before, whose decision it removes (at the first it asks again). When none is left,
// `complete` says whether that is the end, or the last decision is undone. True at that end, false on kQuit.
bool run_label_session(const std::vector<Question>& questions, LabelJournal& journal, std::string_view labeler,
                       const std::function<Decision(const Question&, std::size_t)>& ask,
                       const std::function<bool()>& complete);

}  // namespace nudge
