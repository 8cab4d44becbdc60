#include "lib/rl/controller.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "lib/base/error.h"

namespace nudge {
namespace {
constexpr double kMaxError = 0.2;  // Ziegler's clip
constexpr double kMargin = 1.5;    // Schulman's: no change within target/1.5 to 1.5 target
bool positive(double x) { return std::isfinite(x) && x > 0; }
}  // namespace

void KlController::check() const {
  if (kind == KlControl::kFixed) {
    if (!std::isfinite(beta) || beta < 0) usage_error("the KL coefficient must be a number of 0 or more");
    return;
  }
  if (!positive(beta)) usage_error("a KL coefficient that adapts must start above 0", "or keep it fixed");
  if (!positive(target)) usage_error("the KL target must be above 0");
  if (kind == KlControl::kAdaptive && !positive(horizon)) usage_error("the KL horizon must be above 0 sequences");
}

void KlController::update(double kl, std::uint64_t sequences) {
  check();
  if (!std::isfinite(kl)) bad_input("the KL of this iteration is not finite");
  if (kind == KlControl::kAdaptive) {
    const double share = static_cast<double>(sequences) / horizon;
    if (kMaxError * share >= 1)
      usage_error("the KL horizon is too short for a batch of " + std::to_string(sequences) + " sequences",
                  "the horizon must be above a fifth of the batch");
    const double error = std::clamp(kl / target - 1, -kMaxError, kMaxError);
    beta *= 1 + error * share;
  } else if (kind == KlControl::kHalving) {
    if (kl < target / kMargin) beta = std::max(beta / 2, kMinBeta);
    if (kl > target * kMargin) beta = std::min(beta * 2, kMaxBeta);
  }
}

}  // namespace nudge
