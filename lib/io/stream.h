// Streams of records: JSON Lines, plain or in zstd frames, from files, pipes and standard input. docs/formats.md
// describes the format and its guarantees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/io/record.h"

namespace nudge {

// The content of the two skippable frames around a finished compressed stream.
struct StreamMark {
  bool closing = false;
  std::string program;        // that wrote the stream
  std::string digest;         // of its input and options, or ""
  int shard = 0, shards = 1;  // shard i of n
  std::int64_t records = 0;   // closing only
  std::string text;           // closing only: the digest of the lines
};

// What is known about one input; complete after its end.
struct StreamInfo {
  std::string name;  // the path, or "stdin"
  bool zstd = false;
  std::int64_t records = 0, frames = 0;
  std::int64_t unmarked = 0;               // records outside of marks: in plain text, or by other software
  std::int64_t bytes = 0, text_bytes = 0;  // as stored; as text
  std::vector<StreamMark> marks;
  std::vector<std::string> damage;  // each with record number and byte offset
};

struct ReaderOptions {
  bool salvage = false;  // deliver what is intact and report the loss, instead of failing
  // If end marks name shards i/n, all n shards of the same digest must be present, each once. The last next() checks it,
  // and throws, or with salvage adds to the report.
  bool whole_shards = false;
  bool lone_shard = false;  // with whole_shards: also accept a single shard alone, see lone_shard()
  std::size_t max_line = std::size_t{64} << 20;          // bytes
  std::function<void(std::string_view line)> copy = {};  // receives each delivered line, as digest() counts it
  int stop = -1;  // a descriptor: once it is readable, reading and waiting throw kStopped
};

// Reads records from files, one file after the other. The first bytes, never the name, tell plain text from zstd. The
// text of a zstd frame is delivered once its checksum is verified (frames with more text than max_line + 4 MiB, which
// RecordWriter never writes, are delivered while they are decoded). Intact records are delivered first, then the damage
// is thrown as Error kBadInput with byte offset and record number (from 1 in each file; lines that salvage leaves out
// count, blank lines and those of unreadable frames do not). Errors: kNoInput (missing, a folder), kBadInput (empty,
// damaged, incomplete, not JSON; even with salvage: not records but something else, see lib/io/foreign.h), kIo. From
// the second frame (or 256 KiB of plain text) on, a thread reads ahead by at most three frames.
class RecordReader {
 public:
  explicit RecordReader(std::vector<std::string> paths, ReaderOptions options = {});  // none or "-": stdin
  ~RecordReader();
  RecordReader(RecordReader&&) noexcept;

  bool next(Record& record);  // false at the end of the last input
  // Whether next() can begin without waiting: for programs with other work to do, or output to flush, meanwhile.
  bool ready();
  std::int64_t records() const;  // delivered so far, of all inputs
  // Of the lines delivered so far, independent of compression, frames and how they are split over files.
  std::string digest() const;
  const std::vector<StreamInfo>& streams() const;  // the inputs opened so far
  // After the end: the end mark of the shard, if the input was exactly one complete shard of several.
  std::optional<StreamMark> lone_shard() const;
  std::string salvage_report() const;  // what was lost, on one line; "" if nothing

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// About how many records these files have, for a progress: what the mark at the end of a compressed one says, or the
// lines of a plain one. 0 where a file is none that can be read twice, or has no such mark.
std::int64_t expected_records(const std::vector<std::string>& paths);

struct WriterOptions {
  std::string path;     // "" or "-" is stdout
  bool zstd = false;    // -z; implied by a name in .zst, even of a redirected stdout
  bool force = false;   // replace an existing file
  bool resume = false;  // continue the file of a dead run with the same digest (files only): see resumed()
  int shard = 0, shards = 1;
  std::string digest;                             // of input and options
  std::string program;                            // its name, for the marks
  std::size_t frame_text = std::size_t{1} << 20;  // bytes of text per frame
};

// Writes records. A file is written beside its final name and renamed by finish(). Without finish() nothing appears,
// and nothing is kept except what was resumed or suspended. Without `force`, if the file appears meanwhile, finish()
// leaves it and succeeds if it holds the same bytes (a second copy of the job wrote it), else throws kCannotCreate.
// Devices and FIFOs are written directly. Pipes and terminals are flushed at least once a second (by write or keep_up);
// so is the plain copy that makes files resumable. The frames of files depend on the text alone. Errors: kUsage
// (compressed data to a terminal), kCannotCreate (exists, no such folder), kIo (writing failed). If the reader of a
// pipe is gone, SIGPIPE ends the process quietly. A thread compresses and writes full frames, at most three behind; its
// errors are thrown by the next call and every later one. flush(), finish(), suspend() and the destructor wait for it.
class RecordWriter {
 public:
  explicit RecordWriter(WriterOptions options);
  ~RecordWriter();
  RecordWriter(RecordWriter&&) noexcept;

  void write(const Record& record);
  void write_line(std::string_view line);  // without the newline
  void flush();                            // closes the frame and flushes
  void keep_up();                          // flushes as write does, files sooner; call before long work
  void pass_on();                          // the same at once; call before waiting
  void set_digest(std::string digest);     // for the end mark, if it is known only later
  void set_shard(int shard, int shards);   // likewise
  void finish();                           // writes the end mark, reports any error, publishes the file

  // With `resume`: the number of records kept from an earlier run; the caller continues after them.
  std::int64_t resumed() const;
  // Before the first write: iterates over these records, false after the last; and drops all but the first `n`, if the
  // caller would not write the others.
  bool next_kept(Record& record);
  void keep_first(std::int64_t n);
  // After a stop signal: with `resume` keeps the unfinished file, up to its last record, for a later run with the same
  // digest on any host, and returns true. Otherwise the file is removed, and a stream ends without its end mark.
  bool suspend();
  std::int64_t records() const;  // including resumed ones

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Error kUsage if `output` ("" or "-": stdout) is the same regular file as one of `inputs` (none or "-": stdin).
void refuse_same_file(const std::vector<std::string>& inputs, const std::string& output);

}  // namespace nudge
