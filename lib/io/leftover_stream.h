// The unfinished file of an interrupted run, as far as it is whole. Internal to lib/io.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "lib/base/digest.h"
#include "lib/io/chunks.h"
#include "lib/io/stream.h"

namespace nudge {

struct LeftoverStream {
  std::int64_t stored = 0;   // bytes at the start to be kept: opening mark and frames, or plain lines
  std::int64_t records = 0;  // in those bytes and in `tail`
  std::string tail;          // whole lines that stand after them, or in a frame that isn't kept whole
  bool in_place = true;      // whether the tail stands there as it is
};

// Reads `path`, at most `most` records of it; adds their lines to `lines`. A compressed one has to open with the mark
// `opening`. What can't be gone on with counts as empty.
LeftoverStream read_leftover(const std::string& path, bool zstd, const StreamMark& opening, Digest& lines,
                             std::int64_t most = std::numeric_limits<std::int64_t>::max());

// The lines of such a file once it was cut to what is kept of it, before more is written. `tail` as above.
class LeftoverLines {
 public:
  LeftoverLines(const std::string& path, std::string tail);
  bool next(std::string& line);  // false behind the last

 private:
  ChunkReader chunks_;
  Chunk chunk_;
  std::string tail_;
  std::string_view text_;  // what is left of chunk_ or tail_
  bool in_tail_ = false;
};

}  // namespace nudge
