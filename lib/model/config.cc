#include "lib/model/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "lib/base/error.h"
#include "lib/model/config_attention.h"
#include "lib/model/config_keys.h"
#include "lib/model/foreign_folder.h"

namespace nudge {
namespace {

using element = ConfigKeys::element;
using Keys = ConfigKeys;

HeadKind head_of(const Keys& keys, const Family::Architectures& known) {
  element list;
  if (!keys.find("architectures", list)) return HeadKind::kLanguage;
  const auto names = JsonReader::as<JsonReader::Array>(list);
  if (!names || names->size() != 1 || !names->at(0).is_string())
    keys.refuse("architectures", "is not a list of one name");
  const auto name = *JsonReader::as<std::string_view>(names->at(0).value_unsafe());
  if (name == known.language || name == known.backbone) return HeadKind::kLanguage;
  if (name == known.score) return HeadKind::kScore;
  keys.refuse("architectures", "names " + std::string(name) + ", which is not supported",
              advice_on_class(name, known.score));
}

// SiLU has no kernel without a gate. Gemma's files may have both hidden_act and hidden_activation, and they may differ, as
// gemma-2b's do: each family reads the one that transformers reads.
Activation activation_of(const Keys& keys, const Family& family) {
  const char* key = family.keys.activation;
  const std::string name = keys.text(key, family.defaults.activation);
  const std::optional<Activation> activation = activation_named(name);
  if (!activation || (*activation == Activation::kSilu && !family.block.gated))
    keys.refuse(key, "is " + name + ", which is not supported");
  return *activation;
}

// Keys that change the mathematics: anything but their default is refused rather than ignored.
void refuse_unsupported(const Keys& keys, const Family::Keys& own) {
  for (const char* key : {"scale_attn_weights", "layer_norm_elementwise_affine"})
    if (!keys.flag(key, true)) keys.refuse(key, "false is not supported");
  if (!keys.flag("do_layer_norm_before", true))
    keys.refuse("do_layer_norm_before", "false is not supported: norms would follow the residuals, as OPT-350m's do");
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention", "is_encoder_decoder",
                          "_remove_final_layer_norm", "use_bidirectional_attention"})
    if (keys.flag(key, false)) keys.refuse(key, "true is not supported");
  element value;
  const auto is_own = [&own](std::string_view key) {
    return std::ranges::any_of(std::array{own.embedding_scale, own.residual_scale, own.attention_scale,
                                          own.query_scalar, own.logit_divisor, own.attention_cap, own.logit_cap},
                               [key](const char* name) { return name == key; });
  };
  // clang-format off
  for (const char* key : {"quantization_config", "pruned_heads", "attention_multiplier", "embedding_multiplier",
                          "residual_multiplier", "logits_scaling", "logit_scale", "attn_logit_softcapping",
                          "final_logit_softcapping", "query_pre_attn_scalar", "clip_qkv", "alibi",
                          "attention_chunk_size", "dual_chunk_attention_config", "rope_interleaved", "use_mrope",
                          "use_qk_norm", "qk_layernorm", "mlp_only_layers", "num_local_experts", "num_experts"})
    // clang-format on
    if (!is_own(key) && keys.find(key, value) && !is_nothing(value)) keys.refuse(key, "is not supported");
}

// The embeddings' width, where it may differ from the blocks'.
void refuse_projections(const Keys& keys, std::int64_t width) {
  if (keys.size("word_embed_proj_dim", width, kWidest) != width)
    keys.refuse("word_embed_proj_dim", "differs from hidden_size, which is not supported: OPT-350m's projections");
}

// Null means none, where an absent key may mean the family's own cap.
double cap_of(const Keys& keys, const char* key, double usual) {
  element value;
  if (keys.has(key) ? !keys.find(key, value) : usual == 0) return 0;
  return keys.positive(key, usual);
}

void read_scales(const Keys& keys, const Family& family, ModelConfig& c) {
  const Family::Keys& names = family.keys;
  const Family::Defaults& usual = family.defaults;
  c.embedding_scale = keys.positive(names.embedding_scale, 1);
  c.residual_scale = keys.positive(names.residual_scale, 1);
  if (usual.attention_scale > 0) c.attention_scale = keys.positive(names.attention_scale, usual.attention_scale);
  if (usual.query_scalar > 0) c.query_scalar = keys.positive(names.query_scalar, usual.query_scalar);
  c.logit_divisor = keys.positive(names.logit_divisor, 1);
  c.attention_cap = cap_of(keys, names.attention_cap, usual.attention_cap);
  c.logit_cap = cap_of(keys, names.logit_cap, usual.logit_cap);
}

// null means what follows from the other sizes, which is not what an absent key means in every family.
void read_heads(const Keys& keys, const Family& family, ModelConfig& c) {
  const Family::Keys& names = family.keys;
  if (*names.head_dim != 0) {
    c.head_size = keys.size(names.head_dim, keys.has(names.head_dim) ? 0 : family.defaults.head_dim, kWidest);
    if (c.head_size > kWidest / c.heads) keys.refuse(names.head_dim, "is not a sensible size");
  }
  if (c.head_size == 0 && c.width % c.heads != 0)
    keys.refuse(names.heads, "does not divide " + std::string(names.width));
  if (*names.kv_heads != 0) {
    const bool as_heads = keys.has(names.kv_heads) || family.defaults.kv_heads == 0;
    c.kv_head_count = keys.size(names.kv_heads, as_heads ? c.heads : family.defaults.kv_heads);
    if (c.heads % c.kv_head_count != 0) keys.refuse(names.kv_heads, "does not divide " + std::string(names.heads));
  }
}

}  // namespace

std::optional<Activation> activation_named(std::string_view name) {
  for (const char* tanh_form : {"gelu_new", "gelu_pytorch_tanh", "gelu_fast"})
    if (name == tanh_form) return Activation::kGeluTanh;
  if (name == "gelu") return Activation::kGeluErf;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "relu") return Activation::kRelu;
  return std::nullopt;
}

double ModelConfig::score_scale() const {
  if (attention_scale > 0) return attention_scale;
  return 1.0 / std::sqrt(query_scalar > 0 ? query_scalar : static_cast<double>(head_dim()));
}

// Gemma's code has the root as a float, whatever the model's type.
double ModelConfig::embedding_factor() const {
  const auto root = static_cast<float>(std::sqrt(static_cast<double>(width)));
  return root_embedding ? embedding_scale * static_cast<double>(root) : embedding_scale;
}

ModelConfig ModelConfig::usual(std::string_view family) {
  const Family& f = family_of(family);
  ModelConfig c;
  c.family = f.model_type;
  c.norm = f.block.norm;
  c.norm_eps = f.defaults.eps;
  c.positions = f.block.positions;
  c.rotary.theta = f.defaults.theta;
  c.rotary.share = f.defaults.rotary_share;
  c.gated = f.block.gated;
  c.activation = activation_named(f.defaults.activation).value();
  c.position_offset = f.block.position_offset;
  c.root_embedding = f.block.root_embedding;
  c.attention_scale = f.defaults.attention_scale, c.query_scalar = f.defaults.query_scalar;
  c.attention_cap = f.defaults.attention_cap, c.logit_cap = f.defaults.logit_cap;
  c.qk_norm = f.block.qk_norm;
  c.qk_norm_whole = f.block.qk_norm_whole;
  c.norm_offset = f.block.norm_offset;
  c.norm_before = *f.tensors.norm1 != 0;
  c.norm_after = *f.tensors.after1 != 0;
  c.parallel = f.defaults.parallel;
  c.qkv_bias = f.qkv_bias.fallback;
  c.proj_bias = f.proj_bias.fallback;
  c.feed_forward_bias = f.feed_forward_bias.fallback;
  c.tied = f.defaults.tied;
  return c;
}

ModelConfig ModelConfig::parse(std::string_view json, const std::string& where) {
  const JsonReader reader(json, where, kModelFileAdvice);
  const Keys keys(reader, reader.object(reader.root(), "the file"));
  const std::string type = keys.text("model_type", "");
  const Family* family = find_family(type);
  if (family == nullptr)
    keys.refuse("model_type",
                "is \"" + type + "\"" + std::string(clause_on_model_type(type)) + "; supported: " + family_names());
  const Family::Keys& names = family->keys;
  const Family::Defaults& defaults = family->defaults;
  ModelConfig c = usual(type);
  refuse_unsupported(keys, names);
  c.head = head_of(keys, family->architectures);
  c.layers = keys.size(names.layers, -1, kMostLayers);
  c.width = keys.size(names.width, -1, kWidest);
  c.heads = keys.size(names.heads, -1, kWidest);
  c.context = keys.size(names.context,
                        *names.context_copy != 0 ? keys.size(names.context_copy, defaults.context) : defaults.context);
  c.vocab = keys.size("vocab_size");
  c.feed_forward =
      keys.size(names.feed_forward, defaults.feed_forward > 0 ? defaults.feed_forward : 4 * c.width, kWidest);
  read_heads(keys, *family, c);
  c.norm_eps = keys.positive(names.eps, defaults.eps);
  c.activation = activation_of(keys, *family);
  refuse_projections(keys, c.width);
  read_scales(keys, *family, c);
  if (c.positions == PositionKind::kRotary) read_rotary(keys, *family, c);
  else refuse_rotary(keys);
  read_layer_forms(keys, *family, c);
  const auto bias = [&](const Family::Bias& b) { return *b.key != 0 ? keys.flag(b.key, b.fallback) : b.fallback; };
  c.qkv_bias = bias(family->qkv_bias);
  c.proj_bias = bias(family->proj_bias);
  c.feed_forward_bias = bias(family->feed_forward_bias);
  if (*names.parallel != 0) c.parallel = keys.flag(names.parallel, defaults.parallel);
  c.tied = keys.flag("tie_word_embeddings", defaults.tied);
  const auto first = [](const std::vector<std::int32_t>& ids) { return ids.empty() ? -1 : ids.front(); };
  const auto eos = keys.tokens("eos_token_id", c.vocab, defaults.eos);
  c.bos = first(keys.tokens("bos_token_id", c.vocab, defaults.bos));
  c.eos = first(eos);
  if (eos.size() > 1) c.more_eos.assign(eos.begin() + 1, eos.end());
  c.pad = first(keys.tokens("pad_token_id", c.vocab, defaults.pad));
  c.reward_mean = keys.number("reward_mean", 0);
  c.reward_std = keys.positive("reward_std", 1);
  return c;
}

}  // namespace nudge
