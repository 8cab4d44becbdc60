// Losses of single tokens and pairs, each with its gradient, to be minimised.
#include "lib/kernels/level.h"
#include "lib/kernels/vector_math.h"

namespace nudge::NUDGE_LEVEL {
namespace {

// Calls f(i, lanes) for each run of 16, the last with the lanes that remain.
template <class F>
NUDGE_INLINE void for_lanes(int64_t n, F f) {
  for (int64_t i = 0; i < n; i += kLanes) f(i, n - i < kLanes ? n - i : kLanes);
}

// clip(x, low, high) in an order of operands that keeps a NaN in x.
NUDGE_INLINE f32x16 clip(f32x16 x, f32x16 low, f32x16 high) { return min(high, max(low, x)); }

}  // namespace

void bradley_terry(const float* chosen, const float* rejected, const float* margin, int64_t n, float* loss,
                   float* dchosen) {
  for_lanes(n, [=](int64_t i, int64_t lanes) {
    f32x16 difference = load_first(chosen + i, lanes) - load_first(rejected + i, lanes);
    if (margin != nullptr) difference = difference - load_first(margin + i, lanes);
    store_first(loss + i, negate(log_sigmoid(difference)), lanes);
    // sigmoid(difference) - 1, without its cancellation.
    store_first(dchosen + i, negate(sigmoid(negate(difference))), lanes);
  });
}

void policy_clip(const float* new_logprob, const float* old_logprob, const float* advantage, int64_t n, float low,
                 float high, float* ratio, float* loss, float* dlogprob, float* clipped) {
  const float floor = 1.0f - low, ceiling = 1.0f + high;
  for_lanes(n, [=](int64_t i, int64_t lanes) {
    const f32x16 r = exp(load_first(new_logprob + i, lanes) - load_first(old_logprob + i, lanes));
    const f32x16 weight = negate(load_first(advantage + i, lanes));
    const f32x16 plain = weight * r, bounded = weight * clip(r, broadcast(floor), broadcast(ceiling));
    const mask16 binds = plain < bounded;
    store_first(ratio + i, r, lanes);
    store_first(loss + i, select(binds, bounded, plain), lanes);
    // Where the bounded form is strictly larger the ratio is outside its bounds: no gradient.
    store_first(dlogprob + i, select(binds, broadcast(0.0f), plain), lanes);
    store_first(clipped + i, select(binds, broadcast(1.0f), broadcast(0.0f)), lanes);
  });
}

void value_clip(const float* value, const float* old_value, const float* target, int64_t n, float c, float* loss,
                float* dvalue, float* clipped) {
  for_lanes(n, [=](int64_t i, int64_t lanes) {
    const f32x16 v = load_first(value + i, lanes), goal = load_first(target + i, lanes);
    const f32x16 error = v - goal, plain = error * error, zero = broadcast(0.0f);
    f32x16 bounded = plain;
    if (c >= 0.0f) {
      const f32x16 old = load_first(old_value + i, lanes);
      const f32x16 near = clip(v, old - broadcast(c), old + broadcast(c)) - goal;
      bounded = near * near;
    }
    const mask16 binds = plain < bounded;
    store_first(loss + i, select(binds, bounded, plain), lanes);
    store_first(dvalue + i, select(binds, zero, error + error), lanes);
    store_first(clipped + i, select(binds, broadcast(1.0f), zero), lanes);
  });
}

}  // namespace nudge::NUDGE_LEVEL
