// The learning rate of each optimizer step (docs/mathematics.md, 13).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nudge {

enum class Decay { kConstant, kLinear, kCosine };

// Step s counts from 0. While s < warmup the rate is peak (s + 1)/(warmup + 1): no step has the rate 0, and step
// `warmup` is the first at the peak. Then it falls with p = (s - warmup)/(steps - warmup): linear m + (1 - m)(1 - p),
// cosine m + (1 - m)(1 + cos(pi p))/2, times the peak. It would reach m = min_fraction at step `steps`, one past the
// last, and stays.
struct Schedule {
  Decay decay = Decay::kConstant;
  double peak = 1e-5;       // >= 0
  std::uint64_t steps = 1;  // in all, warm-up included; kConstant does not read it
  std::uint64_t warmup = 0;
  double min_fraction = 0;  // of the peak, 0 to 1; kConstant does not read it

  // Error kUsage for a setting out of its bounds.
  void check() const;

  float rate(std::uint64_t step) const;
};

}  // namespace nudge
