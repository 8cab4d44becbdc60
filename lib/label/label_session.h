// Pairs judged one by one. Each decision is saved before the next question, so a session can stop and resume at any
// time.
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
  std::size_t left = 0, right = 0;  // indices in the group, as displayed
  std::string id;                   // pair_id of the two
};

// The questions in the order of the groups: all pairs of a group, or one drawn by seed and group. Seed and pair id
// decide which answer is on the left, so that position bias cancels out. Pairs of equal texts are not asked. `groups`
// must outlive the questions.
std::vector<Question> make_questions(const std::deque<AnswerGroup>& groups, bool all_pairs, std::uint64_t seed,
                                     LabelCounts& counts);

// Decisions on disk: preferences in `path`, one preference/1 record per line; ties and skips in `path`.notes,
// {"schema":"label-note/1","id":...,"decision":"tie"|"skip"}. A line cut off by a crash is dropped.
class LabelJournal {
 public:
  // Errors: kCannotCreate if the files can't be created or `path` holds anything but preferences; kIo.
  explicit LabelJournal(const std::string& path);
  ~LabelJournal();
  LabelJournal(const LabelJournal&) = delete;
  LabelJournal& operator=(const LabelJournal&) = delete;

  bool has(const std::string& id) const { return preferences_.ids.count(id) + notes_.ids.count(id) > 0; }
  void add_preference(const Record& record);                   // returns once it is on disk
  void add_note(const std::string& id, const char* decision);  // likewise
  void remove(const std::string& id);                          // undo; likewise
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

// Asks from the first undecided question on. `ask` gets the question and its number from 0. kUndo goes back to the
// previous question and removes its decision (at the first question it asks again). When all are decided, `complete`
// returns whether to end; if not, the last decision is undone. Returns true at that end, false on kQuit.
bool run_label_session(const std::vector<Question>& questions, LabelJournal& journal, std::string_view labeler,
                       const std::function<Decision(const Question&, std::size_t)>& ask,
                       const std::function<bool()>& complete);

}  // namespace nudge
