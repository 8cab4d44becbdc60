// RecordReader: turns chunks into lines into records, and keeps track of marks and damage.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <optional>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/io/chunks.h"
#include "lib/io/files.h"
#include "lib/io/foreign.h"
#include "lib/io/scan.h"
#include "lib/io/stream.h"

namespace nudge {
namespace {

constexpr std::size_t kFrameMargin = std::size_t{4} << 20;  // RecordWriter's frames hold at most a line and 1 MiB

bool is_stdin(const std::string& path) { return path.empty() || path == "-"; }

// Checks before any work that an input exists. (Opening it would wake the writer of a FIFO.)
void check_input(const std::string& path) {
  struct stat info;
  const bool standard = is_stdin(path);
  if ((standard ? ::fstat(STDIN_FILENO, &info) : ::stat(path.c_str(), &info)) != 0) {
    system_error(Exit::kNoInput, standard ? "stdin" : path, "can't be opened", errno);
  }
  if (!S_ISDIR(info.st_mode)) return;
  if (standard) throw Error(Exit::kNoInput, "stdin: is a folder, not a file");
  const bool model = file_exists(path + "/config.json") || file_exists(path + "/adapter_config.json");
  throw Error(Exit::kNoInput, path + ": is a folder, not a file",
              model ? kModelAdvice : "give the files in it: " + path + "/*");
}

bool is_blank(std::string_view line) { return std::all_of(line.begin(), line.end(), is_space); }

// The numbers of the inputs that hold each shard of each output: digest -> n -> shard.
using ShardsSeen = std::map<std::string, std::map<int, std::map<int, std::vector<std::size_t>>>>;

// Which of 0 to n - 1 are missing: "0 2-5", only the first ones if there are very many.
std::string missing_numbers(const std::map<int, std::vector<std::size_t>>& seen, int n) {
  constexpr std::size_t kLongest = 400;  // bytes
  std::string text;
  for (int i = 0; i < n; ++i) {
    if (seen.contains(i)) continue;
    if (text.size() > kLongest) return text + " and more";
    const auto next = seen.upper_bound(i);
    const int last = (next == seen.end() ? n : next->first) - 1;
    text += (text.empty() ? "" : " ") + std::to_string(i) + (last > i ? "-" + std::to_string(last) : "");
    i = last;
  }
  return text;
}

}  // namespace

struct RecordReader::State {
  std::vector<std::string> paths;
  ReaderOptions options;
  std::vector<StreamInfo> infos;
  std::optional<ChunksAhead> chunks;  // of the current input
  std::deque<Chunk> ahead;            // fetched to examine the beginning
  std::string head;                   // the beginning of its text until it yields a record: see refuse_foreign
  bool looked = false;                // whether the first bytes were examined
  Chunk chunk;                        // the current one
  std::string_view text;              // the rest of it
  std::optional<Chunk> deferred;      // a mark to handle after the line before it
  std::string pending;                // the beginning of an incomplete line
  std::int64_t line_at = 0;           // where the current line begins, or its frame
  std::int64_t lines = 0;             // of this input, including skipped ones: record numbers
  std::string joined;                 // a line joined from pending and text
  bool skipping = false;              // within a line that is too long
  bool opened = false;                // between an opening and a closing mark
  StreamMark opening;
  std::int64_t stream_records = 0;  // since the opening mark
  Digest stream_digest;
  bool stream_damaged = false;
  bool repeated = false;  // damage directly after damage is not reported again
  std::int64_t total = 0;
  Digest all;
  std::string report;
  ShardsSeen shards;
  std::optional<StreamMark> lone;  // see lone_shard()
  std::optional<Error> failure;

  StreamInfo& info() { return infos.back(); }
  std::string where() const { return infos.back().name + ": record " + std::to_string(lines + 1); }
  bool open_next();
  void close_input();
  bool advance();
  void read(Chunk& next);
  void fetch();
  void look_at_start();
  bool gather(bool wait);
  void refuse_foreign();
  bool untouched();
  bool take_line(std::string_view& line);
  bool accept(std::string_view line, Record& record, bool cut = false);
  void handle_mark(const StreamMark& mark, std::int64_t at);
  void end_of_stream(std::int64_t at);
  void damage(const std::string& cause, std::int64_t at);
  void note(StreamInfo& of, const std::string& message, const std::string& advice = {});
  void check_shards();
  bool is_lone_shard() const;
  void refuse_repeated_shards();
  void refuse_missing_shards();
};

// Throws the damage, or with salvage notes it.
void RecordReader::State::damage(const std::string& cause, std::int64_t at) {
  note(info(), info().name + ": after record " + std::to_string(lines) + ", byte " + std::to_string(at) + ": " + cause,
       "--salvage keeps what is intact");
}

void RecordReader::State::note(StreamInfo& of, const std::string& message, const std::string& advice) {
  stream_damaged = true;
  if (!options.salvage) throw Error(Exit::kBadInput, message, advice);
  of.damage.push_back(message);
  report += (report.empty() ? "" : "; ") + message;
}

bool RecordReader::State::open_next() {
  if (infos.size() == paths.size()) return false;
  const std::string path = paths[infos.size()];
  StreamInfo fresh;
  fresh.name = is_stdin(path) ? "stdin" : path;
  infos.push_back(fresh);
  Descriptor fd =
      is_stdin(path) ? Descriptor(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)) : open_input(path, {-1, options.stop});
  if (!fd) system_error(Exit::kNoInput, "stdin", "can't be opened", errno);
  chunks.emplace(std::move(fd), fresh.name, options.max_line + kFrameMargin, options.stop);
  opened = skipping = stream_damaged = repeated = looked = false;
  text = {};
  ahead.clear();
  head.clear();
  lines = 0;
  pending.clear();
  deferred.reset();
  return true;
}

void RecordReader::State::close_input() {
  info().bytes = chunks->offset();
  info().frames = chunks->frames();
  info().zstd = chunks->zstd();
  const bool bare = info().marks.empty() && info().records == 0 && info().damage.empty();
  const std::int64_t size = info().bytes;
  chunks.reset();
  if (size == 0) note(info(), info().name + ": empty input");
  else if (bare) note(info(), info().name + ": holds no records");
}

// Reads a chunk. Keeps the beginning of the text to be examined.
void RecordReader::State::read(Chunk& next) {
  chunks->next(next);
  if (next.kind == Chunk::kText && untouched() && head.size() < kForeignHead) {
    head.append(next.text, 0, kForeignHead - head.size());
  }
}

void RecordReader::State::fetch() {
  if (ahead.empty()) return read(chunk);
  chunk = std::move(ahead.front());
  ahead.pop_front();
}

// Whether the text in `head` is all that is known about the input so far.
bool RecordReader::State::untouched() { return lines == 0 && info().marks.empty() && info().damage.empty(); }

// An input that begins like records is examined when its first line turns out to be none.
void RecordReader::State::look_at_start() {
  const auto first = std::find_if_not(head.begin(), head.end(), is_space);
  if (first == head.end()) return;
  looked = true;
  if (*first != '{' || (first + 1 != head.end() && first[1] == 0)) refuse_foreign();
}

// Extends `head` by a chunk of text, if any; without `wait` only if it is available.
bool RecordReader::State::gather(bool wait) {
  if ((!wait && !chunks->ready()) || (!ahead.empty() && ahead.back().kind != Chunk::kText)) return false;
  Chunk next;
  read(next);
  ahead.push_back(std::move(next));
  return ahead.back().kind == Chunk::kText;
}

// An input that holds something else than records is not damaged, not even with salvage. Waits for more than the first
// line if it matters: what is left out must not depend on when it arrived.
void RecordReader::State::refuse_foreign() {
  if (!untouched()) return;
  constexpr std::size_t kFirst = 512;  // bytes, enough for all formats without lines
  while (head.size() < kForeignHead) {
    const bool first_line = head.size() >= kFirst || head.find('\n') != std::string::npos;
    if (!gather(!first_line || options.salvage || leaves_open(head))) break;
  }
  const std::string& path = paths[infos.size() - 1];
  const InputSource source{is_stdin(path) ? "" : path, chunks->zstd()};
  if (const auto found = find_foreign(head, source)) bad_input(info().name + ": " + found->what, found->advice);
}

// Fetches the next chunk of text. False at the end of the input.
bool RecordReader::State::advance() {
  if (deferred) {
    handle_mark(deferred->mark, deferred->at);
    deferred.reset();
    return true;
  }
  fetch();
  switch (chunk.kind) {
    case Chunk::kText:
      text = chunk.text;
      info().text_bytes += static_cast<std::int64_t>(text.size());
      repeated = false;
      if (!looked) look_at_start();
      return true;
    case Chunk::kMark:
      if (pending.empty()) {
        handle_mark(chunk.mark, chunk.at);
      } else {  // the previous stream ended without a newline: its last line comes first
        deferred = chunk;
        text = "\n";
      }
      return true;
    case Chunk::kDamage: {
      pending.clear();
      skipping = false;
      stream_damaged = true;
      if (!std::exchange(repeated, true)) damage(chunk.cause, chunk.at);
      // Complete lines of a truncated frame; what follows the last newline is lost.
      const std::size_t last = chunk.text.rfind('\n');
      text = std::string_view(chunk.text).substr(0, last == std::string::npos ? 0 : last + 1);
      return true;
    }
    case Chunk::kEnd: break;
  }
  return false;
}

void RecordReader::State::end_of_stream(std::int64_t at) {
  if (!opened) return;
  opened = false;
  damage("incomplete: the end mark is missing, its writer did not finish", at);
}

void RecordReader::State::handle_mark(const StreamMark& mark, std::int64_t at) {
  repeated = false;
  info().marks.push_back(mark);
  if (!mark.closing) {
    end_of_stream(at);
    opened = true;
    opening = mark;
    stream_records = 0;
    stream_digest = Digest();
    stream_damaged = false;
    return;
  }
  if (!opened) {
    damage("an end mark without its opening mark: the start is missing", at);
    return;
  }
  opened = false;
  shards[mark.digest][mark.shards][mark.shard].push_back(infos.size() - 1);
  if (stream_records != mark.records) {
    damage("the end mark counts " + std::to_string(mark.records) + " records, but there are " +
               std::to_string(stream_records),
           at);
  } else if (!stream_damaged && stream_digest.hex() != mark.text) {
    damage("the records differ from the digest in the end mark", at);
  }
}

// The next complete line of the current text.
bool RecordReader::State::take_line(std::string_view& line) {
  while (!text.empty()) {
    const auto* newline = static_cast<const char*>(std::memchr(text.data(), '\n', text.size()));
    const std::size_t length = newline == nullptr ? text.size() : static_cast<std::size_t>(newline - text.data());
    if (pending.empty() && !skipping) line_at = chunk.at + (chunks->zstd() ? 0 : text.data() - chunk.text.data());
    const std::string_view part = text.substr(0, length);
    text.remove_prefix(newline == nullptr ? length : length + 1);
    if (!skipping && pending.size() + length > options.max_line) {
      pending.clear();
      skipping = true;
      damage("a line is longer than " + std::to_string(options.max_line) + " bytes", line_at);
      ++lines;
    }
    if (skipping) {
      skipping = newline == nullptr;
      continue;
    }
    if (newline == nullptr) {
      pending += part;
      return false;
    }
    if (pending.empty()) {
      line = part;
      return true;
    }
    joined = std::exchange(pending, {});
    joined += part;
    line = joined;
    return true;
  }
  return false;
}

// Parses a line; false if it is blank or salvage skips it. `cut`: the input ended without a newline.
bool RecordReader::State::accept(std::string_view line, Record& record, bool cut) {
  if (is_blank(line)) return false;
  if (line.back() == '\r') line.remove_suffix(1);
  try {
    record = Record::parse(line, where());
  } catch (const Error& e) {
    refuse_foreign();
    if (cut && line.starts_with('{')) {
      damage("the input ends in the middle of a line", chunks->offset());
    } else {
      note(info(), e.what());
    }
    ++lines;
    return false;
  }
  { const ProfileScope counted(Part::kReading, 0, static_cast<double>(line.size())); }
  ++lines;
  ++info().records;
  info().unmarked += !opened;
  ++stream_records;
  ++total;
  all.text(line);
  stream_digest.text(line);
  if (options.copy) options.copy(line);
  return true;
}

// A repeated shard would count its records twice; with whole_shards none may be missing either.
void RecordReader::State::check_shards() {
  if (is_lone_shard()) lone = infos[0].marks.back();
  refuse_repeated_shards();
  if (options.whole_shards && !(options.lone_shard && lone)) refuse_missing_shards();
  shards.clear();
}

bool RecordReader::State::is_lone_shard() const {
  if (!report.empty() || infos.size() != 1 || infos[0].unmarked > 0 || shards.size() != 1) return false;
  const auto& of = shards.begin()->second;
  return of.size() == 1 && of.begin()->first > 1 && infos[0].marks.size() == 2;
}

void RecordReader::State::refuse_repeated_shards() {
  for (const auto& [digest, works] : shards) {
    for (const auto& [n, seen] : works) {
      for (const auto& [shard, inputs] : seen) {
        if (n <= 1 || inputs.size() == 1) continue;
        StreamInfo& again = infos[inputs.back()];
        note(again, again.name + ": shard " + std::to_string(shard) + " of " + std::to_string(n) +
                        " appears twice, also in " + infos[inputs[0]].name);
      }
    }
  }
}

void RecordReader::State::refuse_missing_shards() {
  for (const auto& [digest, works] : shards) {
    for (const auto& [n, seen] : works) {
      StreamInfo& one = infos[seen.begin()->second[0]];
      const std::string missing = missing_numbers(seen, n);
      if (missing.empty()) continue;
      note(one, one.name + ": missing shards: " + missing + " of " + std::to_string(n),
           "give all of them, each once; --salvage accepts those present");
    }
    if (works.size() < 2 || digest.empty()) continue;
    // The same records, sharded in two ways (or sharded and not).
    StreamInfo& one = infos[works.begin()->second.begin()->second[0]];
    StreamInfo& other = infos[works.rbegin()->second.begin()->second[0]];
    note(other, other.name + ": shards of " + std::to_string(works.rbegin()->first) +
                    " of an output that is also given " +
                    (works.begin()->first == 1 ? "unsharded" : "as shards of " + std::to_string(works.begin()->first)) +
                    ", in " + one.name);
  }
}

RecordReader::RecordReader(std::vector<std::string> paths, ReaderOptions options) : state_(std::make_unique<State>()) {
  if (paths.empty()) paths.push_back("-");
  for (const std::string& path : paths) check_input(path);
  state_->paths = std::move(paths);
  state_->options = std::move(options);
}

RecordReader::~RecordReader() = default;
RecordReader::RecordReader(RecordReader&&) noexcept = default;

bool RecordReader::next(Record& record) {
  const ProfileScope scope(Part::kReading);
  State& s = *state_;
  if (s.failure) throw *s.failure;  // rethrown by every later call
  try {
    while (true) {
      if (!s.chunks && !s.open_next()) {
        s.check_shards();
        return false;
      }
      std::string_view line;
      while (s.take_line(line)) {
        if (s.accept(line, record)) return true;
      }
      if (s.advance()) continue;
      // A last line without newline counts if it is complete: no proper prefix of an object is one.
      const std::string last = std::exchange(s.pending, {});
      if (!last.empty() && s.accept(last, record, true)) return true;
      s.end_of_stream(s.chunks->offset());
      s.close_input();
    }
  } catch (const Error& e) {
    s.failure = e;
    throw;
  }
}

bool RecordReader::ready() {
  State& s = *state_;
  const auto line = std::find_if_not(s.text.begin(), s.text.end(), is_space);  // blank lines are skipped
  if (std::find(line, s.text.end(), '\n') != s.text.end()) return true;
  return s.failure || !s.chunks || s.deferred || !s.ahead.empty() || s.chunks->ready();
}

std::int64_t RecordReader::records() const { return state_->total; }
std::string RecordReader::digest() const { return state_->all.hex(); }
const std::vector<StreamInfo>& RecordReader::streams() const { return state_->infos; }
std::optional<StreamMark> RecordReader::lone_shard() const { return state_->lone; }
std::string RecordReader::salvage_report() const { return state_->report; }

void refuse_same_file(const std::vector<std::string>& inputs, const std::string& output) {
  struct stat out, in;
  const bool standard = output.empty() || output == "-";
  if ((standard ? ::fstat(STDOUT_FILENO, &out) : ::stat(output.c_str(), &out)) != 0 || !S_ISREG(out.st_mode)) return;
  const std::vector<std::string> none{"-"};
  for (const std::string& input : inputs.empty() ? none : inputs) {
    if ((is_stdin(input) ? ::fstat(STDIN_FILENO, &in) : ::stat(input.c_str(), &in)) != 0) continue;
    if (in.st_dev == out.st_dev && in.st_ino == out.st_ino) {
      usage_error((standard ? "stdout" : output) + ": is an input as well", "write to another file");
    }
  }
}

}  // namespace nudge
