#include "lib/rl/reward_ensemble.h"

#include <algorithm>

namespace nudge {

float combined_reward(std::span<const float> rewards, const CombineOptions& options) {
  if (rewards.size() == 1) return rewards[0];
  if (options.how == Combine::kLeast) return *std::min_element(rewards.begin(), rewards.end());
  const double n = static_cast<double>(rewards.size());
  double sum = 0, squares = 0;
  for (const float r : rewards) sum += static_cast<double>(r);
  const double mean = sum / n;
  if (options.how == Combine::kMean) return static_cast<float>(mean);
  for (const float r : rewards) squares += (static_cast<double>(r) - mean) * (static_cast<double>(r) - mean);
  return static_cast<float>(mean - static_cast<double>(options.uncertainty_weight) * (squares / n));
}

}  // namespace nudge
