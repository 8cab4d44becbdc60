// The tables of families whose block is Llama's but for scales.
#include "lib/model/family_tables.h"

namespace nudge {
namespace {

constexpr Family::Keys kGraniteKeys = [] {
  Family::Keys k = kLlamaKeys;
  k.embedding_scale = "embedding_multiplier", k.residual_scale = "residual_multiplier";
  k.attention_scale = "attention_multiplier", k.logit_divisor = "logits_scaling";
  return k;
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

}  // namespace nudge
