// The intact part of the unfinished file that an interrupted run left. Internal to lib/io.
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
  std::int64_t stored = 0;   // leading bytes to keep: opening mark and frames, or plain lines
  std::int64_t records = 0;  // in those bytes and in `tail`
  std::string tail;          // complete lines after them, or of a frame that is kept in part
  bool in_place = true;      // whether the file holds the tail as plain text
};

// Reads at most `most` records of `path` and adds their lines to `lines`. A compressed file must begin with the mark
// `opening`. A file that can't be resumed counts as empty.
LeftoverStream read_leftover(const std::string& path, bool zstd, const StreamMark& opening, Digest& lines,
                             std::int64_t most = std::numeric_limits<std::int64_t>::max());

// The lines of such a file after it was truncated to what is kept and before more is written. `tail` as above.
class LeftoverLines {
 public:
  LeftoverLines(const std::string& path, std::string tail);
  bool next(std::string& line);  // false after the last line

 private:
  ChunkReader chunks_;
  Chunk chunk_;
  std::string tail_;
  std::string_view text_;  // the rest of chunk_ or tail_
  bool in_tail_ = false;
};

}  // namespace nudge
