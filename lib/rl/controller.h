// The coefficient beta of a KL penalty, from one iteration to the next (docs/mathematics.md, 4 and 11). The caller
// picks the unit: `kl` and `target` are both nats per sequence (Ziegler et al. 2019, section 2.2; the penalty in the
// reward) or both nats per token (Schulman et al. 2017, section 4; the objective `kl`).
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

// The whole state: what a checkpoint must keep.
struct KlController {
  KlControl kind = KlControl::kFixed;
  double beta = 0.05;      // >= 0, and > 0 where it adapts: 0 would stay 0 for ever
  double target = 6.0;     // > 0; kFixed does not read it
  double horizon = 10000;  // > 0, in sequences; only kAdaptive reads it

  // Error kUsage for a setting out of its bounds.
  void check() const;

  // Takes the step after an iteration over `sequences` sequences with mean KL `kl`, which may be below 0, as estimates
  // from samples can be. kHalving keeps beta within [kMinBeta, kMaxBeta], from where it can recover. Errors: kBadInput
  // where kl is not finite; kUsage where kAdaptive could bring beta to 0 in one step (0.2 n >= horizon).
  void update(double kl, std::uint64_t sequences);

  static constexpr double kMinBeta = 1e-6, kMaxBeta = 1e6;
};

}  // namespace nudge
