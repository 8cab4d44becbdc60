// Sums over a row, and over rows.
#include "lib/kernels/level.h"
#include "lib/kernels/simd.h"

namespace nudge::NUDGE_LEVEL {
namespace {

// Lanes are summed within blocks of this many elements, and the blocks' lanes are added with Kahan's
// compensation: over the 10^8 elements of a gradient a plain sum loses digits to its own size (blocks alone
// were 1e-4 off after 2^24 equal elements).
constexpr int64_t kBlock = 1024;

template <class F>
NUDGE_INLINE float sum_blocks(int64_t n, F term) {
  f32x16 total = broadcast(0.0f), excess = total;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = begin + kBlock < n ? begin + kBlock : n;
    f32x16 sum = broadcast(0.0f);
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) sum = term(i, kLanes, sum);
    if (i < end) sum = term(i, end - i, sum);
    const f32x16 wanted = sum - excess, reached = total + wanted;
    excess = (reached - total) - wanted;
    total = reached;
  }
  return sum_lanes(total);
}

NUDGE_INLINE f32x16 load_part(const float* p, int64_t n) { return n == kLanes ? load(p) : load_first(p, n); }

}  // namespace

float sum_squares(const float* x, int64_t n) {
  return sum_blocks(n, [x](int64_t i, int64_t lanes, f32x16 sum) {
    const f32x16 a = load_part(x + i, lanes);
    return fma(a, a, sum);
  });
}

float dot(const float* x, const float* y, int64_t n) {
  return sum_blocks(n, [x, y](int64_t i, int64_t lanes, f32x16 sum) {
    return fma(load_part(x + i, lanes), load_part(y + i, lanes), sum);
  });
}

void add_rows(const float* x, int64_t ld, int64_t T, int64_t C, float* acc) {
  // Columns stay in registers over all rows; the order of additions is that of rows through memory.
  int64_t c = 0;
  for (; c + 4 * kLanes <= C; c += 4 * kLanes) {
    f32x16 sum[4];
    for (int64_t j = 0; j < 4; ++j) sum[j] = load(acc + c + j * kLanes);
    for (int64_t t = 0; t < T; ++t) {
      for (int64_t j = 0; j < 4; ++j) sum[j] = sum[j] + load(x + t * ld + c + j * kLanes);
    }
    for (int64_t j = 0; j < 4; ++j) store(acc + c + j * kLanes, sum[j]);
  }
  for (; c < C; c += kLanes) {
    const int64_t lanes = C - c < kLanes ? C - c : kLanes;
    f32x16 sum = load_first(acc + c, lanes);
    for (int64_t t = 0; t < T; ++t) sum = sum + load_first(x + t * ld + c, lanes);
    store_first(acc + c, sum, lanes);
  }
}

}  // namespace nudge::NUDGE_LEVEL
