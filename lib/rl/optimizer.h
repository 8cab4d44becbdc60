// AdamW over all numbers of a model, with the gradient clipped to a norm (docs/mathematics.md, 13).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/buffer.h"
#include "lib/model/parameters.h"
#include "lib/model/transformer.h"

namespace nudge {

// What stays below 1, and above 0 with denormals flushed, as the float32 that a step computes with.
inline constexpr double kMostBeta = 0.9999999, kLeastEps = 1e-30;

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  double max_norm = 1;  // of the gradient, where it is of one model; 0 doesn't clip
};

// The norm of several gradients taken as one vector: squares in runs of 4,096, the runs added in order.
double gradient_norm(std::span<const Buffer<float>* const> gradients);

// What clipping multiplies the gradient by: min(1, max_norm / (norm + 1e-6)), PyTorch's form; 1 for max_norm 0.
float clip_coefficient(double norm, double max_norm);

class Adam {
 public:
  Adam(const Layout& layout, AdamOptions options);

  // One step: changes the model's parameters and packs the head's again.
  void step(Transformer& model, const Buffer<float>& gradient, float rate, float gradient_scale);
  std::int64_t steps() const { return steps_; }
  const AdamOptions& options() const { return options_; }
  std::string digest() const;  // of moments and steps

  // Moments as tensors "m.NAME" and "v.NAME" of one safetensors file; `steps` travels in the trainer's state.
  void save(const std::string& path) const;
  void load(const std::string& path, std::int64_t steps);

 private:
  const Layout& layout_;
  AdamOptions options_;
  Buffer<float> m_, v_;
  std::int64_t steps_ = 0;
};

}  // namespace nudge
