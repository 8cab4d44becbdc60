// Bytes of one input, plain or zstd, as chunks of text that may be trusted, marks and damage. Internal to lib/io.
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
  std::string text;     // kText; kDamage: what a cut frame holds, unverified
  StreamMark mark;      // kMark
  std::string cause;    // kDamage
  std::int64_t at = 0;  // offset in the input where the chunk's frame begins
};

class ChunkReader {
 public:
  // Text of a zstd frame up to `limit` bytes is given only after its checksum held; a longer frame is given
  // piece by piece, as bounded memory demands. Where `stop` is a descriptor, reading is an Error kStopped once that is
  // readable.
  ChunkReader(Descriptor fd, std::string name, std::size_t limit, int stop = -1);
  ~ChunkReader();

  // The next chunk; its text may take the memory of `space`. After kDamage the following call goes on at the next
  // thing that looks like a frame.
  Chunk next(std::string space = {});
  // Whether next() has something to begin with: the rest of a frame may still have to come.
  bool ready() const { return available() > 0 || ended_ || is_readable(fd_.get()); }
  // From now on the input ends where there is none to be had and `fd` is readable.
  void end_by(int fd) { wakes_.end = fd; }

  bool zstd() const { return zstd_; }
  std::int64_t frames() const { return frames_; }                                    // with text, whole ones
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
  std::string window_;  // read and not yet dropped; the frame in work begins at start_
  std::size_t start_ = 0;
  std::int64_t base_ = 0;  // offset of window_[0] in the input
  bool ended_ = false, begun_ = false, zstd_ = false;
  bool damaged_ = false;    // look for the next frame first
  bool ours_ = false;       // between an opening and a closing mark
  bool piecewise_ = false;  // within a frame that is given piece by piece
  std::int64_t frames_ = 0, frame_at_ = 0;
  std::string text_;
  ZSTD_DCtx_s* decoder_ = nullptr;
};

// The chunks of a ChunkReader. From the second with text on a thread of its own reads and decompresses them ahead of
// next(), at most Handover::kMost and the one it works on; a small input starts none.
class ChunksAhead {
 public:
  ChunksAhead(Descriptor fd, std::string name, std::size_t limit, int stop)
      : reader_(std::move(fd), std::move(name), limit, stop) {}
  ~ChunksAhead();  // ends the thread; doesn't wait for input

  void next(Chunk& chunk);  // replaces it; throws what ChunkReader::next() threw there
  bool ready() { return thread_.joinable() ? queue_.ready() : reader_.ready(); }  // as ChunkReader::ready()
  bool zstd() const { return reader_.zstd(); }                                    // once there was a chunk
  std::int64_t frames() const { return reader_.frames(); }                        // after kEnd, as offset()
  std::int64_t offset() const { return reader_.offset(); }

 private:
  void start();
  void read_ahead();

  ChunkReader reader_;  // the thread's while it runs
  int texts_ = 0;
  Descriptor wake_;  // an eventfd that the thread looks at while it waits for input
  Handover<Chunk> queue_;
  std::exception_ptr failure_;  // that ended the thread
  std::thread thread_;
};

}  // namespace nudge
