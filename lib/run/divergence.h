// Errors where training has diverged.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/model/transformer.h"

namespace nudge {

// Calls f. Prefixes an Error about a metric that is not finite with the step, and adds advice.
void at_step(std::int64_t step, const std::function<void()>& f);

// Error kBadInput if a weight is not finite: training has diverged.
void check_finite(const Transformer& transformer);

}  // namespace nudge
