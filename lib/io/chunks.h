// Bytes of one input, plain or zstd, as chunks of text that may be trusted, marks and damage. Internal to lib/io.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/io/descriptor.h"
#include "lib/io/stream.h"

struct ZSTD_DCtx_s;

namespace nudge {

struct Chunk {
  enum Kind { kText, kMark, kDamage, kEnd } kind = kEnd;
  std::string_view text;  // kText; kDamage: what a cut frame holds, unverified. Valid until the next call
  StreamMark mark;        // kMark
  std::string cause;      // kDamage
  std::int64_t at = 0;    // offset in the input where the chunk's frame begins
};

class ChunkReader {
 public:
  // Text of a zstd frame up to `limit` bytes is given only after its checksum held; a longer frame is given
  // piece by piece, as bounded memory demands.
  ChunkReader(Descriptor fd, std::string name, std::size_t limit);
  ~ChunkReader();

  // The next chunk. After kDamage the following call goes on at the next thing that looks like a frame.
  Chunk next();

  bool zstd() const { return zstd_; }
  std::int64_t frames() const { return frames_; }     // with text, whole ones
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
  std::string name_;
  std::size_t limit_;
  std::string window_;     // read and not yet dropped; the frame in work begins at start_
  std::size_t start_ = 0;
  std::int64_t base_ = 0;  // offset of window_[0] in the input
  bool ended_ = false, begun_ = false, zstd_ = false;
  bool damaged_ = false;   // look for the next frame first
  bool ours_ = false;      // between an opening and a closing mark
  bool piecewise_ = false; // within a frame that is given piece by piece
  std::int64_t frames_ = 0, frame_at_ = 0;
  std::string text_;
  ZSTD_DCtx_s* decoder_ = nullptr;
};

}  // namespace nudge
