// One input, plain or zstd, split into chunks of verified text, marks and damage. Internal to lib/io.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <thread>

#include "lib/io/background.h"
#include "lib/io/descriptor.h"
#include "lib/io/stream.h"

struct ZSTD_DCtx_s;

namespace nudge {

struct Chunk {
  enum Kind { kText, kMark, kDamage, kEnd } kind = kEnd;
  std::string text;     // kText; kDamage: the text of a truncated frame, unverified
  StreamMark mark;      // kMark
  std::string cause;    // kDamage
  std::int64_t at = 0;  // offset in the input where the chunk's frame begins
};

class ChunkReader {
 public:
  // Text of a zstd frame of up to `limit` bytes is returned only after its checksum is verified; longer frames are
  // returned in pieces, to bound memory. Once the descriptor `stop` (if not -1) is readable, reading throws kStopped.
  ChunkReader(Descriptor fd, std::string name, std::size_t limit, int stop = -1);
  ~ChunkReader();

  // The next chunk, whose text may reuse the memory of `space`. After kDamage the next call resumes at the next thing
  // that looks like a frame.
  Chunk next(std::string space = {});
  // Whether next() can begin without waiting; it may still wait for the rest of a frame.
  bool ready() const { return available() > 0 || ended_ || is_readable(fd_.get()); }
  // From now on the input also ends where no more is available and `fd` is readable.
  void end_by(int fd) { wakes_.end = fd; }

  bool zstd() const { return zstd_; }
  std::int64_t frames() const { return frames_; }                                    // complete ones with text
  std::int64_t offset() const { return base_ + static_cast<std::int64_t>(start_); }  // consumed so far

 private:
  bool fill(std::size_t wanted);  // makes `wanted` bytes available; false where the input ends before
  std::size_t available() const { return window_.size() - start_; }
  const char* head() const { return window_.data() + start_; }
  void consume(std::size_t n) { start_ += n; }
  Chunk damage(const std::string& cause);
  Chunk plain();
  bool skippable(Chunk& chunk);
  Chunk frame();
  void refuse_unless_damage(std::size_t error) const;
  Chunk frame_end(std::size_t compressed);
  void resynchronise();
  std::size_t find_frame(std::size_t from) const;

  Descriptor fd_;
  Wakes wakes_;
  std::string name_;
  std::size_t limit_;
  std::string window_;  // read and not yet dropped; the current frame begins at start_
  std::size_t start_ = 0;
  std::int64_t base_ = 0;  // offset of window_[0] in the input
  bool ended_ = false, begun_ = false, zstd_ = false;
  bool damaged_ = false;    // look for the next frame first
  bool ours_ = false;       // between an opening and a closing mark
  bool piecewise_ = false;  // within a frame that is returned in pieces
  std::int64_t frames_ = 0, frame_at_ = 0;
  std::string text_;
  ZSTD_DCtx_s* decoder_ = nullptr;
};

// The chunks of a ChunkReader, read ahead. From the second text chunk on a thread reads and decompresses ahead of
// next(), by at most Handover::kMost chunks and the one in hand; a small input starts no thread.
class ChunksAhead {
 public:
  ChunksAhead(Descriptor fd, std::string name, std::size_t limit, int stop)
      : reader_(std::move(fd), std::move(name), limit, stop) {}
  ~ChunksAhead();  // ends the thread without waiting for input

  void next(Chunk& chunk);  // replaces `chunk`; rethrows what ChunkReader::next() threw
  bool ready() { return thread_.joinable() ? queue_.ready() : reader_.ready(); }  // as ChunkReader::ready()
  bool zstd() const { return reader_.zstd(); }                                    // valid after the first chunk
  std::int64_t frames() const { return reader_.frames(); }                        // valid after kEnd, as is offset()
  std::int64_t offset() const { return reader_.offset(); }

 private:
  void start();
  void read_ahead();

  ChunkReader reader_;  // owned by the thread while it runs
  int texts_ = 0;
  Descriptor wake_;  // an eventfd that ends the thread's wait for input
  Handover<Chunk> queue_;
  std::exception_ptr failure_;  // that ended the thread
  std::thread thread_;
};

}  // namespace nudge
