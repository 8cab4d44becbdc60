#include "lib/label/label_session.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/error.h"
#include "lib/base/rng.h"

namespace nudge {
namespace {

[[noreturn]] void failed(Exit status, const std::string& path) {
  throw Error(status, path + ": " + std::strerror(errno));
}

std::string whole_content(int fd, const std::string& path) {
  std::string text;
  char piece[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed(Exit::kIo, path);
    if (n == 0) return text;
    text.append(piece, static_cast<std::size_t>(n));
  }
}

void write_and_sync(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed(Exit::kIo, path);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  // A device or a pipe can't be synced, and needn't be.
  while (::fsync(fd) != 0) {
    if (errno == EINVAL || errno == EROFS) return;
    if (errno != EINTR) failed(Exit::kIo, path);
  }
}

}  // namespace

std::vector<Question> make_questions(const std::deque<AnswerGroup>& groups, bool all_pairs, std::uint64_t seed,
                                     LabelCounts& counts) {
  std::vector<Question> questions;
  for (const AnswerGroup& group : groups) {
    if (group.answers.size() < 2) ++counts.single;
    const auto pairs = asked_pairs(group, all_pairs, seed);
    if (group.answers.size() >= 2 && pairs.empty()) ++counts.equal;
    for (const auto& [a, b] : pairs) {
      Question q{&group, a, b, pair_id(group, a, b)};
      if (uniform(seed, stream_of(q.id), 1) < 0.5) std::swap(q.left, q.right);
      questions.push_back(std::move(q));
    }
  }
  return questions;
}

LabelJournal::LabelJournal(const std::string& path) {
  preferences_.path = path;
  notes_.path = path + ".notes";
  open(preferences_, "preference/1");
  open(notes_, "label-note/1");
}

LabelJournal::~LabelJournal() {
  for (const File* file : {&preferences_, &notes_}) {
    if (file->fd >= 0) ::close(file->fd);
  }
}

void LabelJournal::open(File& file, const char* schema) {
  file.fd = ::open(file.path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file.fd < 0) failed(Exit::kCannotCreate, file.path);
  load(file, schema);
}

void LabelJournal::load(File& file, const char* schema) {
  std::string text = whole_content(file.fd, file.path);
  const std::size_t whole = text.rfind('\n') + 1;  // 0 if there is no whole line
  for (std::size_t begin = 0; begin < whole;) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    std::optional<std::string> id;
    try {
      const Record record = Record::parse(line, file.path);
      if (record.find_text("schema") == schema) id = record.find_text("id");
    } catch (const Error&) {
      // Not a record: refused below, with the same message.
    }
    if (!id) {
      const std::string line_number = std::to_string(file.lines.size() + 1);
      throw Error(Exit::kCannotCreate, file.path + ": line " + line_number + ": is not a " + schema + " record",
                  "choose another output: decisions are appended to this one");
    }
    file.lines.push_back(line);
    file.line_ids.push_back(*id);
    file.ids.insert(*id);
  }
  if (whole == text.size()) return;
  // Text without a newline counts as a line cut off by a crash only after whole lines of ours, or if it begins like
  // one: anything else is somebody's file.
  if (file.lines.empty() && text.rfind("{\"schema\":\"", 0) != 0) {
    throw Error(Exit::kCannotCreate, file.path + ": holds something other than decisions", "choose another output");
  }
  if (::ftruncate(file.fd, static_cast<off_t>(whole)) != 0) failed(Exit::kIo, file.path);
  repaired_ = true;
}

void LabelJournal::append(File& file, const std::string& id, const std::string& line) {
  write_and_sync(file.fd, line + "\n", file.path);
  file.lines.push_back(line);
  file.line_ids.push_back(id);
  file.ids.insert(id);
}

void LabelJournal::add_preference(const Record& record) { append(preferences_, record.text("id"), record.line()); }

void LabelJournal::add_note(const std::string& id, const char* decision) {
  Record note;
  note.set_text("schema", "label-note/1");
  note.set_text("id", id);
  note.set_text("decision", decision);
  append(notes_, id, note.line());
}

void LabelJournal::remove(const std::string& id) {
  if (!remove_from(preferences_, id)) remove_from(notes_, id);
}

// Writes the file without that line beside it and renames, so that it is whole at every moment.
bool LabelJournal::remove_from(File& file, const std::string& id) {
  const auto found = std::find(file.line_ids.begin(), file.line_ids.end(), id);
  if (found == file.line_ids.end()) return false;
  file.lines.erase(file.lines.begin() + (found - file.line_ids.begin()));
  file.line_ids.erase(found);
  file.ids.erase(id);
  std::string text;
  for (const std::string& line : file.lines) text += line + "\n";
  const std::string beside = file.path + ".undo";
  const int fd = ::open(beside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) failed(Exit::kCannotCreate, beside);
  ::close(file.fd);
  file.fd = fd;
  write_and_sync(fd, text, beside);
  if (::rename(beside.c_str(), file.path.c_str()) != 0) failed(Exit::kCannotCreate, file.path);
  return true;
}

bool run_label_session(const std::vector<Question>& questions, LabelJournal& journal, std::string_view labeler,
                       const std::function<Decision(const Question&, std::size_t)>& ask,
                       const std::function<bool()>& complete) {
  std::size_t at = 0;
  for (;;) {
    if (at == questions.size()) {
      if (at == 0 || complete()) return true;
      journal.remove(questions[--at].id);
    }
    const Question& q = questions[at];
    if (journal.has(q.id)) {
      ++at;
      continue;
    }
    switch (ask(q, at)) {
      case Decision::kLeft: journal.add_preference(preference_record(*q.group, q.left, q.right, labeler)); break;
      case Decision::kRight: journal.add_preference(preference_record(*q.group, q.right, q.left, labeler)); break;
      case Decision::kTie: journal.add_note(q.id, "tie"); break;
      case Decision::kSkip: journal.add_note(q.id, "skip"); break;
      case Decision::kUndo:
        if (at > 0) journal.remove(questions[--at].id);
        break;
      case Decision::kQuit: return false;
    }
  }
}

}  // namespace nudge
