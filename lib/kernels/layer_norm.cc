// Layer norm of T rows of C channels, and its gradients.
#include "lib/kernels/level.h"
#include "lib/kernels/simd.h"

namespace nudge::NUDGE_LEVEL {
namespace {

NUDGE_INLINE int64_t lanes_at(int64_t c, int64_t C) { return C - c < kLanes ? C - c : kLanes; }

NUDGE_INLINE float row_mean(const float* x, int64_t C) {
  f32x16 sum = broadcast(0.0f);
  int64_t c = 0;
  for (; c + kLanes <= C; c += kLanes) sum = sum + load(x + c);
  if (c < C) sum = sum + load_first(x + c, C - c);
  return quotient_of(sum_lanes(sum), static_cast<float>(C));
}

NUDGE_INLINE float row_variance(const float* x, int64_t C, float mean) {
  f32x16 sum = broadcast(0.0f);
  int64_t c = 0;
  for (; c + kLanes <= C; c += kLanes) {
    const f32x16 d = load(x + c) - broadcast(mean);
    sum = fma(d, d, sum);
  }
  if (c < C) {
    const f32x16 d = select(first(C - c), load_first(x + c, C - c) - broadcast(mean), broadcast(0.0f));
    sum = fma(d, d, sum);
  }
  return quotient_of(sum_lanes(sum), static_cast<float>(C));
}

NUDGE_INLINE f32x16 normalised(f32x16 x, float mean, float rstd) { return (x - broadcast(mean)) * broadcast(rstd); }

// x-hat and dy weight at c, c + 1, ...
struct Pair {
  f32x16 hat, dhat;
};
NUDGE_INLINE Pair pair_at(const float* dy, const float* x, const float* weight, int64_t c, int64_t lanes, float mean,
                          float rstd) {
  if (lanes == kLanes) return {normalised(load(x + c), mean, rstd), load(dy + c) * load(weight + c)};
  return {normalised(load_first(x + c, lanes), mean, rstd), load_first(dy + c, lanes) * load_first(weight + c, lanes)};
}

// Adds dy x-hat and dy of all rows, one after the other, to kVectors vectors of columns; `lanes` of each.
template <int64_t kVectors>
NUDGE_INLINE void add_columns(const float* dy, const float* x, const float* mean, const float* rstd, int64_t T,
                              int64_t C, int64_t c, int64_t lanes, float* dweight, float* dbias) {
  f32x16 weight[kVectors], bias[kVectors];
  for (int64_t j = 0; j < kVectors; ++j) {
    weight[j] = load_first(dweight + c + j * kLanes, lanes);
    bias[j] = load_first(dbias + c + j * kLanes, lanes);
  }
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t j = 0; j < kVectors; ++j) {
      const int64_t at = t * C + c + j * kLanes;
      const f32x16 d = load_first(dy + at, lanes);
      weight[j] = fma(d, normalised(load_first(x + at, lanes), mean[t], rstd[t]), weight[j]);
      bias[j] = bias[j] + d;
    }
  }
  for (int64_t j = 0; j < kVectors; ++j) {
    store_first(dweight + c + j * kLanes, weight[j], lanes);
    store_first(dbias + c + j * kLanes, bias[j], lanes);
  }
}

}  // namespace

void layer_norm(const float* x, const float* weight, const float* bias, int64_t T, int64_t C, float eps, float* y,
                float* mean, float* rstd) {
  for (int64_t t = 0; t < T; ++t, x += C, y += C) {
    const float m = row_mean(x, C);
    const float r = 1.0f / __builtin_sqrtf(row_variance(x, C, m) + eps);
    for (int64_t c = 0; c < C; c += kLanes) {
      const int64_t lanes = lanes_at(c, C);
      const f32x16 hat = normalised(load_first(x + c, lanes), m, r);
      store_first(y + c, fma(hat, load_first(weight + c, lanes), load_first(bias + c, lanes)), lanes);
    }
    mean[t] = m;
    rstd[t] = r;
  }
}

void layer_norm_backward(const float* dy, const float* x, const float* weight, const float* mean, const float* rstd,
                         int64_t T, int64_t C, float* dx) {
  for (int64_t t = 0; t < T; ++t, dy += C, x += C, dx += C) {
    // dx = rstd (dhat - mean(dhat) - x-hat mean(dhat x-hat)); lanes beyond the row have dhat 0.
    f32x16 sum = broadcast(0.0f), product = sum;
    for (int64_t c = 0; c < C; c += kLanes) {
      const Pair a = pair_at(dy, x, weight, c, lanes_at(c, C), mean[t], rstd[t]);
      sum = sum + a.dhat;
      product = fma(a.dhat, a.hat, product);
    }
    const f32x16 mean_dhat = broadcast(quotient_of(sum_lanes(sum), static_cast<float>(C)));
    const f32x16 mean_product = broadcast(quotient_of(sum_lanes(product), static_cast<float>(C)));
    for (int64_t c = 0; c < C; c += kLanes) {
      const int64_t lanes = lanes_at(c, C);
      const Pair a = pair_at(dy, x, weight, c, lanes, mean[t], rstd[t]);
      const f32x16 d = fnma(a.hat, mean_product, a.dhat - mean_dhat);
      store_first(dx + c, fma(d, broadcast(rstd[t]), load_first(dx + c, lanes)), lanes);
    }
  }
}

void layer_norm_parameters(const float* dy, const float* x, const float* mean, const float* rstd, int64_t T, int64_t C,
                           int64_t begin, int64_t end, float* dweight, float* dbias) {
  int64_t c = begin;
  for (; c + 4 * kLanes <= end; c += 4 * kLanes) {
    add_columns<4>(dy, x, mean, rstd, T, C, c, kLanes, dweight, dbias);
  }
  for (; c < end; c += kLanes) add_columns<1>(dy, x, mean, rstd, T, C, c, lanes_at(c, end), dweight, dbias);
}

}  // namespace nudge::NUDGE_LEVEL
