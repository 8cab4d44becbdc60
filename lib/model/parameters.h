// All numbers of a model in one flat array, tensors in the order of their names, so that the optimizer,
// the gradient's norm and the digest are loops over one array. Gradients and moments share the layout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/config.h"

namespace nudge {

struct TensorInfo {
  std::string name;  // as in the family's checkpoints, with the usual prefix
  std::vector<std::int64_t> shape;
  std::int64_t offset;  // in floats, a multiple of 16
  std::int64_t size;
};

// A matrix [in, out] and its bias [out] as offsets; GPT-2 stores weights in this order.
struct LinearAt {
  std::int64_t weight, bias, in, out;
};
struct NormAt {
  std::int64_t gain, bias;
};
struct LayerAt {
  NormAt norm1;
  LinearAt qkv, proj;
  NormAt norm2;
  LinearAt up, down;
};

struct Layout {
  explicit Layout(const ModelConfig& config);

  std::vector<TensorInfo> tensors;  // sorted by name
  std::int64_t size = 0;            // floats in all, padding included
  std::int64_t embedding, positions;
  std::int64_t unembedding;  // [V, C]; the embedding itself where tied; -1 without a language head
  std::int64_t score;        // [C]; -1 without a score head
  std::vector<LayerAt> layers;
  NormAt final_norm;

  const TensorInfo* find(std::string_view name) const;
};

// N(0, 0.02) weights, residual projections scaled by 1/sqrt(2L), zero biases, unit gains (GPT-2's
// initialisation); the score head N(0, 1/sqrt(C+1)). A pure function of seed and tensor name.
Buffer<float> initial_parameters(const ModelConfig& config, const Layout& layout, std::uint64_t seed);
void initialise_score(const ModelConfig& config, const Layout& layout, std::uint64_t seed, float* values);

}  // namespace nudge
