// Checks that record files are complete and intact. For peek --verify.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nudge {

struct Verification {
  std::int64_t records = 0, streams = 0;
  std::vector<std::string> faults;  // each "FILE: cause"; empty if all is well
};

// Reads all files (none or "-": stdin) as one input. Required: every frame's checksum matches, every line is a JSON
// object, all text is between the marks of a finished stream, all shards of a sharded output are present once, and no
// two records have the same "id". Errors: kNoInput, kIo.
Verification verify_streams(const std::vector<std::string>& files);

}  // namespace nudge
