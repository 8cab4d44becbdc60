#include "lib/rl/value_loss.h"

#include <cstddef>
#include <cstdint>

#include "lib/base/parallel.h"

namespace nudge {
namespace {

float square(float x) { return x * x; }

// A NaN passes through.
float within(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

// (8) max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2). By V: 2(V - R) where the first is not smaller, else 0.
void clipped_square(std::span<const float> V, std::span<const float> V_old, std::span<const float> R, float c,
                    ValueLoss& out) {
  for (std::size_t i = 0; i < V.size(); ++i) {
    const float error = V[i] - R[i], plain = square(error);
    const float bounded = c < 0 ? plain : square(within(V[i], V_old[i] - c, V_old[i] + c) - R[i]);
    const bool binds = plain < bounded;
    out.loss[i] = binds ? bounded : plain;
    out.dvalue[i] = binds ? 0.0f : 2 * error;
    out.clipped[i] = binds ? 1.0f : 0.0f;
  }
}

}  // namespace

ValueLoss value_loss(std::span<const float> values, std::span<const float> old_values, std::span<const float> returns,
                     double c) {
  ValueLoss out;
  for (auto* numbers : {&out.loss, &out.dvalue, &out.clipped}) numbers->resize(values.size());
  // One thread, with denormals flushed as in every loop over tokens.
  parallel_for(1, [&](std::int64_t) { clipped_square(values, old_values, returns, static_cast<float>(c), out); });
  return out;
}

}  // namespace nudge
