#include "lib/run/divergence.h"

#include <cmath>
#include <string>

#include "lib/base/error.h"

namespace nudge {

void at_step(std::int64_t step, const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    throw Error(e.status(), "step " + std::to_string(step) + ": training has diverged: " + e.what(),
                "try a lower --lr, a longer --warmup or a lower --max-norm");
  }
}

void check_finite(const Transformer& transformer) {
  for (const TensorInfo& t : transformer.trained().tensors)
    for (std::int64_t i = 0; i < t.size; ++i)
      if (!std::isfinite(transformer.trained_values()[t.offset + i]))
        bad_input("training has diverged: " + t.name + " is not finite", "try a lower --lr");
}

}  // namespace nudge
