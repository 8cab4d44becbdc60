// What this machine can do at most, measured: beside it stands what a kernel, a benchmark or a program reaches.
#pragma once

#include <cstdint>
#include <string_view>

namespace nudge {

// A second, of all threads together; 0 where it isn't known.
struct MachineLimits {
  double fma = 0;   // float32 operations, two in a fused multiply-add
  double read = 0;  // bytes read from memory
  double bf16 = 0;  // operations of the level's instruction for bf16, tiles or dot products
};

// With thread_count() threads, each figure the best of `repeats` after one that warms up, since what disturbs only
// slows down. `level` is a kernel level's name (lib/kernels/kernels.h): "v3" has vectors of 8 floats, the others of 16;
// v4bf16 and amx have an instruction for bf16; without a level ("") there is only `read`. `bytes` is the size of the
// memory read, which caches of that size would serve faster; where there is not so much, there is no `read`. Some
// milliseconds a repeat for `fma`.
MachineLimits measure_limits(std::string_view level, std::int64_t bytes, int repeats);

}  // namespace nudge
