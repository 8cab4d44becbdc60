// Gemma's tables. What they share: norms that weigh by 1 + w, embeddings that are scaled by the root of the width.
#include "lib/model/family_tables.h"

namespace nudge {

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

}  // namespace nudge
