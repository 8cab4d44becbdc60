#include "lib/base/limits.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>

#include "lib/base/buffer.h"
#include "lib/base/parallel.h"
#if defined(__aarch64__)
#include "lib/base/peak_arm.h"
#else
#include "lib/base/peak_x86.h"
#endif

namespace nudge {
namespace {

// A vector of four floats, which every processor has.
using Four = float __attribute__((vector_size(16)));
Four four_at(const float* p) {
  Four x;
  std::memcpy(&x, p, sizeof x);
  return x;
}

// Adds up with four accumulators, to hide the latency of additions, reading one stream, or several interleaved ones.
void read_all(const float* p, std::int64_t n, int streams) {
  Four sum[4] = {};
  const std::int64_t part = n / streams, distance = streams == 1 ? 16 : part, step = streams == 1 ? 64 : 16;
  for (std::int64_t i = 0; i + step <= part; i += step) {
    for (int s = 0; s < 4; ++s) {
      const float* at = p + s * distance + i;
      sum[s] += (four_at(at) + four_at(at + 4)) + (four_at(at + 8) + four_at(at + 12));
    }
  }
  for (const Four& s : sum) asm volatile("" : : "m"(s));  // keeps the sums from being optimised away
}

template <class F>
double fastest(int repeats, F&& f) {
  double best = 1e30;
  f();
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

double read_rate(std::int64_t bytes, int repeats) {
  Buffer<float> memory(bytes / 4);
  const std::int64_t grain = std::max<std::int64_t>(memory.size() / thread_count() / 8, 4096);
  // Written first: untouched pages are all the same page of zeros, which stays in the cache.
  parallel_ranges(memory.size(), grain,
                  [&](std::int64_t a, std::int64_t b) { std::fill(memory.data() + a, memory.data() + b, 1.0f); });
  const auto seconds = [&](int streams) {
    return fastest(repeats, [&] {
      parallel_ranges(memory.size(), grain,
                      [&](std::int64_t a, std::int64_t b) { read_all(memory.data() + a, b - a, streams); });
    });
  };
  // On a Zen 5 four streams read 25 GB/s of 256 MB and 70 of 512 MB, one stream 55 of either: the limit is the better.
  return static_cast<double>(bytes) / std::min(seconds(1), seconds(4));
}

}  // namespace

MachineLimits measure_limits(std::string_view level, std::int64_t bytes, int repeats) {
  MachineLimits limits;
  const auto rate = [&](PeakLoop loop) {
    if (loop.run == nullptr) return 0.0;
    const int threads = thread_count();
    return loop.operations * threads /
           fastest(repeats, [&] { parallel_for(threads, [&](std::int64_t) { loop.run(); }); });
  };
  if (!level.empty()) limits.fma = rate(fma_loop(level)), limits.bf16 = rate(bf16_loop(level));
  try {
    limits.read = read_rate(bytes, repeats);
  } catch (const std::bad_alloc&) {  // this process's memory is limited: measuring is not worth a failure
  }
  return limits;
}

}  // namespace nudge
