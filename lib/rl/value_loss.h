// The critic's loss, to be minimised: for each response token its value and derivative by V (docs/mathematics.md, 8).
#pragma once

#include <span>
#include <vector>

namespace nudge {

// Arrays of n numbers, one a token.
struct ValueLoss {
  std::vector<float> loss;     // without a factor 1/2
  std::vector<float> dvalue;   // its derivative by V
  std::vector<float> clipped;  // 1 where the clip takes the gradient away, else 0
};

// max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2), or (V - R)^2 where c is negative: then old_values may be
// empty. `c` is in the returns' unit.
ValueLoss value_loss(std::span<const float> values, std::span<const float> old_values, std::span<const float> returns,
                     double c);

}  // namespace nudge
