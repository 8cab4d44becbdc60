// Gemma's tables. What they share: norms that weigh by 1 + w, embeddings that are scaled by the root of the width.
#include "lib/model/family_tables.h"

namespace nudge {
namespace {

// Norms before and after both sublayers.
constexpr Family::Tensors kGemma2Tensors = [] {
  Family::Tensors t = kLlamaTensors;
  t.after1 = "post_attention_layernorm";
  t.norm2 = "pre_feedforward_layernorm", t.after2 = "post_feedforward_layernorm";
  return t;
}();
constexpr Family::Tensors kGemma3Tensors = [] {
  Family::Tensors t = kGemma2Tensors;
  t.q_norm = kQwen3Tensors.q_norm, t.k_norm = kQwen3Tensors.k_norm;
  return t;
}();
constexpr Family::Keys kGemma2Keys = [] {
  Family::Keys k = kLlamaKeys;
  k.activation = "hidden_activation";
  k.query_scalar = "query_pre_attn_scalar";
  k.attention_cap = "attn_logit_softcapping", k.logit_cap = "final_logit_softcapping";
  return k;
}();

}  // namespace

constinit const Family kGemma = {
    .model_type = "gemma",
    .architectures = {"GemmaForCausalLM", "GemmaForSequenceClassification", "GemmaModel"},
    .tensors = kLlamaTensors,
    .block = {.norm = NormKind::kRms,
              .positions = PositionKind::kRotary,
              .gated = true,
              .qk_norm = false,
              .norm_offset = true,
              .root_embedding = true},
    .keys = kLlamaKeys,
    .qkv_bias = {"attention_bias", false},
    .proj_bias = {"attention_bias", false},
    .feed_forward_bias = kUnbiased,
    .defaults = {.kv_heads = 16,
                 .head_dim = 256,
                 .feed_forward = 24576,
                 .context = 8192,
                 .eps = 1e-6,
                 .activation = "gelu_pytorch_tanh",
                 .tied = true,
                 .bos = 2,
                 .eos = 1,
                 .theta = 10000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 0,
                 .window_flag = false,
                 .pad = 0},
};

constinit const Family kGemma2 = {
    .model_type = "gemma2",
    .architectures = {"Gemma2ForCausalLM", "Gemma2ForSequenceClassification", "Gemma2Model"},
    .tensors = kGemma2Tensors,
    .block = {.norm = NormKind::kRms,
              .positions = PositionKind::kRotary,
              .gated = true,
              .qk_norm = false,
              .norm_offset = true,
              .root_embedding = true},
    .keys = kGemma2Keys,
    .qkv_bias = {"attention_bias", false},
    .proj_bias = {"attention_bias", false},
    .feed_forward_bias = kUnbiased,
    .by_layer = {.windowed = Family::ByLayer::Windowed::kAllButEach, .usual_each = 2},
    .defaults = {.kv_heads = 4,
                 .head_dim = 256,
                 .feed_forward = 9216,
                 .context = 8192,
                 .eps = 1e-6,
                 .activation = "gelu_pytorch_tanh",
                 .tied = true,
                 .bos = 2,
                 .eos = 1,
                 .theta = 10000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 4096,
                 .window_flag = false,
                 .pad = 0,
                 .query_scalar = 256,
                 .attention_cap = 50,
                 .logit_cap = 30},
};

constinit const Family kGemma3 = {
    .model_type = "gemma3_text",
    .architectures = {"Gemma3ForCausalLM", "Gemma3TextForSequenceClassification", "Gemma3TextModel"},
    .tensors = kGemma3Tensors,
    .block = {.norm = NormKind::kRms,
              .positions = PositionKind::kRotary,
              .gated = true,
              .qk_norm = true,
              .norm_offset = true,
              .root_embedding = true},
    .keys = kGemma2Keys,
    .qkv_bias = {"attention_bias", false},
    .proj_bias = {"attention_bias", false},
    .feed_forward_bias = kUnbiased,
    .by_layer = {.windowed = Family::ByLayer::Windowed::kAllButEach,
                 .each = "sliding_window_pattern",
                 .usual_each = 6,
                 .local_theta = "rope_local_base_freq",
                 .usual_local_theta = 10000},
    .defaults = {.kv_heads = 4,
                 .head_dim = 256,
                 .feed_forward = 9216,
                 .context = 131072,
                 .eps = 1e-6,
                 .activation = "gelu_pytorch_tanh",
                 .tied = true,
                 .bos = 2,
                 .eos = 1,
                 .theta = 1000000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 4096,
                 .window_flag = false,
                 .pad = 0,
                 .query_scalar = 256},
};

}  // namespace nudge
