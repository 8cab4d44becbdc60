// One step of AdamW over n parameters.
#include "lib/kernels/level.h"
#include "lib/kernels/simd.h"

namespace nudge::NUDGE_LEVEL {
namespace {

struct Lanes {
  f32x16 p, m, v;
};

NUDGE_INLINE Lanes advance(Lanes a, f32x16 g, const AdamStep& step) {
  g = g * broadcast(step.gradient_scale);
  // m + (1 - beta1)(g - m), PyTorch's lerp.
  a.m = fma(broadcast(1.0f - step.beta1), g - a.m, a.m);
  a.v = fma(broadcast(1.0f - step.beta2) * g, g, broadcast(step.beta2) * a.v);
  const f32x16 root = sqrt(a.v * broadcast(1.0f / step.correction2)) + broadcast(step.eps);
  // Decay and step are added first and subtracted at once: with a small rate each alone may be less
  // than half a unit of p's last place and vanish.
  const f32x16 moved = broadcast(step.lr / step.correction1) * a.m / root;
  a.p = a.p - fma(broadcast(step.lr * step.weight_decay), a.p, moved);
  return a;
}

}  // namespace

void adamw(float* p, const float* g, float* m, float* v, int64_t n, const AdamStep* step) {
  const AdamStep s = *step;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Lanes a = advance({load(p + i), load(m + i), load(v + i)}, load(g + i), s);
    store(p + i, a.p);
    store(m + i, a.m);
    store(v + i, a.v);
  }
  if (i == n) return;
  const int64_t rest = n - i;
  const Lanes a =
      advance({load_first(p + i, rest), load_first(m + i, rest), load_first(v + i, rest)}, load_first(g + i, rest), s);
  store_first(p + i, a.p, rest);
  store_first(m + i, a.m, rest);
  store_first(v + i, a.v, rest);
}

}  // namespace nudge::NUDGE_LEVEL
