// The measured limits of this machine, to compare the speed of kernels, benchmarks and programs with.
#pragma once

#include <cstdint>
#include <string_view>

namespace nudge {

// Per second, all threads together; 0 if unknown.
struct MachineLimits {
  double fma = 0;   // float32 operations, two per fused multiply-add
  double read = 0;  // bytes read from memory
  double bf16 = 0;  // operations by the level's bf16 instruction, tiles or dot products
};

// Measures with thread_count() threads. Each limit is the best of `repeats` after a warm-up, since disturbances only
// slow down; one repeat of `fma` takes some milliseconds. `level` is a kernel level (lib/kernels/kernels.h): "v3" has
// vectors of 8 floats, neon and neonbf16 of 4, the others of 16; v4bf16, amx and neonbf16 have a bf16 instruction; with ""
// only `read` is measured.
// `bytes` is the size of the memory read: choose it larger than the caches. If there is not so much memory, `read` is
// 0.
MachineLimits measure_limits(std::string_view level, std::int64_t bytes, int repeats);

}  // namespace nudge
