// A model's configuration, read from a Hugging Face config.json and written as one. Letters used throughout lib/model:
// B sequences, T tokens, C hidden size (channels), H heads, G key-value heads (H / G query heads share one), D channels
// of a head, F size of the feed-forward, V vocabulary, L layers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/model/family.h"

namespace nudge {

enum class Activation { kGeluTanh, kGeluErf, kSilu, kRelu };
// By its name in Hugging Face's configurations; nothing for one that isn't supported.
std::optional<Activation> activation_named(std::string_view name);

// RoPE (docs/mathematics.md, 15): rotates the first `dims` channels of a head, pair by pair.
enum class RopeScaling { kNone, kLinear, kLlama3, kLong };
struct Rotary {
  std::int64_t dims = 0;  // even
  double share = 1;       // of a head's channels, as configurations give it: dims = floor(D share)
  double theta = 10000;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1, low_factor = 1, high_factor = 4;
  std::int64_t original_context = 0;
  // Of kLong: what divides each pair's frequency, and what multiplies cosines and sines. The model's context ends with
  // the original one; the factors beyond it and the context that they are for are kept for files alone.
  std::vector<double> short_factors, long_factors;
  double attention_factor = 1;
  std::int64_t long_context = 0;
};

// How the attention of a layer differs from that of others.
struct LayerForm {
  enum class Rope { kMain, kLocal, kNone };
  std::int64_t window = 0;  // a query sees so many tokens, itself included; 0: all before it
  Rope rope = Rope::kMain;  // kLocal: ModelConfig::local_rotary
  bool operator==(const LayerForm&) const = default;
};

// The head on the backbone: a language model's logits, or one score per token (`score.weight`), which a reward model
// reads at the last token and a critic at every token.
enum class HeadKind { kLanguage, kScore };

struct ModelConfig {
  std::string family = "gpt2";  // its table in family.h: names of tensors and keys
  std::int64_t layers = 0, width = 0, heads = 0, feed_forward = 0, context = 0, vocab = 0;
  std::int64_t kv_head_count = 0;  // G; 0: H, each query head has keys and values of its own
  std::int64_t head_size = 0;      // D; 0: C / H
  NormKind norm = NormKind::kLayer;
  double norm_eps = 1e-5;
  PositionKind positions = PositionKind::kLearned;
  Rotary rotary;
  Rotary local_rotary;                 // of layers whose form says so
  std::int64_t position_offset = 0;    // rows of the learned positions before that of position 0
  std::vector<LayerForm> layer_forms;  // one for each layer, or none where all are alike, as LayerForm() is
  Activation activation = Activation::kGeluTanh;
  bool gated = false;                              // activation(gate) * up
  bool qk_norm = false;                            // RMS norm of each head's queries and keys, before RoPE
  bool parallel = false;                           // attention and feed-forward both read the block's input
  bool norm_offset = false;                        // RMS norms weigh by 1 + weight
  bool norm_before = true, norm_after = false;     // of a sublayer's input; of its output, before the residual is added
  bool qk_norm_whole = false;                      // with qk_norm: over all heads' channels together
  double embedding_scale = 1, residual_scale = 1;  // of the embeddings; of a sublayer's output
  bool root_embedding = false;                     // the embeddings' scale is embedding_scale sqrt(C)
  // Of q . k; 0: 1 / sqrt(query_scalar). Configurations give the one or the other.
  double attention_scale = 0, query_scalar = 0;  // the latter 0: D
  double attention_cap = 0, logit_cap = 0;       // scores and logits become cap tanh(x / cap); 0: they stay
  double logit_divisor = 1;                      // of the logits, before the cap
  bool qkv_bias = true, proj_bias = true, feed_forward_bias = true;
  bool tied = true;  // the head's matrix is the embedding's
  HeadKind head = HeadKind::kLanguage;
  // A language model whose backbone also carries a value head (`--critic shared`). It is no part of the
  // language model's folder or digest.
  bool shared_value = false;
  // Blocks that are not trained, the first ones, and with them the embeddings, a head that is tied to these included.
  // Chosen by the caller, stored in no folder.
  std::int64_t frozen_blocks = 0;
  std::int32_t bos = -1, eos = -1, pad = -1;  // -1 where there is none
  std::vector<std::int32_t> more_eos;         // where "eos_token_id" is a list: those after the first
  Dtype dtype = Dtype::kF32;                  // of the arithmetic: chosen by the caller, stored in no folder
  // Of a reward model: reward = (score - mean) / std (docs/mathematics.md, 3). Other software sees the score.
  double reward_mean = 0, reward_std = 1;

  std::int64_t head_dim() const { return head_size > 0 ? head_size : width / heads; }
  LayerForm form_of(std::int64_t layer) const {
    return layer_forms.empty() ? LayerForm() : layer_forms[static_cast<std::size_t>(layer)];
  }
  double score_scale() const;       // of q . k
  double embedding_factor() const;  // of the embeddings
  std::int64_t kv_heads() const { return kv_head_count > 0 ? kv_head_count : heads; }

  // What all models of a family share, without sizes and rotary dims. Error kInternal for an unknown family.
  static ModelConfig usual(std::string_view family);
  // Throws kBadInput naming `where` and the key: unknown architectures, unsupported keys that change the mathematics,
  // sizes that make no sense.
  static ModelConfig parse(std::string_view json, const std::string& where);
  std::string json(const char* torch_dtype = "float32") const;
  // All that changes the computed function, as one text for digests.
  std::string mathematics() const;
};

}  // namespace nudge
