// All parameters of a model in one flat array, so the optimizer, the gradient's norm and the digest are loops over one
// array. Tensors are in the order of their names, except that those of one product (q, k and v; gate and up) are
// contiguous, where the first of them would be. Gradients and moments share the layout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/adapter_config.h"
#include "lib/model/config.h"

namespace nudge {

struct TensorInfo {
  std::string name;  // as in the family's checkpoints, with the usual prefix
  std::vector<std::int64_t> shape;
  std::int64_t offset;  // in floats
  std::int64_t size;
};

// Offsets of a product's matrix, or of several contiguous ones (q, k and v; gate and up). Several are [out, in] each, so
// their rows make one [out, in] matrix; a single one may be [in, out]. bias [out]; -1 without.
struct LinearAt {
  std::int64_t weight = -1, bias = -1, in = 0, out = 0;
  bool stored_in_out = false;
};
struct NormAt {
  std::int64_t weight = -1, bias = -1;  // bias -1: RMS norm; weight -1: no norm
};
struct LayerAt {
  NormAt norm1, after1;   // of attention's input and of its output
  NormAt q_norm, k_norm;  // [D], or [H D] and [G D] where over all heads
  LinearAt qkv, proj;
  NormAt norm2, after2;  // of the feed-forward's
  LinearAt up, down;     // up: [gate | up] where gated
};
// The low-rank adapters of one product (docs/mathematics.md, 20), whose matrices each have one of their own, or none.
// Their A stand one below the other, [rank, in]; part i's B is [size, r] of the product's columns first .. first + size
// and the rows r i .. r (i + 1) of A.
struct LowRankAt {
  struct Part {
    std::int64_t b = -1, first = 0, size = 0;
  };
  std::int64_t a = -1, in = 0, rank = 0;  // of all parts together; 0 where none is adapted
  std::vector<Part> parts;
  std::int64_t part_rank() const { return rank / static_cast<std::int64_t>(parts.size()); }
};
struct LayerAdapterAt {
  LowRankAt qkv, proj, up, down;
};

// Heads in a row of the product qkv: query head h at q + h q_step, key and value head g at k + g kv_step and
// v + g kv_step, D numbers each.
struct HeadsAt {
  std::int64_t q = 0, k = 0, v = 0, q_step = 0, kv_step = 0, row = 0;
};

struct Layout {
  Layout() = default;
  explicit Layout(const ModelConfig& config);
  // Of an adapter alone, by PEFT's names: the low-rank matrices, and the score head where the model has one. Errors:
  // kBadInput for a target that no matrix of the model's blocks has for its name.
  Layout(const ModelConfig& config, const AdapterConfig& adapter);

  std::vector<TensorInfo> tensors;  // sorted by name
  std::int64_t size = 0;            // floats in all, padding included
  std::int64_t trained_begin = 0;   // what is frozen stands before that
  std::int64_t embedding = -1;
  std::int64_t positions = -1;    // [position_offset + context, C]; -1 where positions are not learned
  std::int64_t unembedding = -1;  // [V, C]; the embedding itself where tied; -1 without a language head
  std::int64_t score = -1;        // [C]; -1 without a score head
  std::vector<LayerAt> layers;
  std::vector<LayerAdapterAt> adapters;  // a layer each, of an adapter's layout
  HeadsAt heads;
  NormAt final_norm;

  bool trains(std::int64_t offset) const { return offset >= trained_begin; }
  std::int64_t trained_size() const { return size - trained_begin; }
  const TensorInfo* find(std::string_view name) const;
  const TensorInfo* score_tensor() const;  // null without a score head
};

// The names of the linear layers of a block, as an adapter's targets: the last part, or more where that is not unique.
std::vector<std::string> linear_layers(const ModelConfig& config);
std::vector<std::string> attention_layers(const ModelConfig& config);

// N(0, 0.02) weights, residual projections scaled by 1/sqrt(2L), zero biases, norms that weigh by 1 (GPT-2's
// initialisation); the score head N(0, 1/sqrt(C+1)). A pure function of seed and tensor name.
Buffer<float> initial_parameters(const ModelConfig& config, const Layout& layout, std::uint64_t seed);
void initialise_score(const ModelConfig& config, const Layout& layout, std::uint64_t seed, float* values);
// Of an adapter: A uniform in +-1/sqrt(in), B zero, so that the model begins as its base (PEFT's initialisation); the
// score head as above. A pure function of seed and tensor name.
Buffer<float> initial_adapter(const ModelConfig& config, const Layout& layout, std::uint64_t seed);

}  // namespace nudge
