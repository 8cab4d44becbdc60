// Model families: their names for tensors and configuration keys, their defaults, and how their blocks differ. Adding a
// family takes one table in family.cc and its goldens (docs/architecture.md); nothing else in the library asks for a
// family by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

enum class NormKind { kLayer, kRms };
enum class PositionKind { kLearned, kRotary };
// The order within a row of the product qkv: all queries, all keys, all values; or head by head its query, key, value.
enum class QkvOrder { kParts, kHeads };

struct Family {
  const char* model_type;
  struct Architectures {
    const char *language, *score, *backbone;
  } architectures;

  // "" where the family has no such tensor. Names of matrices and norms omit ".weight" and ".bias".
  struct Tensors {
    const char* prefix;  // of all but the heads; files may omit it
    const char *embedding, *positions, *final_norm, *head;
    const char* block;  // followed by the layer's number and "."
    const char *norm1, *norm2, *q_norm, *k_norm;
    const char *after1 = "", *after2 = "";  // norms of the outputs of attention and feed-forward
    const char* qkv[3];                     // one fused matrix, or three
    const char* proj;
    const char* up[2];  // one matrix; gate and up where gated, or both as one matrix
    const char* down;
    const char* ignored[3];  // suffixes of masks and tables that old files store beside the parameters
    bool stored_in_out;      // matrices are [in, out], else [out, in]
    QkvOrder order;
  } tensors;

  struct Block {
    NormKind norm;
    PositionKind positions;
    bool gated;  // activation(gate) up instead of activation(up)
    bool qk_norm;
    bool norm_offset = false, qk_norm_whole = false;  // see ModelConfig; the latter with QkvOrder::kParts
    std::int64_t position_offset = 0;                 // likewise
    bool root_embedding = false;                      // likewise
  } block;

  // "" where the family has no such key.
  struct Keys {
    const char *layers, *width, *heads, *kv_heads, *head_dim, *feed_forward, *context, *context_copy, *eps, *activation;
    const char *theta, *rotary_share, *parallel;
    const char* dropouts[3];  // written as 0: Hugging Face's default is not
    // Of the forward's scales and caps, see ModelConfig.
    const char *embedding_scale = "", *residual_scale = "", *attention_scale = "", *query_scalar = "";
    const char *logit_divisor = "", *attention_cap = "", *logit_cap = "";
  } keys;

  // Whether there is a bias: the configuration's key, or the fallback where the key is "".
  struct Bias {
    const char* key;
    bool fallback;
  };
  Bias qkv_bias, proj_bias, feed_forward_bias;

  // What differs by layer.
  struct ByLayer {
    // Layers with a window where the list "layer_types" is absent: all, whatever that list says; those from
    // "max_window_layers" on; all but each n-th; those without RoPE; those that "attention_types" calls local.
    enum class Windowed { kNone, kAll, kLast, kAllButEach, kWithoutRope, kLocalTypes } windowed = Windowed::kNone;
    const char* window = "sliding_window";  // the key of its length
    const char* each = "";                  // the key of n, and its default
    std::int64_t usual_each = 0;
    // A list of 1 and 0, whether a layer has RoPE, and where it is absent: all but each n-th have.
    const char *ropes = "", *no_rope_each = "";
    std::int64_t usual_no_rope_each = 0;
    const char* local_theta = "";  // the key of the RoPE base of layers with a window, and its default
    double usual_local_theta = 0;
  } by_layer = {};

  // Hugging Face's defaults for absent keys.
  struct Defaults {
    std::int64_t kv_heads;      // 0: as many as heads
    std::int64_t head_dim;      // 0: width / heads
    std::int64_t feed_forward;  // 0: 4 C
    std::int64_t context;
    double eps;
    const char* activation;
    bool tied;
    std::int32_t bos, eos;  // -1: none; taken where the vocabulary has them
    double theta, rotary_share;
    bool parallel;
    std::int64_t window;  // of attention; 0: none
    bool window_flag;     // "use_sliding_window" decides about the window, and is false by default
    std::int32_t pad = -1;
    double attention_scale = 0, query_scalar = 0, attention_cap = 0, logit_cap = 0;  // see ModelConfig
  } defaults;
};

// Null for an unknown model_type.
const Family* find_family(std::string_view model_type);
// Error kInternal for an unknown model_type.
const Family& family_of(std::string_view model_type);
std::vector<std::string> family_types();  // the model_types
std::string family_names();               // likewise, comma-separated

}  // namespace nudge
