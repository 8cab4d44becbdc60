// Gradients of the families but GPT-2, and of the parts of their blocks (gradient_problem.h).
#include "tests/model/gradient_problem.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("gradients of a Llama with two heads of keys for six of queries are central differences") {
  check_problem(family_shape("llama", shape_of(2, 6, 4, 19, 23, 20), 2, 0, 4), {5, 1, 9}, 20);
}
TEST_CASE("gradients of a tied Llama with biases, one head of keys and llama3's scaling are central differences") {
  ModelConfig c = family_shape("llama", shape_of(2, 3, 7, 21, 29, 40), 1, 10, 10);
  c.tied = c.qkv_bias = c.proj_bias = c.feed_forward_bias = true;
  c.rotary.theta = 100, c.rotary.scaling = RopeScaling::kLlama3, c.rotary.factor = 4, c.rotary.original_context = 16;
  check_problem(c, {33, 2}, 21);
}
TEST_CASE("gradients of a Mistral with linear rotary scaling are central differences") {
  ModelConfig c = family_shape("mistral", shape_of(1, 4, 6, 13, 21, 20), 4, 0, 6);
  c.rotary.theta = 30, c.rotary.scaling = RopeScaling::kLinear, c.rotary.factor = 1.7;
  check_problem(c, {12, 1, 3}, 22);
}
TEST_CASE("gradients of a Qwen2 with biases of queries, keys and values are central differences") {
  check_problem(family_shape("qwen2", shape_of(2, 4, 6, 23, 31, 20), 2, 0, 6), {7, 11, 1}, 23);
}
TEST_CASE("gradients of a Qwen3 with norms of queries and keys and heads of their own width are central differences") {
  check_problem(family_shape("qwen3", shape_of(2, 6, 5, 23, 31, 20), 3, 8, 8), {7, 11, 1}, 24);
  ModelConfig wide = family_shape("qwen3", shape_of(1, 2, 9, 15, 17, 60), 1, 34, 34);
  wide.tied = wide.qkv_bias = wide.proj_bias = true;
  wide.norm_eps = 0.3;
  check_problem(wide, {50, 1}, 25);
}
TEST_CASE("gradients of a NeoX with parallel residuals and a part of each head turning are central differences") {
  check_problem(family_shape("gpt_neox", shape_of(2, 3, 10, 33, 27, 20), 0, 0, 4), {6, 1, 13}, 26);
}
TEST_CASE("gradients of a tied NeoX with residuals in sequence and gelu_new are central differences") {
  ModelConfig c = family_shape("gpt_neox", shape_of(2, 2, 8, 17, 19, 20), 0, 0, 8);
  c.parallel = false, c.tied = true, c.activation = Activation::kGeluTanh;
  check_problem(c, {9, 4}, 27);
}
TEST_CASE("gradients of norms that weigh by 1 + w are central differences") {
  ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.norm_offset = true;
  check_problem(c, {5, 1, 9}, 33);
  c = family_shape("qwen3", shape_of(1, 4, 5, 23, 31, 40), 2, 8, 8);
  c.norm_offset = true;
  check_problem(c, {33, 1}, 34);
}
TEST_CASE("gradients of a Gemma are central differences") {
  check_problem(family_shape("gemma", shape_of(2, 4, 6, 19, 23, 20), 1, 10, 10), {5, 1, 9}, 42);
}
TEST_CASE("gradients of a Gemma 2 with its caps and windows are central differences") {
  ModelConfig c = family_shape("gemma2", shape_of(3, 4, 6, 19, 23, 20), 2, 10, 10);
  c.query_scalar = 7, c.attention_cap = 1.5, c.logit_cap = 3;
  c.layer_forms = {{4}, {}, {2}};
  check_problem(c, {9, 1, 12}, 43);
}
TEST_CASE("gradients of a Gemma 3 with windows and RoPE by layer are central differences") {
  ModelConfig c = family_shape("gemma3_text", shape_of(2, 4, 6, 19, 23, 20), 1, 10, 10);
  c.layer_forms = {{5, LayerForm::Rope::kLocal}, {}};
  c.rotary.theta = 300, c.rotary.scaling = RopeScaling::kLinear, c.rotary.factor = 3;
  c.local_rotary.dims = 10, c.local_rotary.theta = 20;
  check_problem(c, {9, 1, 12}, 44);
}
TEST_CASE("gradients of an OLMo 2, whose norms stand after the sublayers and over all heads, are central differences") {
  check_problem(family_shape("olmo2", shape_of(2, 6, 5, 23, 31, 20), 3, 8, 8), {7, 11, 1}, 35);
  check_problem(family_shape("olmo2", shape_of(1, 3, 8, 17, 21, 60), 0, 0, 8), {50, 1}, 36);
}
TEST_CASE("gradients of blocks whose sublayers' outputs are scaled are central differences") {
  ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.residual_scale = 0.22;
  check_problem(c, {5, 1, 9}, 37);
  c = family_shape("gpt_neox", shape_of(2, 3, 10, 33, 27, 20), 0, 0, 4);
  c.residual_scale = -1.7;
  check_problem(c, {6, 1, 13}, 38);
  c = family_shape("olmo2", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.residual_scale = 0.4, c.parallel = true, c.norm_offset = true;
  check_problem(c, {6, 1, 13}, 39);
}
TEST_CASE("gradients of a SmolLM3, some layers of which have no RoPE, are central differences") {
  ModelConfig c = family_shape("smollm3", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.layer_forms = {{0, LayerForm::Rope::kMain}, {0, LayerForm::Rope::kNone}};
  check_problem(c, {7, 11, 1}, 51);
}
TEST_CASE("gradients of attention in windows are central differences") {
  ModelConfig c = family_shape("mistral", shape_of(1, 4, 6, 13, 21, 60), 2, 0, 6);
  c.layer_forms = {{5}};
  check_problem(c, {12, 1, 3}, 52);
  c.layer_forms = {{33}};
  check_problem(c, {55, 20}, 53);
  c.layer_forms = {{2}};
  check_problem(c, {6, 2}, 54);
}
TEST_CASE("gradients of layers with windows and RoPE of their own and capped scores are central differences") {
  ModelConfig c = family_shape("qwen3", shape_of(3, 4, 6, 15, 21, 40), 2, 6, 6);
  c.layer_forms = {{4, LayerForm::Rope::kLocal}, {0, LayerForm::Rope::kMain}, {9, LayerForm::Rope::kNone}};
  c.rotary.theta = 900, c.local_rotary = c.rotary, c.local_rotary.theta = 20;
  c.attention_cap = 1.5;
  check_problem(c, {17, 1, 8}, 55);
}
TEST_CASE("gradients of longrope, which scales cosines and sines, are central differences") {
  ModelConfig c = family_shape("llama", shape_of(1, 3, 8, 15, 21, 40), 1, 0, 6);
  c.rotary.scaling = RopeScaling::kLong, c.rotary.short_factors = {1.1, 1.7, 3}, c.rotary.attention_factor = 1.3;
  check_problem(c, {17, 1, 8}, 56);
}
TEST_CASE("gradients of score models and shared value heads of the families are central differences") {
  for (const char* family : {"llama", "qwen3", "gpt_neox", "olmo2", "gemma", "gemma2", "gemma3_text"}) {
    const std::int64_t kv_heads = std::string(family) == "gpt_neox" ? 0 : 2;
    ModelConfig c = family_shape(family, shape_of(1, 4, 6, 15, 19, 14), kv_heads, 0, 6);
    c.head = HeadKind::kScore;
    check_problem(c, {8, 1, 4}, 28);
    c.head = HeadKind::kLanguage, c.shared_value = true;
    check_problem(c, {5, 7}, 29);
  }
}

TEST_CASE("gradients under scales of embeddings, attention and logits are central differences") {
  ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.tied = true, c.embedding_scale = 1.7, c.attention_scale = 0.9, c.logit_divisor = 0.4;
  check_problem(c, {5, 1, 9}, 41);
  c = family_shape("llama", shape_of(1, 4, 6, 19, 23, 20), 2, 0, 6);
  c.root_embedding = true, c.query_scalar = 2.5, c.logit_divisor = 3;
  check_problem(c, {7, 4}, 42);
}
TEST_CASE("gradients under a cap of the logits are central differences") {
  ModelConfig c = with(shape_of(2, 2, 7, 33, 41, 19), Activation::kGeluTanh, true);
  c.logit_cap = 1.5;
  check_problem(c, {1, 7, 3}, 43);
  c.tied = false, c.logit_divisor = 0.3, c.shared_value = true;
  check_problem(c, {6, 2}, 44);
}
TEST_CASE("gradients of gated products with GELU and ReLU are central differences") {
  for (Activation a : {Activation::kGeluTanh, Activation::kGeluErf, Activation::kRelu}) {
    ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 37, 23, 20), 2, 0, 6);
    c.activation = a;
    check_problem(c, {5, 1, 8}, 45);
  }
}
TEST_CASE("gradients of an OPT with ReLU and positions from the third row on are central differences") {
  const ModelConfig c = family_shape("opt", shape_of(2, 3, 5, 31, 29, 21), 0, 0, 0);
  check_problem(c, {5, 1, 9}, 46);
  check_problem(scored(c, Activation::kGeluErf), {4, 7}, 47);
}
TEST_CASE("gradients of a Granite with its four scales are central differences") {
  ModelConfig c = family_shape("granite", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.embedding_scale = 3, c.residual_scale = 0.4, c.attention_scale = 0.2, c.logit_divisor = 0.5;
  check_problem(c, {5, 1, 9}, 48);
}
TEST_CASE("gradients of a Phi-3 with fused matrices are central differences, and so are its adapters'") {
  const ModelConfig c = family_shape("phi3", shape_of(2, 4, 6, 19, 23, 20), 2, 8, 6);
  check_problem(c, {7, 11, 1}, 49);
  check_problem({c, low_rank({"qkv_proj", "gate_up_proj", "down_proj"}), {7, 3}, 50});
}
TEST_CASE("gradients of a GPT-Neo with local and global layers are central differences") {
  ModelConfig c = family_shape("gpt_neo", shape_of(2, 3, 5, 29, 37, 21), 0, 0, 0);
  c.layer_forms = {{}, {.window = 3}};
  check_problem(c, {5, 1, 9}, 51);
}
