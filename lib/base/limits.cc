#include "lib/base/limits.h"

#include <emmintrin.h>

#include <algorithm>
#include <chrono>
#include <new>

#include "lib/base/buffer.h"
#include "lib/base/parallel.h"

namespace nudge {
namespace {

constexpr int kChains = 12, kRounds = 1000000;  // some milliseconds, so that waking threads does not matter

// Twelve chains x = 0 x + 0, or x = x + 0 0, in registers, in assembly because a compiler may keep them elsewhere.
// clang-format off
#define NUDGE_CHAIN(op, type, n) op " %%" type "mm12, %%" type "mm12, %%" type "mm" #n "\n\t"
#define NUDGE_CHAINS(op, type)                                                                          \
  NUDGE_CHAIN(op, type, 0) NUDGE_CHAIN(op, type, 1) NUDGE_CHAIN(op, type, 2) NUDGE_CHAIN(op, type, 3)   \
  NUDGE_CHAIN(op, type, 4) NUDGE_CHAIN(op, type, 5) NUDGE_CHAIN(op, type, 6) NUDGE_CHAIN(op, type, 7)   \
  NUDGE_CHAIN(op, type, 8) NUDGE_CHAIN(op, type, 9) NUDGE_CHAIN(op, type, 10) NUDGE_CHAIN(op, type, 11)
#define NUDGE_LOOP(op, type)                                                                            \
  "vzeroall\n\t.p2align 5\n\t1:\n\t" NUDGE_CHAINS(op, type) "dec %0\n\tjnz 1b\n\tvzeroupper"
#define NUDGE_CLOBBERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                       "xmm11", "xmm12", "cc"
// clang-format on

void fma_of_16() {
  std::int64_t rounds = kRounds;
  asm volatile(NUDGE_LOOP("vfmadd213ps", "z") : "+r"(rounds) : : NUDGE_CLOBBERS);
}
void fma_of_8() {
  std::int64_t rounds = kRounds;
  asm volatile(NUDGE_LOOP("vfmadd213ps", "y") : "+r"(rounds) : : NUDGE_CLOBBERS);
}
// Dot products of pairs: 16 lanes of two products.
void dots_of_16() {
  std::int64_t rounds = kRounds;
  asm volatile(NUDGE_LOOP("vdpbf16ps", "z") : "+r"(rounds) : : NUDGE_CLOBBERS);
}

// Four chains of tile products, of zeros: 16 rows by 16 columns by 32 k each.
constexpr std::int64_t kTileRounds = 100000, kTileChains = 4, kTileOperations = 2 * 16 * 16 * 32;
void multiply_tiles() {
  alignas(64) std::uint8_t config[64] = {1};
  for (int tile = 0; tile < 8; ++tile) config[16 + 2 * tile] = 64, config[48 + tile] = 16;
  std::int64_t rounds = kTileRounds;
  asm volatile(
      "ldtilecfg %1\n\t"
      "tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n\t"
      "tilezero %%tmm4\n\ttilezero %%tmm5\n\t"
      ".p2align 5\n\t1:\n\t"
      "tdpbf16ps %%tmm4, %%tmm5, %%tmm0\n\ttdpbf16ps %%tmm4, %%tmm5, %%tmm1\n\t"
      "tdpbf16ps %%tmm4, %%tmm5, %%tmm2\n\ttdpbf16ps %%tmm4, %%tmm5, %%tmm3\n\t"
      "dec %0\n\tjnz 1b\n\ttilerelease"
      : "+r"(rounds)
      : "m"(config)
      : "cc");
}

// Adds up with four accumulators, to hide the latency of additions, reading one stream, or several interleaved ones.
void read_all(const float* p, std::int64_t n, int streams) {
  __m128 sum[4] = {_mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps()};
  const std::int64_t part = n / streams, distance = streams == 1 ? 16 : part, step = streams == 1 ? 64 : 16;
  for (std::int64_t i = 0; i + step <= part; i += step) {
    for (int s = 0; s < 4; ++s) {
      const float* at = p + s * distance + i;
      const __m128 left = _mm_add_ps(_mm_loadu_ps(at), _mm_loadu_ps(at + 4));
      const __m128 right = _mm_add_ps(_mm_loadu_ps(at + 8), _mm_loadu_ps(at + 12));
      sum[s] = _mm_add_ps(sum[s], _mm_add_ps(left, right));
    }
  }
  for (__m128 s : sum) asm volatile("" : : "x"(s));  // keeps the sums from being optimised away
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
  const int threads = thread_count(), lanes = level == "v3" ? 8 : 16;
  if (!level.empty()) {
    const double seconds =
        fastest(repeats, [&] { parallel_for(threads, [&](std::int64_t) { lanes == 16 ? fma_of_16() : fma_of_8(); }); });
    limits.fma = 2.0 * lanes * kChains * kRounds * threads / seconds;
  }
  if (level == "amx") {
    const double seconds = fastest(repeats, [&] { parallel_for(threads, [](std::int64_t) { multiply_tiles(); }); });
    limits.bf16 = static_cast<double>(kTileOperations * kTileChains * kTileRounds) * threads / seconds;
  } else if (level == "v4bf16") {
    const double seconds = fastest(repeats, [&] { parallel_for(threads, [](std::int64_t) { dots_of_16(); }); });
    limits.bf16 = 2.0 * 32 * kChains * kRounds * threads / seconds;
  }
  try {
    limits.read = read_rate(bytes, repeats);
  } catch (const std::bad_alloc&) {  // this process's memory is limited: measuring is not worth a failure
  }
  return limits;
}

}  // namespace nudge
