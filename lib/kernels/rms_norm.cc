// RMS norm of T rows of C channels, and its gradients: layer norm without mean and bias.
#include "lib/kernels/level.h"
#include "lib/kernels/simd.h"

namespace nudge::NUDGE_LEVEL {
namespace {

NUDGE_INLINE int64_t lanes_at(int64_t c, int64_t C) { return C - c < kLanes ? C - c : kLanes; }

// Adding 0 instead would lose the sign of a weight of -0.
NUDGE_INLINE f32x16 gain_at(const float* weight, bool plus_one, int64_t c, int64_t lanes) {
  const f32x16 w = load_first(weight + c, lanes);
  return plus_one ? w + broadcast(1.0f) : w;
}

// Adds dy x-hat of all rows, one after the other, to kVectors vectors of columns; `lanes` of each.
template <int64_t kVectors>
NUDGE_INLINE void add_columns(const float* dy, const float* x, const float* rstd, int64_t T, int64_t C, int64_t c,
                              int64_t lanes, float* dweight) {
  f32x16 weight[kVectors];
  for (int64_t j = 0; j < kVectors; ++j) weight[j] = load_first(dweight + c + j * kLanes, lanes);
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t j = 0; j < kVectors; ++j) {
      const int64_t at = t * C + c + j * kLanes;
      weight[j] = fma(load_first(dy + at, lanes), load_first(x + at, lanes) * broadcast(rstd[t]), weight[j]);
    }
  }
  for (int64_t j = 0; j < kVectors; ++j) store_first(dweight + c + j * kLanes, weight[j], lanes);
}

}  // namespace

void rms_norm(const float* x, const float* weight, bool plus_one, int64_t T, int64_t C, float eps, float* y,
              float* rstd) {
  for (int64_t t = 0; t < T; ++t, x += C, y += C) {
    f32x16 sum = broadcast(0.0f);
    for (int64_t c = 0; c < C; c += kLanes) {
      const f32x16 v = load_first(x + c, lanes_at(c, C));
      sum = fma(v, v, sum);
    }
    const float r = 1.0f / __builtin_sqrtf(quotient_of(sum_lanes(sum), static_cast<float>(C)) + eps);
    for (int64_t c = 0; c < C; c += kLanes) {
      const int64_t lanes = lanes_at(c, C);
      store_first(y + c, load_first(x + c, lanes) * broadcast(r) * gain_at(weight, plus_one, c, lanes), lanes);
    }
    rstd[t] = r;
  }
}

void rms_norm_backward(const float* dy, const float* x, const float* weight, bool plus_one, const float* rstd,
                       int64_t T, int64_t C, float* dx) {
  for (int64_t t = 0; t < T; ++t, dy += C, x += C, dx += C) {
    // dx = rstd (dhat - x-hat mean(dhat x-hat)); lanes beyond the row are 0.
    const f32x16 r = broadcast(rstd[t]);
    f32x16 product = broadcast(0.0f);
    for (int64_t c = 0; c < C; c += kLanes) {
      const int64_t lanes = lanes_at(c, C);
      product =
          fma(load_first(dy + c, lanes) * gain_at(weight, plus_one, c, lanes), load_first(x + c, lanes) * r, product);
    }
    const f32x16 mean = broadcast(quotient_of(sum_lanes(product), static_cast<float>(C)));
    for (int64_t c = 0; c < C; c += kLanes) {
      const int64_t lanes = lanes_at(c, C);
      const f32x16 dhat = load_first(dy + c, lanes) * gain_at(weight, plus_one, c, lanes);
      const f32x16 d = fnma(load_first(x + c, lanes) * r, mean, dhat);
      store_first(dx + c, fma(d, r, load_first(dx + c, lanes)), lanes);
    }
  }
}

void rms_norm_parameters(const float* dy, const float* x, const float* rstd, int64_t T, int64_t C, int64_t begin,
                         int64_t end, float* dweight) {
  int64_t c = begin;
  for (; c + 4 * kLanes <= end; c += 4 * kLanes) add_columns<4>(dy, x, rstd, T, C, c, kLanes, dweight);
  for (; c < end; c += kLanes) add_columns<1>(dy, x, rstd, T, C, c, lanes_at(c, end), dweight);
}

}  // namespace nudge::NUDGE_LEVEL
