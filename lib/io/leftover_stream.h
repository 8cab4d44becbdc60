// The unfinished file of an interrupted run, as far as it is whole. Internal to lib/io.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/digest.h"
#include "lib/io/stream.h"

namespace nudge {

struct LeftoverStream {
  std::int64_t stored = 0;   // bytes at the start to be kept: opening mark and frames, or plain lines
  std::int64_t records = 0;  // in those bytes and in `tail`
  std::string tail;          // whole lines that stand after them, not yet in a frame
};

// Reads `path`; adds its lines to `lines`. A compressed one has to open with the mark `opening`. What can't be
// gone on with counts as empty.
LeftoverStream read_leftover(const std::string& path, bool zstd, const StreamMark& opening, Digest& lines);

}  // namespace nudge
