// RecordWriter: gathers lines into frames, writes beside the final name, and resumes what an interrupted run left.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <limits>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/io/background.h"
#include "lib/io/descriptor.h"
#include "lib/io/leftover_stream.h"
#include "lib/io/mark.h"
#include "lib/io/stream.h"

namespace nudge {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::seconds(1);
// Level 1 compresses trajectories, mostly digits, 2.50 times; the default, 3, 2.40 times in twice the time. (English
// text alone gets 12% larger at level 1 than at 3.)
constexpr int kLevel = 1;

std::string compress(ZSTD_CCtx* context, std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size());
  if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation) throw std::bad_alloc();
  if (ZSTD_isError(size)) throw Error(Exit::kInternal, std::string("zstd: ") + ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

// The target of a chain of links, whether it exists or not.
std::string link_target(const std::string& name) {
  constexpr int kMostLinks = 40;  // Linux's own bound
  std::filesystem::path path = name;
  for (int links = 0; std::filesystem::is_symlink(std::filesystem::symlink_status(path)); ++links) {
    if (links == kMostLinks) system_error(Exit::kCannotCreate, name, "can't be created", ELOOP);
    path = path.parent_path() / std::filesystem::read_symlink(path);
  }
  return path.string();
}

bool stdout_is_named_zst() {
  char target[4096];
  const ssize_t n = ::readlink("/proc/self/fd/1", target, sizeof target);
  return n > 0 && std::string_view(target, static_cast<std::size_t>(n)).ends_with(".zst");
}

}  // namespace

struct RecordWriter::State {
  WriterOptions options;
  std::string name;       // for messages
  std::string temporary;  // "" if there is none: stdout, a device
  std::string final_path;
  std::string tag;  // of the output, in the temporary name; "" if it can't be resumed
  Descriptor fd;
  bool regular = false;  // a file: its frames do not depend on time
  ZSTD_CCtx* encoder = nullptr;
  std::string pending;  // the lines of the current frame
  std::int64_t count = 0, kept = 0;
  Digest text;
  // Of a temporary file: where the complete frames end, and how much of `pending` follows them as plain text, so that a
  // killed run loses the records of a second and not of a frame.
  std::int64_t stored = 0;
  std::size_t journaled = 0;
  Clock::time_point passed_on = Clock::now();
  bool finished = false, suspending = false;
  // A thread compresses and writes full frames. While it runs, it owns fd, encoder and stored.
  Handover<std::string> frames;
  std::thread behind;
  std::optional<LeftoverLines> left_lines;  // the kept lines that next_kept() has not returned yet
  std::exception_ptr failure;  // that ended the thread. Later frames are not in the file: every call rethrows it
  std::atomic<bool> failed = false;

  ~State();
  void open_stdout();
  void open_file();
  bool take_leftover(const std::string& fresh) const;
  void open_encoder();
  void adopt_leftover(std::int64_t most);
  void put(std::string_view bytes);
  void shorten(std::int64_t size);
  void line_ends(std::size_t begin);
  bool is_late() const;
  void pass_on();
  void pass_on_frame();
  void put_behind();
  void drain();
  void close_frame();
  void journal();
  void publish();
  StreamMark mark(bool closing) const;
};

RecordWriter::State::~State() {
  frames.close();
  if (behind.joinable()) behind.join();
  ZSTD_freeCCtx(encoder);
  if (temporary.empty()) return;
  // An error of this run removes neither what an earlier run saved nor what suspend() is saving.
  if ((kept > 0 || suspending) && ::rename(temporary.c_str(), abandoned_name(final_path, tag).c_str()) == 0) return;
  ::unlink(temporary.c_str());
}

void RecordWriter::State::open_stdout() {
  name = "stdout";
  struct stat info;
  if (::fstat(STDOUT_FILENO, &info) != 0) system_error(Exit::kIo, name, "can't be used", errno);
  regular = S_ISREG(info.st_mode);
  options.zstd = options.zstd || (regular && stdout_is_named_zst());
  fd = Descriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!fd) system_error(Exit::kIo, name, "can't be used", errno);
}

void RecordWriter::State::open_file() {
  name = final_path = options.path;
  options.zstd = options.zstd || options.path.ends_with(".zst");
  struct stat info;
  const bool exists = ::stat(final_path.c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {  // a device or FIFO must not be renamed over
    fd = Descriptor(::open(final_path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    // Opening a FIFO waits for its reader; only a caught stop signal interrupts that.
    if (!fd && errno == EINTR) throw Error(Exit::kStopped, name + ": stopped while it waited for a reader");
    if (!fd) system_error(Exit::kCannotCreate, name, "can't be opened", errno);
    return;
  }
  try {
    if (options.force) final_path = link_target(final_path);  // without it, check_creatable refuses the link itself
  } catch (const std::filesystem::filesystem_error& e) {
    system_error(Exit::kCannotCreate, name, "can't be created", e.code().value());
  }
  check_creatable(final_path, options.force, false);
  regular = true;
  if (options.resume && !options.digest.empty()) {
    tag = Digest().text(encode_mark(mark(false))).number(options.zstd).hex();
  }
  const std::string fresh = temporary_name(final_path, tag);
  const bool adopted = !tag.empty() && take_leftover(fresh);
  sweep_leftovers(final_path);
  fd = Descriptor(::open(fresh.c_str(), O_RDWR | O_CLOEXEC | (adopted ? 0 : O_CREAT | O_EXCL), 0666));
  if (!fd) system_error(Exit::kCannotCreate, name, "can't be created", errno);
  temporary = fresh;
}

// Makes what an earlier run of the same job left the file `fresh`. A file of another host, where the process may still
// write, is copied: adopt_leftover() takes what is whole in it.
bool RecordWriter::State::take_leftover(const std::string& fresh) const {
  const std::vector<Leftover> all = find_leftovers(final_path);
  for (const Leftover& left : all)
    if (left.abandoned && left.tag == tag && ::rename(left.path.c_str(), fresh.c_str()) == 0)
      return true;  // if two processes try, one succeeds
  std::uintmax_t most = 0;
  const Leftover* longest = nullptr;
  for (const Leftover& left : all) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(left.path, error);
    if (left.elsewhere && left.tag == tag && !error && size > most) most = size, longest = &left;
  }
  if (longest == nullptr) return false;
  std::error_code error;
  if (std::filesystem::copy_file(longest->path, fresh, error)) return true;
  std::filesystem::remove(fresh, error);
  return false;
}

void RecordWriter::State::open_encoder() {
  if (!options.zstd) return;
  encoder = ZSTD_createCCtx();
  if (encoder == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(encoder, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(encoder, ZSTD_c_checksumFlag, 1);
}

// Continues after the file's content, or after its first `most` records; a new file is empty.
void RecordWriter::State::adopt_leftover(std::int64_t most) {
  text = Digest();
  const LeftoverStream left = read_leftover(temporary, options.zstd, mark(false), text, most);
  kept = count = left.records;
  stored = left.stored;
  pending = left.tail;
  journaled = left.in_place ? pending.size() : 0;
  shorten(stored + static_cast<std::int64_t>(journaled));
  if (journaled < pending.size()) journal();
}

void RecordWriter::State::shorten(std::int64_t size) {
  if (::ftruncate(fd.get(), size) != 0) system_error(Exit::kIo, name, "can't be shortened", errno);
}

StreamMark RecordWriter::State::mark(bool closing) const {
  StreamMark m;
  m.closing = closing;
  m.program = options.program;
  m.digest = options.digest;
  m.shard = options.shard, m.shards = options.shards;
  if (closing) m.records = count, m.text = text.hex();
  return m;
}

void RecordWriter::State::put(std::string_view bytes) {
  if (temporary.empty()) {
    write_all(fd.get(), bytes, name);
  } else {
    write_all_at(fd.get(), bytes, stored, name);
  }
  stored += static_cast<std::int64_t>(bytes.size());
}

// Call after a line was appended to `pending` at `begin`.
void RecordWriter::State::line_ends(std::size_t begin) {
  if (failed) drain();
  const std::string_view line = std::string_view(pending).substr(begin);
  if (line.find('\n') != std::string_view::npos) {
    pending.resize(begin);
    throw Error(Exit::kInternal, name + ": a line holds a newline");
  }
  text.text(line);
  pending += '\n';
  ++count;
  if (pending.size() >= options.frame_text) return pass_on_frame();
  if (is_late()) pass_on();
}

bool RecordWriter::State::is_late() const { return Clock::now() - passed_on >= kPatience; }

void RecordWriter::State::pass_on() {
  if (pending.size() == journaled) return;
  if (!regular) pass_on_frame();
  else if (!tag.empty()) journal();
}

// Like close_frame(), but does not wait for the thread. (With a plain copy it does, once a second.)
void RecordWriter::State::pass_on_frame() {
  if (journaled == 0 && !behind.joinable()) behind = background_thread([this] { put_behind(); });
  if (!behind.joinable()) return close_frame();
  passed_on = Clock::now();
  if (!frames.give(pending)) drain();
  pending.clear();
}

void RecordWriter::State::put_behind() {
  try {
    for (std::string frame; frames.take(frame);) put(options.zstd ? compress(encoder, frame) : frame);
  } catch (...) {
    failure = std::current_exception();
    failed = true;
    frames.close();
  }
}

// Ends the thread once it has written everything; the next frame starts another.
void RecordWriter::State::drain() {
  if (behind.joinable()) {
    frames.close();
    behind.join();
    frames.reopen();
  }
  if (failure) std::rethrow_exception(failure);
}

void RecordWriter::State::close_frame() {
  drain();
  passed_on = Clock::now();
  if (pending.empty()) return;
  // The plain copy is removed first: if killed in between, a resuming run must not find lines twice.
  if (journaled > 0) shorten(stored);
  put(options.zstd ? compress(encoder, pending) : pending);
  pending.clear();
  journaled = 0;
}

void RecordWriter::State::journal() {
  drain();
  passed_on = Clock::now();
  const std::string_view fresh = std::string_view(pending).substr(journaled);
  write_all_at(fd.get(), fresh, stored + static_cast<off_t>(journaled), name);
  journaled = pending.size();
}

// Two copies of a job may run at once if a scheduler lost track of the first. Both write the same bytes, so it is no
// error for the second to find the file.
void RecordWriter::State::publish() {
  const char* const from = temporary.c_str();
  if ((options.force ? ::rename(from, final_path.c_str()) : rename_new(temporary, final_path)) == 0) return;
  if (options.force || errno != EEXIST) system_error(Exit::kCannotCreate, name, "can't be published", errno);
  if (!same_bytes(temporary, final_path)) {
    throw Error(Exit::kCannotCreate, name + ": was created meanwhile, with other content",
                "choose another name, or --force");
  }
  ::unlink(from);
}

RecordWriter::RecordWriter(WriterOptions options) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.options = std::move(options);
  ignore_file_size_signal();
  if (s.options.path.empty() || s.options.path == "-") {
    s.open_stdout();
  } else {
    s.open_file();
  }
  if (s.options.zstd && ::isatty(s.fd.get())) {
    usage_error(s.name + ": compressed data is not written to a terminal", "redirect it, or leave out -z");
  }
  s.open_encoder();
  if (!s.temporary.empty()) s.adopt_leftover(std::numeric_limits<std::int64_t>::max());
  if (s.options.zstd && s.stored == 0) s.put(encode_mark(s.mark(false)));
}

RecordWriter::~RecordWriter() = default;
RecordWriter::RecordWriter(RecordWriter&&) noexcept = default;

void RecordWriter::write(const Record& record) {
  State& s = *state_;
  const std::size_t begin = s.pending.size();
  record.append_to(s.pending);
  s.line_ends(begin);
}

void RecordWriter::write_line(std::string_view line) {
  const ProfileScope scope(Part::kWriting, 0, static_cast<double>(line.size()));
  State& s = *state_;
  const std::size_t begin = s.pending.size();
  s.pending += line;
  s.line_ends(begin);
}

void RecordWriter::flush() {
  const ProfileScope scope(Part::kWriting);
  state_->close_frame();
}
void RecordWriter::keep_up() {
  const ProfileScope scope(Part::kWriting);
  // With no thread at work, copying new lines into a file is quick, and the caller may be busy for long.
  const bool soon_done = state_->regular && !state_->behind.joinable();
  if (soon_done || state_->is_late()) state_->pass_on();
}
void RecordWriter::pass_on() {
  const ProfileScope scope(Part::kWriting);
  state_->pass_on();
}
void RecordWriter::set_digest(std::string digest) { state_->options.digest = std::move(digest); }
void RecordWriter::set_shard(int shard, int shards) { state_->options.shard = shard, state_->options.shards = shards; }
std::int64_t RecordWriter::resumed() const { return state_->kept; }
std::int64_t RecordWriter::records() const { return state_->count; }

bool RecordWriter::next_kept(Record& record) {
  State& s = *state_;
  if (s.kept == 0) return false;
  if (!s.left_lines) s.left_lines.emplace(s.temporary, s.pending);
  std::string line;
  if (!s.left_lines->next(line)) return false;
  record = Record::parse(line, s.name + ": an unfinished one");
  return true;
}

void RecordWriter::keep_first(std::int64_t n) {
  State& s = *state_;
  if (n >= s.kept) return;
  s.left_lines.reset();
  s.adopt_leftover(n);
}

void RecordWriter::finish() {
  const ProfileScope scope(Part::kWriting);
  State& s = *state_;
  if (s.finished) return;
  s.close_frame();
  if (s.options.zstd) s.put(encode_mark(s.mark(true)));
  if (s.regular) sync_file(s.fd.get(), s.name);
  s.fd.close(s.name);  // for stdout, a duplicate: its close reports errors as the last close would
  if (!s.temporary.empty()) {
    s.publish();
    s.temporary.clear();
    sync_parent_folder(s.final_path);
  }
  s.finished = true;
}

bool RecordWriter::suspend() {
  State& s = *state_;
  if (s.finished) return false;
  s.finished = true;
  if (s.temporary.empty()) {
    s.close_frame();
    s.fd.close(s.name);
  }
  if (s.temporary.empty() || s.tag.empty()) return false;
  s.suspending = true;
  s.journal();
  sync_file(s.fd.get(), s.name);
  s.fd.close(s.name);
  if (::rename(s.temporary.c_str(), abandoned_name(s.final_path, s.tag).c_str()) != 0) {
    system_error(Exit::kIo, s.name, "the unfinished file can't be kept", errno);
  }
  s.temporary.clear();
  sync_parent_folder(s.final_path);
  return true;
}

}  // namespace nudge
