#include "lib/model/config.h"

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

// What a feed-forward part of that kind may have.
Activation activation_of(const Keys& keys, const Family& family) {
  const char* key = family.keys.activation;
  const std::string name = keys.text(key, family.defaults.activation);
  if (family.block.gated) {
    if (name == "silu" || name == "swish") return Activation::kSilu;
  } else {
    for (const char* tanh_form : {"gelu_new", "gelu_pytorch_tanh", "gelu_fast"})
      if (name == tanh_form) return Activation::kGeluTanh;
    if (name == "gelu") return Activation::kGeluErf;
  }
  keys.refuse(key, "is " + name + ", which is not supported");
}

// Keys that change the mathematics: anything but their default is refused rather than ignored.
void refuse_unsupported(const Keys& keys) {
  if (!keys.flag("scale_attn_weights", true)) keys.refuse("scale_attn_weights", "false is not supported");
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention", "is_encoder_decoder"})
    if (keys.flag(key, false)) keys.refuse(key, "true is not supported");
  element value;
  // clang-format off
  for (const char* key : {"quantization_config", "pruned_heads", "attention_multiplier", "embedding_multiplier",
                          "residual_multiplier", "logits_scaling", "logit_scale", "attn_logit_softcapping",
                          "final_logit_softcapping", "query_pre_attn_scalar", "clip_qkv", "alibi", "no_rope_layers",
                          "attention_chunk_size", "dual_chunk_attention_config", "rope_interleaved", "use_mrope",
                          "use_qk_norm", "qk_layernorm", "mlp_only_layers", "num_local_experts", "num_experts"})
    // clang-format on
    if (keys.find(key, value) && !is_nothing(value)) keys.refuse(key, "is not supported");
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
  c.activation = f.block.gated                                       ? Activation::kSilu
                 : std::string_view(f.defaults.activation) == "gelu" ? Activation::kGeluErf
                                                                     : Activation::kGeluTanh;
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
  refuse_unsupported(keys);
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
  if (c.positions == PositionKind::kRotary) c.rotary = rotary_of(keys, *family, c.head_dim());
  else refuse_rotary(keys);
  refuse_windows(keys, *family, c.layers, c.context);
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
