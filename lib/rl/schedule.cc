#include "lib/rl/schedule.h"

#include <cmath>

#include "lib/base/error.h"
#include "lib/base/scalar_math.h"

namespace nudge {

void Schedule::check() const {
  if (!std::isfinite(peak) || peak < 0) usage_error("the learning rate must be a number of 0 or more");
  if (!(min_fraction >= 0 && min_fraction <= 1))
    usage_error("the minimum learning rate must be a fraction of the peak, from 0 to 1");
  if (decay != Decay::kConstant && warmup > steps) usage_error("the warm-up is longer than the steps planned");
}

float Schedule::rate(std::uint64_t step) const {
  if (step < warmup)
    return static_cast<float>(peak * (static_cast<double>(step + 1) / static_cast<double>(warmup + 1)));
  if (decay == Decay::kConstant) return static_cast<float>(peak);
  const double p = step >= steps ? 1.0 : static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
  const double left = decay == Decay::kLinear ? 1 - p : 0.5 * (1 + det_cos_turns(0.5 * p));
  return static_cast<float>(peak * (min_fraction + (1 - min_fraction) * left));
}

}  // namespace nudge
