// The families of models: what each calls its tensors and configuration keys, what its configuration leaves unsaid,
// and where its block differs. Adding a family is one table in family.cc and its goldens (docs/architecture.md);
// nothing else in the library asks for a family by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

enum class NormKind { kLayer, kRms };
enum class PositionKind { kLearned, kRotary };
// How queries, keys and values stand in the rows of their product: all queries, all keys, all values; or head by
// head its query, key and value.
enum class QkvOrder { kParts, kHeads };

struct Family {
  const char* model_type;
  struct Architectures {
    const char *language, *score, *backbone;
  } architectures;

  // "" where the family has no such tensor. Names of matrices and norms stand without ".weight" and ".bias".
  struct Tensors {
    const char* prefix;  // of all but the heads; files may leave it out
    const char *embedding, *positions, *final_norm, *head;
    const char* block;  // followed by the layer's number and "."
    const char *norm1, *norm2, *q_norm, *k_norm;
    const char* qkv[3];  // one fused matrix, or three
    const char* proj;
    const char* up[2];  // one matrix; gate and up where gated
    const char* down;
    const char* ignored[3];  // ends of the names of masks and tables that old files store beside the parameters
    bool stored_in_out;      // matrices are [in, out], else [out, in]
    QkvOrder order;
  } tensors;

  struct Block {
    NormKind norm;
    PositionKind positions;
    bool gated;  // SwiGLU instead of up, activation, down
    bool qk_norm;
  } block;

  // "" where the family has no such key.
  struct Keys {
    const char *layers, *width, *heads, *kv_heads, *head_dim, *feed_forward, *context, *context_copy, *eps, *activation;
    const char *theta, *rotary_share, *parallel;
    const char* dropouts[3];  // written as 0: Hugging Face's default is not
  } keys;

  // A bias by a key of the configuration, or always the same where the key is "".
  struct Bias {
    const char* key;
    bool fallback;
  };
  Bias qkv_bias, proj_bias, feed_forward_bias;

  // What Hugging Face takes for a key that is absent.
  struct Defaults {
    std::int64_t kv_heads;      // 0: as many as heads
    std::int64_t head_dim;      // 0: width / heads
    std::int64_t feed_forward;  // 0: four widths
    std::int64_t context;
    double eps;
    const char* activation;
    bool tied;
    std::int32_t bos, eos;  // -1: none; taken where the vocabulary has them
    double theta, rotary_share;
    bool parallel;
    std::int64_t window;  // of attention; 0: none
    bool window_flag;     // "use_sliding_window" decides about the window, and is false by default
  } defaults;
};

// Null where there is none of that model_type.
const Family* find_family(std::string_view model_type);
// Error kInternal where there is none.
const Family& family_of(std::string_view model_type);
std::vector<std::string> family_types();  // the model_types
std::string family_names();               // likewise, comma-separated

}  // namespace nudge
