// The coefficient beta of a KL penalty from one iteration to the next. The controller does not know its unit:
// `kl` and `target` are both nats per sequence (Ziegler et al. 2019, equation 3; the penalty in the reward) or
// both nats per token (Schulman et al. 2017, section 4; the objective `kl`), whichever the caller says. See
// docs/mathematics.md, 4 and 11.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nudge {

enum class KlControl {
  kFixed,     // beta stays
  kAdaptive,  // beta <- beta (1 + clip(kl/target - 1, -0.2, 0.2) n/horizon), n sequences: Ziegler's
  kHalving,   // beta/2 below target/1.5, 2 beta above 1.5 target: PPO's with an adaptive penalty
};

// All of its state: what a checkpoint must keep.
struct KlController {
  KlControl kind = KlControl::kFixed;
  double beta = 0.05;      // >= 0, and > 0 where it adapts: 0 would stay 0 for ever
  double target = 6.0;     // > 0; kFixed does not read it
  double horizon = 10000;  // > 0, in sequences; only kAdaptive reads it

  // Throws kUsage with the cause for a setting out of its bounds.
  void check() const;

  // After an iteration over `sequences` sequences with the mean KL `kl`. A kl below 0 (estimates from samples
  // can be) is taken as it is. Throws kBadInput where kl is not finite, and kUsage where kAdaptive's batch is so
  // large for the horizon that beta could reach 0 in one step (0.2 n >= horizon). kHalving keeps beta within
  // [kMinBeta, kMaxBeta], so that it can come back.
  void update(double kl, std::uint64_t sequences);

  static constexpr double kMinBeta = 1e-6, kMaxBeta = 1e6;
};

}  // namespace nudge
