// Rotary position embedding: each pair of a head's channels is rotated by an angle of the position.
#include "lib/kernels/level.h"
#include "lib/kernels/simd.h"

namespace nudge::NUDGE_LEVEL {

void rotary(float* x, int64_t heads, int64_t step, const float* cosine, const float* sine, int64_t half, bool back) {
  const f32x16 sign = broadcast(back ? -1.0f : 1.0f);  // the opposite angle
  for (int64_t h = 0; h < heads; ++h, x += step) {
    for (int64_t i = 0; i < half; i += kLanes) {
      const int64_t lanes = half - i < kLanes ? half - i : kLanes;
      const f32x16 a = load_first(x + i, lanes), b = load_first(x + half + i, lanes);
      const f32x16 c = load_first(cosine + i, lanes), s = sign * load_first(sine + i, lanes);
      store_first(x + i, fnma(b, s, a * c), lanes);
      store_first(x + half + i, fma(a, s, b * c), lanes);
    }
  }
}

}  // namespace nudge::NUDGE_LEVEL
