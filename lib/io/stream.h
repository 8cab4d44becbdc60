// Streams of records: JSON Lines, plain or in zstd frames, from files, pipes and standard input. The format
// and what it promises are described in docs/formats.md.
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

// What the two skippable frames around a finished compressed stream carry.
struct StreamMark {
  bool closing = false;
  std::string program;        // that wrote the stream
  std::string digest;         // of its input and options, or ""
  int shard = 0, shards = 1;  // shard i of n
  std::int64_t records = 0;   // closing only
  std::string text;           // closing only: digest of the lines
};

// What is known of one input, complete once it was read to its end.
struct StreamInfo {
  std::string name;  // the path, or "stdin"
  bool zstd = false;
  std::int64_t records = 0, frames = 0;
  std::int64_t unmarked = 0;               // of the records, those between no marks: of plain text, of other software
  std::int64_t bytes = 0, text_bytes = 0;  // as stored, and as text
  std::vector<StreamMark> marks;
  std::vector<std::string> damage;  // what is wrong with it, with record number and byte offset
};

struct ReaderOptions {
  bool salvage = false;  // deliver what is whole and remember the loss, instead of failing
  // Where end marks tell of shards i/n, all n of a work (a digest) have to be there, each once. Known at the end: it is
  // thrown, or with salvage noted, in place of the last next()'s false.
  bool whole_shards = false;
  bool lone_shard = false;  // with whole_shards: one shard and nothing else will do as well, see lone_shard()
  std::size_t max_line = std::size_t{64} << 20;          // bytes
  std::function<void(std::string_view line)> copy = {};  // is given each line that is delivered, as digest() counts it
  int stop = -1;  // a descriptor: once it is readable no more is read, and no input waited for, but thrown (kStopped)
};

// Reads records from files one after the other. Plain or zstd is told by the first bytes, never by the name.
// Text of a zstd frame is delivered after the frame's checksum held (one whose text is longer than max_line +
// 4 MiB, which our writer never makes, is delivered as it is decoded). What is whole is delivered, then the
// damage is thrown as Error kBadInput with record number (from 1, within its file; lines that salvage leaves out
// count, blank ones and those of a frame that can't be read don't) and byte offset. Errors: kNoInput (missing, a
// folder), kBadInput (empty, damaged, incomplete, not JSON; with salvage too: not records but something else, see
// lib/io/foreign.h), kIo (reading failed).
// From the second frame (or 256 KiB of plain text) on a thread of the reader's own reads ahead, three of them at most.
class RecordReader {
 public:
  explicit RecordReader(std::vector<std::string> paths, ReaderOptions options = {});  // none or "-": stdin
  ~RecordReader();
  RecordReader(RecordReader&&) noexcept;

  bool next(Record& record);  // false at the end of the last input
  // Whether there is something for next() to begin with, so that it hardly has to wait: for programs that have other
  // work to do meanwhile, or words to pass on.
  bool ready();
  std::int64_t records() const;  // delivered so far, over all inputs
  // Of the lines delivered so far; the same however they are compressed, framed or split over files.
  std::string digest() const;
  const std::vector<StreamInfo>& streams() const;  // inputs opened so far
  // After the end, where all that was read is one shard of several, whole: its end mark.
  std::optional<StreamMark> lone_shard() const;
  std::string salvage_report() const;  // what was lost, on one line; "" if nothing was

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct WriterOptions {
  std::string path;     // "" or "-" is stdout
  bool zstd = false;    // -z; implied by a name in .zst, that of a redirected stdout included
  bool force = false;   // replace an existing file
  bool resume = false;  // go on where a dead run with the same digest left off (files only): see resumed()
  int shard = 0, shards = 1;
  std::string digest;                             // of input and options
  std::string program;                            // named in the marks
  std::size_t frame_text = std::size_t{1} << 20;  // bytes of text a frame
};

// Writes records. A file is written beside its final name and renamed by finish(); without finish() nothing
// appears, and nothing stays but what had been resumed or was being suspended. Without `force` a file that appeared
// meanwhile stays; finish() succeeds where it holds the same bytes (a second copy of the job wrote it), else it throws
// kCannotCreate. A device or FIFO is written as it stands. On pipes and terminals what was written is passed on at
// least once a second (as often as write or keep_up is called), and so is a plain copy in files that can be resumed;
// their frames depend on the text alone.
// Errors: kUsage (compressed data to a terminal), kCannotCreate (exists, no such folder), kIo (writing failed).
// A reader that left ends the process by SIGPIPE, quietly. Full frames are compressed and written by a thread of the
// writer's own, at most three behind; an error there is thrown by the next call, and by each after it. flush(),
// finish(), suspend() and the destructor wait for it.
class RecordWriter {
 public:
  explicit RecordWriter(WriterOptions options);
  ~RecordWriter();
  RecordWriter(RecordWriter&&) noexcept;

  void write(const Record& record);
  void write_line(std::string_view line);  // without the newline
  void flush();                            // closes the frame and passes on what was written
  void keep_up();                          // as write does once a second, on files sooner; before work that takes long
  void pass_on();                          // the same at once; for those that are about to wait
  void set_digest(std::string digest);     // for the end mark, where it is known only by then
  void set_shard(int shard, int shards);   // likewise
  void finish();                           // writes the end mark, checks every error, publishes the file

  // With `resume`: how many records an earlier run left, which are kept; the caller goes on after them.
  std::int64_t resumed() const;
  // These records one by one, to be looked at before the first write; false behind the last. And: of them only the
  // first `n` are kept, for the others are not what the caller would write.
  bool next_kept(Record& record);
  void keep_first(std::int64_t n);
  // Stopped by a signal: leaves the unfinished file, to its last record, where a later run with `resume` and the
  // same digest finds it, on any host: true. Without `resume` the file is removed; a stream ends without its end mark.
  bool suspend();
  std::int64_t records() const;  // resumed ones included

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Error kUsage where `output` ("" or "-": stdout) is the same regular file as one of `inputs` (none or "-": stdin).
void refuse_same_file(const std::vector<std::string>& inputs, const std::string& output);

}  // namespace nudge
