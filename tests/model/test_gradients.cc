// Gradients of GPT-2, of what is frozen and of adapters (gradient_problem.h); test_gradients_families.cc has the others.
#include "tests/model/gradient_problem.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("gradients of a tied language model with one head and gelu_new are central differences") {
  check_problem(with(shape_of(2, 1, 13, 29, 37, 21), Activation::kGeluTanh, true), {5, 1, 9}, 1);
}
TEST_CASE("gradients of a tied language model with two heads and the exact gelu are central differences") {
  check_problem(with(shape_of(1, 2, 7, 33, 41, 19), Activation::kGeluErf, true), {1, 1, 7, 3}, 2);
}
TEST_CASE("gradients of an untied language model with three heads are central differences") {
  check_problem(with(shape_of(2, 3, 5, 47, 35, 30), Activation::kGeluTanh, false), {18, 1, 2}, 3);
}
TEST_CASE("gradients of an untied language model with the exact gelu are central differences") {
  check_problem(with(shape_of(3, 2, 11, 17, 23, 17), Activation::kGeluErf, false), {6, 11}, 4);
}
TEST_CASE("gradients of a language model that carries a value head are central differences") {
  check_problem(with(shape_of(2, 3, 7, 25, 39, 18), Activation::kGeluTanh, true, true), {4, 1, 8}, 5);
}
TEST_CASE("gradients of an untied language model that carries a value head are central differences") {
  check_problem(with(shape_of(1, 1, 19, 21, 33, 18), Activation::kGeluErf, false, true), {7, 2}, 6);
}
TEST_CASE("gradients of a score model are central differences") {
  check_problem(scored(shape_of(2, 3, 9, 31, 27, 22), Activation::kGeluTanh), {1, 12, 5}, 7);
}
TEST_CASE("gradients of a score model with the exact gelu are central differences") {
  check_problem(scored(shape_of(1, 2, 17, 21, 19, 50), Activation::kGeluErf), {33, 1, 1, 17}, 8);
}
TEST_CASE("gradients are right where heads are wider than a register and rows more than a chunk") {
  check_problem(with(shape_of(1, 1, 35, 18, 20, 60), Activation::kGeluTanh, true), {52, 37, 1}, 9);
}
TEST_CASE("the norm's epsilon is taken from the configuration, forward and backward") {
  ModelConfig c = with(shape_of(1, 2, 5, 11, 17, 12), Activation::kGeluTanh, true);
  c.norm_eps = 0.5;
  check_problem(c, {3, 6}, 10);
}

// Heads that share keys and do not fill the width; every family's own kind of block.
TEST_CASE("gradients of what is not frozen are central differences") {
  ModelConfig c = with(shape_of(3, 2, 9, 29, 37, 21), Activation::kGeluTanh, true, true);
  c.frozen_blocks = 2;
  check_problem(c, {5, 1, 9}, 31);
  c = with(family_shape("llama", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6), Activation::kSilu, false);
  c.frozen_blocks = 1;
  check_problem(c, {4, 7}, 32);
  c = family_shape("olmo2", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6);
  c.frozen_blocks = 1;
  check_problem(c, {4, 7}, 40);
}
TEST_CASE("embeddings and the first blocks are what is frozen") {
  ModelConfig c = with(shape_of(12, 2, 9, 29, 37, 21), Activation::kGeluTanh, false);
  c.frozen_blocks = 2;
  const Layout layout(c);
  for (const TensorInfo& t : layout.tensors) {
    bool frozen = false;
    for (const char* name : {"transformer.wte.", "transformer.wpe.", "transformer.h.0.", "transformer.h.1."})
      frozen |= t.name.starts_with(name);
    CHECK_MESSAGE(layout.trains(t.offset) == !frozen, t.name);
  }
  CHECK(Layout(with(shape_of(2, 2, 9, 29, 37, 21), Activation::kGeluTanh, true)).trained_begin == 0);
}

TEST_CASE("gradients of adapters on every matrix of GPT-2 are central differences") {
  check_problem({with(shape_of(2, 2, 9, 29, 37, 21), Activation::kGeluTanh, true),
                 low_rank({"c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"}),
                 {5, 1, 9},
                 21});
}
TEST_CASE("gradients of adapters on some matrices of a bundle are central differences") {
  const ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6);
  check_problem({c, low_rank({"q_proj", "v_proj", "up_proj"}), {7, 3}, 22});
  AdapterConfig stabilized = low_rank({"k_proj", "o_proj", "gate_proj", "down_proj"});
  stabilized.rank_stabilized = true;
  check_problem({c, stabilized, {1, 8}, 23});
}
TEST_CASE("gradients of adapters on a fused matrix of parallel branches are central differences") {
  check_problem({family_shape("gpt_neox", shape_of(2, 3, 8, 31, 35, 20), 0, 8, 4),
                 low_rank({"query_key_value", "dense_4h_to_h"}),
                 {9, 4},
                 24});
}
TEST_CASE("gradients of adapters under norms of outputs are central differences") {
  ModelConfig c = family_shape("olmo2", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6);
  c.residual_scale = 0.6;
  check_problem({c, low_rank({"q_proj", "o_proj", "up_proj", "down_proj"}), {7, 3}, 41});
}
TEST_CASE("gradients of adapters and a score head on a language model are central differences") {
  check_problem(
      {family_shape("qwen2", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6),
       low_rank({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}, HeadKind::kScore),
       {6, 1, 5},
       25});
}
