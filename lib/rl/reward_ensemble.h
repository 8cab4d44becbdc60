// The rewards of several reward models combined to one (docs/mathematics.md, 3).
#pragma once

#include <span>

namespace nudge {

enum class Combine { kMean, kLeast, kUncertainty };

struct CombineOptions {
  Combine how = Combine::kMean;
  float uncertainty_weight = 0.1f;  // kUncertainty: of the models' variance, which is taken off their mean
};

// `rewards`: one of each model, at least one; that of a single model comes back unchanged.
float combined_reward(std::span<const float> rewards, const CombineOptions& options);

}  // namespace nudge
