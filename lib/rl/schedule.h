// The learning rate of each optimizer step (docs/mathematics.md, 13).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nudge {

enum class Decay { kConstant, kLinear, kCosine };

// Step s counts from 0. While s < warmup the rate is peak (s + 1)/(warmup + 1): no step is wasted on a rate of
// 0, and step `warmup` is the first at the peak. From there it falls over the steps left,
// p = (s - warmup)/(steps - warmup), to min_fraction * peak, which step `steps`, the first after the last one
// planned, would reach: linear m + (1 - m)(1 - p), cosine m + (1 - m)(1 + cos(pi p))/2. Later steps stay there.
struct Schedule {
  Decay decay = Decay::kConstant;
  double peak = 1e-5;       // >= 0
  std::uint64_t steps = 1;  // planned in all, warm-up included; kConstant reads only warmup
  std::uint64_t warmup = 0;
  double min_fraction = 0;  // 0 to 1, of the peak; kConstant does not read it

  // Throws kUsage with the cause for a setting out of its bounds.
  void check() const;

  float rate(std::uint64_t step) const;
};

}  // namespace nudge
