// The tables of families whose block is Llama's but for scales or fused matrices.
#include "lib/model/family_tables.h"

namespace nudge {
namespace {

constexpr Family::Keys kGraniteKeys = [] {
  Family::Keys k = kLlamaKeys;
  k.embedding_scale = "embedding_multiplier", k.residual_scale = "residual_multiplier";
  k.attention_scale = "attention_multiplier", k.logit_divisor = "logits_scaling";
  return k;
}();

constexpr Family::Keys kPhi3Keys = [] {
  Family::Keys k = kLlamaKeys;
  k.rotary_share = "partial_rotary_factor";
  return k;
}();
constexpr Family::Tensors kPhi3Tensors = [] {
  Family::Tensors t = kLlamaTensors;
  t.qkv[0] = "self_attn.qkv_proj", t.qkv[1] = t.qkv[2] = "";
  t.up[0] = "mlp.gate_up_proj", t.up[1] = "";
  return t;
}();

}  // namespace

constinit const Family kGranite = {
    .model_type = "granite",
    .architectures = {"GraniteForCausalLM", "GraniteForSequenceClassification", "GraniteModel"},
    .tensors = kLlamaTensors,
    .block = kLlamaBlock,
    .keys = kGraniteKeys,
    .qkv_bias = {"attention_bias", false},
    .proj_bias = {"attention_bias", false},
    .feed_forward_bias = {"mlp_bias", false},
    .defaults = {.kv_heads = 0,
                 .head_dim = 0,
                 .feed_forward = 11008,
                 .context = 2048,
                 .eps = 1e-6,
                 .activation = "silu",
                 .tied = false,
                 .bos = 1,
                 .eos = 2,
                 .theta = 10000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 0,
                 .window_flag = false,
                 .attention_scale = 1},
};

constinit const Family kPhi3 = {
    .model_type = "phi3",
    .architectures = {"Phi3ForCausalLM", "Phi3ForSequenceClassification", "Phi3Model"},
    .tensors = kPhi3Tensors,
    .block = kLlamaBlock,
    .keys = kPhi3Keys,
    .qkv_bias = kUnbiased,
    .proj_bias = kUnbiased,
    .feed_forward_bias = kUnbiased,
    .by_layer = {.windowed = Family::ByLayer::Windowed::kAll},
    .defaults = {.kv_heads = 0,
                 .head_dim = 0,
                 .feed_forward = 8192,
                 .context = 4096,
                 .eps = 1e-5,
                 .activation = "silu",
                 .tied = false,
                 .bos = 1,
                 .eos = 32000,
                 .theta = 10000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 0,
                 .window_flag = false,
                 .pad = 32000},
};

}  // namespace nudge
