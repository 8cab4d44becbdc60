// The tables of families that do not stand in family.cc, and what many families share.
#pragma once

#include "lib/model/family.h"

namespace nudge {

inline constexpr Family::Tensors kLlamaTensors = {
    .prefix = "model.",
    .embedding = "embed_tokens.weight",
    .positions = "",
    .final_norm = "norm",
    .head = "lm_head.weight",
    .block = "layers.",
    .norm1 = "input_layernorm",
    .norm2 = "post_attention_layernorm",
    .q_norm = "",
    .k_norm = "",
    .qkv = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
    .proj = "self_attn.o_proj",
    .up = {"mlp.gate_proj", "mlp.up_proj"},
    .down = "mlp.down_proj",
    .ignored = {"rotary_emb.inv_freq", "", ""},
    .stored_in_out = false,
    .order = QkvOrder::kParts,
};
inline constexpr Family::Tensors kQwen3Tensors = [] {
  Family::Tensors t = kLlamaTensors;
  t.q_norm = "self_attn.q_norm", t.k_norm = "self_attn.k_norm";
  return t;
}();
inline constexpr Family::Block kLlamaBlock = {NormKind::kRms, PositionKind::kRotary, true, false};
inline constexpr Family::Keys kLlamaKeys = {
    .layers = "num_hidden_layers",
    .width = "hidden_size",
    .heads = "num_attention_heads",
    .kv_heads = "num_key_value_heads",
    .head_dim = "head_dim",
    .feed_forward = "intermediate_size",
    .context = "max_position_embeddings",
    .context_copy = "",
    .eps = "rms_norm_eps",
    .activation = "hidden_act",
    .theta = "rope_theta",
    .rotary_share = "",
    .parallel = "",
    .dropouts = {"", "", ""},
};
inline constexpr Family::Bias kBiased = {"", true}, kUnbiased = {"", false};

extern const Family kOpt, kGemma, kGemma2, kGemma3, kGranite, kPhi3, kGptNeo;

}  // namespace nudge
