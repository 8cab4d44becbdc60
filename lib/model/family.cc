#include "lib/model/family.h"

#include "lib/base/error.h"
#include "lib/model/family_tables.h"

namespace nudge {
namespace {

// Norms after the sublayers alone.
constexpr Family::Tensors kOlmo2Tensors = [] {
  Family::Tensors t = kQwen3Tensors;
  t.norm1 = t.norm2 = "";
  t.after1 = "post_attention_layernorm", t.after2 = "post_feedforward_layernorm";
  return t;
}();

constexpr Family kGpt2 = {
    .model_type = "gpt2",
    .architectures = {"GPT2LMHeadModel", "GPT2ForSequenceClassification", "GPT2Model"},
    .tensors = {.prefix = "transformer.",
                .embedding = "wte.weight",
                .positions = "wpe.weight",
                .final_norm = "ln_f",
                .head = "lm_head.weight",
                .block = "h.",
                .norm1 = "ln_1",
                .norm2 = "ln_2",
                .q_norm = "",
                .k_norm = "",
                .qkv = {"attn.c_attn", "", ""},
                .proj = "attn.c_proj",
                .up = {"mlp.c_fc", ""},
                .down = "mlp.c_proj",
                .ignored = {".attn.bias", ".attn.masked_bias", ""},
                .stored_in_out = true,
                .order = QkvOrder::kParts},
    .block = {NormKind::kLayer, PositionKind::kLearned, false, false},
    .keys = {.layers = "n_layer",
             .width = "n_embd",
             .heads = "n_head",
             .kv_heads = "",
             .head_dim = "",
             .feed_forward = "n_inner",
             .context = "n_positions",
             .context_copy = "n_ctx",
             .eps = "layer_norm_epsilon",
             .activation = "activation_function",
             .theta = "",
             .rotary_share = "",
             .parallel = "",
             .dropouts = {"attn_pdrop", "embd_pdrop", "resid_pdrop"}},
    .qkv_bias = kBiased,
    .proj_bias = kBiased,
    .feed_forward_bias = kBiased,
    .defaults = {.kv_heads = 0,
                 .head_dim = 0,
                 .feed_forward = 0,
                 .context = 1024,
                 .eps = 1e-5,
                 .activation = "gelu_new",
                 .tied = true,
                 .bos = 50256,
                 .eos = 50256,
                 .theta = 0,
                 .rotary_share = 0,
                 .parallel = false,
                 .window = 0,
                 .window_flag = false},
};

constexpr Family kLlama = {
    .model_type = "llama",
    .architectures = {"LlamaForCausalLM", "LlamaForSequenceClassification", "LlamaModel"},
    .tensors = kLlamaTensors,
    .block = kLlamaBlock,
    .keys = kLlamaKeys,
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
                 .window_flag = false},
};

constexpr Family kMistral = {
    .model_type = "mistral",
    .architectures = {"MistralForCausalLM", "MistralForSequenceClassification", "MistralModel"},
    .tensors = kLlamaTensors,
    .block = kLlamaBlock,
    .keys = kLlamaKeys,
    .qkv_bias = kUnbiased,
    .proj_bias = kUnbiased,
    .feed_forward_bias = kUnbiased,
    .by_layer = {.windowed = Family::ByLayer::Windowed::kAll},
    .defaults = {.kv_heads = 8,
                 .head_dim = 0,
                 .feed_forward = 14336,
                 .context = 131072,
                 .eps = 1e-6,
                 .activation = "silu",
                 .tied = false,
                 .bos = 1,
                 .eos = 2,
                 .theta = 10000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 4096,
                 .window_flag = false},
};

constexpr Family kQwen2 = {
    .model_type = "qwen2",
    .architectures = {"Qwen2ForCausalLM", "Qwen2ForSequenceClassification", "Qwen2Model"},
    .tensors = kLlamaTensors,
    .block = kLlamaBlock,
    .keys = kLlamaKeys,
    .qkv_bias = kBiased,
    .proj_bias = kUnbiased,
    .feed_forward_bias = kUnbiased,
    .by_layer = {.windowed = Family::ByLayer::Windowed::kLast},
    .defaults = {.kv_heads = 32,
                 .head_dim = 0,
                 .feed_forward = 22016,
                 .context = 32768,
                 .eps = 1e-6,
                 .activation = "silu",
                 .tied = false,
                 .bos = -1,
                 .eos = -1,
                 .theta = 10000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 4096,
                 .window_flag = true},
};

constexpr Family kQwen3 = {
    .model_type = "qwen3",
    .architectures = {"Qwen3ForCausalLM", "Qwen3ForSequenceClassification", "Qwen3Model"},
    .tensors = kQwen3Tensors,
    .block = {NormKind::kRms, PositionKind::kRotary, true, true},
    .keys = kLlamaKeys,
    .qkv_bias = {"attention_bias", false},
    .proj_bias = {"attention_bias", false},
    .feed_forward_bias = kUnbiased,
    .by_layer = {.windowed = Family::ByLayer::Windowed::kLast},
    .defaults = {.kv_heads = 32,
                 .head_dim = 128,
                 .feed_forward = 22016,
                 .context = 32768,
                 .eps = 1e-6,
                 .activation = "silu",
                 .tied = false,
                 .bos = -1,
                 .eos = -1,
                 .theta = 10000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 4096,
                 .window_flag = true},
};

constexpr Family kSmolLm3 = {
    .model_type = "smollm3",
    .architectures = {"SmolLM3ForCausalLM", "SmolLM3ForSequenceClassification", "SmolLM3Model"},
    .tensors = kLlamaTensors,
    .block = kLlamaBlock,
    .keys = kLlamaKeys,
    .qkv_bias = {"attention_bias", false},
    .proj_bias = {"attention_bias", false},
    .feed_forward_bias = {"mlp_bias", false},
    .by_layer = {.windowed = Family::ByLayer::Windowed::kWithoutRope,
                 .ropes = "no_rope_layers",
                 .no_rope_each = "no_rope_layer_interval",
                 .usual_no_rope_each = 4},
    .defaults = {.kv_heads = 4,
                 .head_dim = 0,
                 .feed_forward = 11008,
                 .context = 32768,
                 .eps = 1e-6,
                 .activation = "silu",
                 .tied = true,
                 .bos = 128000,
                 .eos = 128001,
                 .theta = 2000000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 0,
                 .window_flag = true,
                 .pad = 128004},
};

constexpr Family kNeox = {
    .model_type = "gpt_neox",
    .architectures = {"GPTNeoXForCausalLM", "GPTNeoXForSequenceClassification", "GPTNeoXModel"},
    .tensors = {.prefix = "gpt_neox.",
                .embedding = "embed_in.weight",
                .positions = "",
                .final_norm = "final_layer_norm",
                .head = "embed_out.weight",
                .block = "layers.",
                .norm1 = "input_layernorm",
                .norm2 = "post_attention_layernorm",
                .q_norm = "",
                .k_norm = "",
                .qkv = {"attention.query_key_value", "", ""},
                .proj = "attention.dense",
                .up = {"mlp.dense_h_to_4h", ""},
                .down = "mlp.dense_4h_to_h",
                .ignored = {".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"},
                .stored_in_out = false,
                .order = QkvOrder::kHeads},
    .block = {NormKind::kLayer, PositionKind::kRotary, false, false},
    .keys = {.layers = "num_hidden_layers",
             .width = "hidden_size",
             .heads = "num_attention_heads",
             .kv_heads = "",
             .head_dim = "",
             .feed_forward = "intermediate_size",
             .context = "max_position_embeddings",
             .context_copy = "",
             .eps = "layer_norm_eps",
             .activation = "hidden_act",
             .theta = "rotary_emb_base",
             .rotary_share = "rotary_pct",
             .parallel = "use_parallel_residual",
             .dropouts = {"", "", ""}},
    .qkv_bias = {"attention_bias", true},
    .proj_bias = {"attention_bias", true},
    .feed_forward_bias = kBiased,
    .defaults = {.kv_heads = 0,
                 .head_dim = 0,
                 .feed_forward = 24576,
                 .context = 2048,
                 .eps = 1e-5,
                 .activation = "gelu",
                 .tied = false,
                 .bos = 0,
                 .eos = 2,
                 .theta = 10000,
                 .rotary_share = 0.25,
                 .parallel = true,
                 .window = 0,
                 .window_flag = false},
};

constexpr Family kOlmo2 = {
    .model_type = "olmo2",
    .architectures = {"Olmo2ForCausalLM", "Olmo2ForSequenceClassification", "Olmo2Model"},
    .tensors = kOlmo2Tensors,
    .block = {.norm = NormKind::kRms,
              .positions = PositionKind::kRotary,
              .gated = true,
              .qk_norm = true,
              .qk_norm_whole = true},
    .keys = kLlamaKeys,
    .qkv_bias = {"attention_bias", false},
    .proj_bias = {"attention_bias", false},
    .feed_forward_bias = kUnbiased,
    .defaults = {.kv_heads = 0,
                 .head_dim = 0,
                 .feed_forward = 11008,
                 .context = 2048,
                 .eps = 1e-5,
                 .activation = "silu",
                 .tied = false,
                 .bos = -1,
                 .eos = 50279,
                 .theta = 10000,
                 .rotary_share = 1,
                 .parallel = false,
                 .window = 0,
                 .window_flag = false,
                 .pad = 1},
};

constexpr const Family* kFamilies[] = {&kGpt2,  &kLlama,  &kMistral, &kQwen2,   &kQwen3,   &kNeox, &kOlmo2, &kOpt,
                                       &kGemma, &kGemma2, &kGemma3,  &kGranite, &kSmolLm3, &kPhi3, &kGptNeo};

}  // namespace

const Family* find_family(std::string_view model_type) {
  for (const Family* f : kFamilies)
    if (f->model_type == model_type) return f;
  return nullptr;
}

const Family& family_of(std::string_view model_type) {
  if (const Family* f = find_family(model_type)) return *f;
  throw Error(Exit::kInternal, "no table of a family " + std::string(model_type));
}

std::vector<std::string> family_types() {
  std::vector<std::string> types;
  for (const Family* f : kFamilies) types.push_back(f->model_type);
  return types;
}

std::string family_names() {
  std::string names;
  for (const std::string& type : family_types()) names += (names.empty() ? "" : ", ") + type;
  return names;
}

}  // namespace nudge
