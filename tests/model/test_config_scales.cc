// config.json of OPT, GPT-Neo, Phi-3 and Granite: Hugging Face's defaults, scales, and what is refused.
#include <cmath>
#include <map>

#include "lib/base/error.h"
#include "lib/model/config.h"
#include "lib/model/parameters.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Keys = std::map<std::string, std::string>;

ModelConfig parsed(const std::string& family, const Keys& changes = {}) {
  const bool neo = family == "gpt_neo";
  Keys keys{{"model_type", '"' + family + '"'},
            {neo ? "num_layers" : "num_hidden_layers", "2"},
            {"hidden_size", "48"},
            {neo ? "num_heads" : "num_attention_heads", "4"},
            {"vocab_size", "100"}};
  if (neo) keys["attention_types"] = "[[[\"global\"],2]]";
  for (const auto& [key, value] : changes) keys[key] = value;
  std::string text;
  for (const auto& [key, value] : keys) text += (text.empty() ? "{\"" : ",\"") + key + "\":" + value;
  return ModelConfig::parse(text + "}", "config");
}
std::string refusal(const std::string& family, const Keys& changes) {
  return message_of([&] { parsed(family, changes); });
}

void check_reads_back(const ModelConfig& c) {
  CAPTURE(c.json());
  const ModelConfig again = ModelConfig::parse(c.json(), "again");
  CHECK(again.json() == c.json());
  CHECK(again.mathematics() == c.mathematics());
}

}  // namespace

TEST_CASE("a short OPT configuration has Hugging Face's defaults") {
  const ModelConfig c = parsed("opt");
  CHECK((c.feed_forward == 3072 && c.context == 2048 && c.head_dim() == 12 && c.kv_heads() == 4));
  CHECK((c.norm == NormKind::kLayer && c.norm_eps == 1e-5 && c.activation == Activation::kRelu && !c.gated));
  CHECK((c.positions == PositionKind::kLearned && c.position_offset == 2));
  CHECK((c.qkv_bias && c.proj_bias && c.feed_forward_bias && c.tied));
  CHECK((c.bos == 2 && c.eos == 2 && c.pad == 1));
  CHECK(Layout(c).find("model.decoder.embed_positions.weight")->shape == std::vector<std::int64_t>{2050, 48});
  check_reads_back(c);
  for (const auto& [key, value] : Keys{{"ffn_dim", "20"},
                                       {"max_position_embeddings", "64"},
                                       {"activation_function", "\"gelu\""},
                                       {"enable_bias", "false"},
                                       {"tie_word_embeddings", "false"}}) {
    const ModelConfig other = parsed("opt", {{key, value}});
    CHECK(other.mathematics() != c.mathematics());
    check_reads_back(other);
  }
  CHECK(parsed("opt", {{"pad_token_id", "null"}}).pad == -1);
  check_reads_back(parsed("opt", {{"pad_token_id", "null"}}));
}
TEST_CASE("what OPT-350m and older OPTs do otherwise is refused by name") {
  CHECK(refusal("opt", {{"do_layer_norm_before", "false"}}) ==
        "config: \"do_layer_norm_before\" false is not supported: norms would follow the residuals, as OPT-350m's do");
  CHECK(refusal("opt", {{"word_embed_proj_dim", "24"}}) ==
        "config: \"word_embed_proj_dim\" differs from hidden_size, which is not supported: OPT-350m's projections");
  CHECK(refusal("opt", {{"_remove_final_layer_norm", "true"}}) ==
        "config: \"_remove_final_layer_norm\" true is not supported");
  CHECK(refusal("opt", {{"layer_norm_elementwise_affine", "false"}}) ==
        "config: \"layer_norm_elementwise_affine\" false is not supported");
  CHECK(refusal("opt", {{"word_embed_proj_dim", "48"},
                        {"do_layer_norm_before", "true"},
                        {"_remove_final_layer_norm", "false"},
                        {"layer_norm_elementwise_affine", "true"}}) == "nothing thrown");
}
TEST_CASE("a short GPT-Neo configuration has Hugging Face's defaults") {
  const ModelConfig c = parsed("gpt_neo");
  CHECK((c.feed_forward == 192 && c.context == 2048 && c.norm == NormKind::kLayer && c.norm_eps == 1e-5));
  CHECK((c.activation == Activation::kGeluTanh && c.positions == PositionKind::kLearned && c.position_offset == 0));
  CHECK((!c.qkv_bias && c.proj_bias && c.feed_forward_bias && c.tied));
  CHECK(c.score_scale() == 1);
  CHECK(parsed("gpt_neo", {{"intermediate_size", "20"}}).feed_forward == 20);
  check_reads_back(c);
}
TEST_CASE("the windows of GPT-Neo and Phi-3 are read and written") {
  const ModelConfig neo =
      parsed("gpt_neo", {{"attention_types", "[[[\"global\",\"local\"],1]]"}, {"window_size", "7"}});
  CHECK((neo.form_of(0).window == 0 && neo.form_of(1).window == 7));
  check_reads_back(neo);
  const ModelConfig phi3 = parsed("phi3", {{"sliding_window", "2047"}});
  CHECK((phi3.form_of(0).window == 2047 && phi3.form_of(1).window == 2047));
  check_reads_back(phi3);
}
TEST_CASE("a short Phi-3 configuration has Hugging Face's defaults, and matrices that are fused") {
  const ModelConfig c = parsed("phi3", {{"num_key_value_heads", "2"}});
  CHECK((c.feed_forward == 8192 && c.context == 4096 && c.norm == NormKind::kRms && c.norm_eps == 1e-5));
  CHECK((c.gated && c.activation == Activation::kSilu && !c.tied && c.bos == 1 && c.eos == -1 && c.pad == -1));
  CHECK((c.rotary.dims == 12 && c.rotary.theta == 10000));
  const Layout layout(c);
  CHECK(layout.find("model.layers.1.self_attn.qkv_proj.weight")->shape == std::vector<std::int64_t>{96, 48});
  CHECK(layout.find("model.layers.1.mlp.gate_up_proj.weight")->shape == std::vector<std::int64_t>{16384, 48});
  CHECK(linear_layers(c) == std::vector<std::string>{"down_proj", "gate_up_proj", "o_proj", "qkv_proj"});
  check_reads_back(c);
  const ModelConfig part = parsed("phi3", {{"partial_rotary_factor", "0.5"}});
  CHECK(part.rotary.dims == 6);
  check_reads_back(part);
}
TEST_CASE("Granite's multipliers are 1 where they are absent, and are read and written") {
  const ModelConfig c = parsed("granite");
  CHECK((c.feed_forward == 11008 && c.context == 2048 && c.norm_eps == 1e-6 && c.rotary.dims == 12));
  CHECK((c.embedding_factor() == 1 && c.residual_scale == 1 && c.score_scale() == 1 && c.logit_divisor == 1));
  CHECK_FALSE((c.tied || c.qkv_bias || c.feed_forward_bias));
  check_reads_back(c);
  const ModelConfig scaled = parsed("granite", {{"embedding_multiplier", "12.0"},
                                                {"residual_multiplier", "0.22"},
                                                {"attention_multiplier", "0.015625"},
                                                {"logits_scaling", "8.0"}});
  CHECK((scaled.embedding_factor() == 12 && scaled.residual_scale == 0.22));
  CHECK((scaled.score_scale() == 0.015625 && scaled.logit_divisor == 8));
  check_reads_back(scaled);
  for (const char* key : {"embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling"}) {
    CHECK(parsed("granite", {{key, "0.5"}}).mathematics() != c.mathematics());
    CHECK(refusal("granite", {{key, "0"}}) == "config: \"" + std::string(key) + "\" is not positive");
    CHECK(refusal("granite", {{key, "true"}}) == "config: \"" + std::string(key) + "\" is not a finite number");
  }
  CHECK(refusal("granite", {{"final_logit_softcapping", "30.0"}}) ==
        "config: \"final_logit_softcapping\" is not supported");
}
TEST_CASE("activations are read by all of their names, and written by the family's own") {
  for (const auto& [name, activation] : std::map<std::string, Activation>{{"gelu_new", Activation::kGeluTanh},
                                                                          {"gelu_pytorch_tanh", Activation::kGeluTanh},
                                                                          {"gelu_fast", Activation::kGeluTanh},
                                                                          {"gelu", Activation::kGeluErf},
                                                                          {"swish", Activation::kSilu},
                                                                          {"silu", Activation::kSilu},
                                                                          {"relu", Activation::kRelu}}) {
    const ModelConfig c = parsed("llama", {{"hidden_act", '"' + name + '"'}});
    CHECK(c.activation == activation);
    check_reads_back(c);
  }
  CHECK(parsed("opt").json().find("\"activation_function\": \"relu\"") != std::string::npos);
  CHECK(refusal("opt", {{"activation_function", "\"silu\""}}) ==
        "config: \"activation_function\" is silu, which is not supported");
}
TEST_CASE("the scale of scores and of embeddings follows from the sizes where it is not given") {
  ModelConfig c = parsed("llama");
  CHECK(c.score_scale() == 1 / std::sqrt(12.0));
  c.query_scalar = 16;
  CHECK(c.score_scale() == 0.25);
  c.attention_scale = 0.5;
  CHECK(c.score_scale() == 0.5);
  const std::string before = c.mathematics();
  c.root_embedding = true;
  CHECK(c.embedding_factor() == double(6.92820323f));  // sqrt(48)
  CHECK(c.mathematics() != before);
}
