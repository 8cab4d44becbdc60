// Whether files of records are complete and whole, for peek --verify.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nudge {

struct Verification {
  std::int64_t records = 0, streams = 0;
  std::vector<std::string> faults;  // "FILE: cause" each; none where all is well
};

// Reads all of the files (none or "-": stdin) as one input. Well is: each frame's checksum and each line's JSON hold,
// all text stands between the marks of a finished stream, of a work in shards all are there, each once, and no two
// records have the same "id". Errors: kNoInput, kIo.
Verification verify_streams(const std::vector<std::string>& files);

}  // namespace nudge
