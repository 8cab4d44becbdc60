// AdamW over all parameters of a model, with the gradient clipped by its norm (docs/mathematics.md, 13).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/parameters.h"
#include "lib/model/transformer.h"

namespace nudge {

// Bounds in float32, in which a step computes: the largest beta below 1, an eps that is not flushed to 0.
inline constexpr double kMostBeta = 0.9999999, kLeastEps = 1e-30;

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  double max_norm = 1;  // of the gradient, for trainers of a single model; 0: not clipped
};

// The norm of several gradients as one vector. Sums squares in runs of 4,096 and adds the runs in order.
double gradient_norm(std::span<const Buffer<float>* const> gradients);

// The factor that clips the gradient: min(1, max_norm / (norm + 1e-6)), as in PyTorch; 1 for max_norm 0.
float clip_coefficient(double norm, double max_norm);

class Adam {
 public:
  Adam(const Layout& layout, AdamOptions options);
  // Of one tensor of a model; the others stay as they are.
  Adam(const Layout& layout, AdamOptions options, const TensorInfo& tensor);

  // The norm of the part of `gradient`, that of all that the model trains, by which a step goes.
  double norm(const Buffer<float>& gradient) const;
  // One step: updates the model's parameters and packs the head again.
  void step(Transformer& model, const Buffer<float>& gradient, float rate, float gradient_scale);
  std::int64_t steps() const { return steps_; }
  const AdamOptions& options() const { return options_; }
  std::string digest() const;  // of moments and steps

  // Moments are the tensors "m.NAME" and "v.NAME" of one safetensors file. `steps` is stored in the trainer's state.
  void save(const std::string& path) const;
  void load(const std::string& path, std::int64_t steps);

 private:
  std::vector<TensorInfo> tensors_;
  std::int64_t first_ = 0, in_gradient_ = 0;  // where they begin among the model's parameters, and in its gradient
  AdamOptions options_;
  Buffer<float> m_, v_;
  std::int64_t steps_ = 0;
};

}  // namespace nudge
