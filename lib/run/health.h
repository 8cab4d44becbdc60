// What tells that an iteration of PPO is not healthy: pure functions from its figures to warnings. docs/recipes.md, "What
// is healthy", explains each bound.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nudge {

struct HealthBounds {
  double kl = 0.1;     // of the step, nats per token; 0: none
  double entropy = 2;  // factor between the entropies of two iterations' samples; 0: none
  double clip = 0.5;   // share of tokens whose ratio is clipped; 1: none
  double equal = 0.5;  // share of groups whose rewards are all equal; 1: none
};

// What is known before any training.
struct SampleHealth {
  std::int64_t trajectories = 0, cut = 0;          // cut: by the length limit
  std::int64_t groups = 0, equal_groups = 0;       // of two answers or more; those whose answers have one reward
  bool no_advantage = false;                       // every token's is 0
  float first_ratio_min = 1, first_ratio_max = 1;  // to the recorded log-probs; 1 where --correct takes their place
  std::optional<double> entropy, last_entropy;     // nats per token; last: of the iteration before
  float coldest = 1, hottest = 1;                  // temperatures of the records
  bool end_is_pad = false;                         // the policy's folder names one token for both
};

// What its updates did.
struct StepHealth {
  double kl = 0;        // of the policy before to the policy after, nats per token
  double approxkl = 0;  // mean over updates
  double clipfrac = 0;
};

std::vector<std::string> warnings_of(const SampleHealth& h, const HealthBounds& bounds);
std::vector<std::string> warnings_of(const StepHealth& h, const HealthBounds& bounds);

}  // namespace nudge
