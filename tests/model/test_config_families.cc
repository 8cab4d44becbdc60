// config.json of the families after GPT-2: Hugging Face's defaults, the old and the new form, and every refusal.
#include <map>

#include "lib/base/error.h"
#include "lib/model/config.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Keys = std::map<std::string, std::string>;

std::string text_of(const Keys& keys) {
  std::string text;
  for (const auto& [key, value] : keys)
    if (!value.empty()) text += (text.empty() ? "{\"" : ",\"") + key + "\":" + value;
  return text + "}";
}

// What every model of these families says, and some keys more ("" leaves one out).
Keys keys_of(const std::string& family, const Keys& changes = {}) {
  Keys keys{{"model_type", '"' + family + '"'},
            {"num_hidden_layers", "3"},
            {"hidden_size", "48"},
            {"num_attention_heads", "4"},
            {"vocab_size", "100"}};
  for (const char* grouped : {"mistral", "qwen2", "qwen3", "gemma", "gemma2",
                              "gemma3_text"})  // as many by default as these heads don't go into
    if (family == grouped) keys["num_key_value_heads"] = "2";
  if (family == "mistral") keys["sliding_window"] = "null";
  if (family == "gpt_neox") keys["hidden_size"] = "64";  // a quarter of a head's 16 channels rotates
  for (const auto& [key, value] : changes) keys[key] = value;
  return keys;
}
ModelConfig parsed(const std::string& family, const Keys& changes = {}) {
  return ModelConfig::parse(text_of(keys_of(family, changes)), "config");
}
std::string refusal(const std::string& family, const Keys& changes) {
  return message_of([&] { parsed(family, changes); });
}

constexpr const char* kAfterGpt2[] = {"llama", "mistral", "qwen2",  "qwen3",       "gpt_neox",
                                      "olmo2", "gemma",   "gemma2", "gemma3_text", "smollm3"};
constexpr const char* kLlamaLike[] = {"llama", "mistral", "qwen2", "qwen3", "olmo2", "gemma", "smollm3"};

}  // namespace

TEST_CASE("a short Llama configuration has Hugging Face's defaults") {
  const ModelConfig c = parsed("llama");
  CHECK(c.family == "llama");
  CHECK((c.layers == 3 && c.width == 48 && c.heads == 4 && c.vocab == 100));
  CHECK(c.kv_heads() == 4);
  CHECK(c.head_dim() == 12);
  CHECK(c.feed_forward == 11008);
  CHECK(c.context == 2048);
  CHECK(c.norm == NormKind::kRms);
  CHECK(c.norm_eps == 1e-6);
  CHECK(c.positions == PositionKind::kRotary);
  CHECK(c.rotary.dims == 12);
  CHECK(c.rotary.theta == 10000);
  CHECK(c.rotary.scaling == RopeScaling::kNone);
  CHECK((c.gated && c.activation == Activation::kSilu));
  CHECK_FALSE((c.qkv_bias || c.proj_bias || c.feed_forward_bias || c.qk_norm || c.parallel || c.tied));
  CHECK((c.bos == 1 && c.eos == 2 && c.pad == -1));
}
TEST_CASE("short configurations of Mistral, Qwen2 and Qwen3 have Hugging Face's defaults") {
  const ModelConfig mistral = parsed("mistral", {{"num_key_value_heads", ""}, {"num_attention_heads", "8"}});
  CHECK((mistral.kv_heads() == 8 && mistral.feed_forward == 14336 && mistral.context == 131072));
  CHECK((mistral.norm_eps == 1e-6 && mistral.rotary.theta == 10000 && mistral.bos == 1 && mistral.eos == 2));
  CHECK_FALSE((mistral.qkv_bias || mistral.tied));

  const ModelConfig qwen2 = parsed("qwen2");
  CHECK(
      (qwen2.feed_forward == 22016 && qwen2.context == 32768 && qwen2.norm_eps == 1e-6 && qwen2.rotary.theta == 10000));
  CHECK((qwen2.qkv_bias && !qwen2.proj_bias && !qwen2.feed_forward_bias && !qwen2.qk_norm && !qwen2.tied));
  CHECK((qwen2.head_dim() == 12 && qwen2.bos == -1 && qwen2.eos == -1));
  CHECK(parsed("qwen2", {{"num_key_value_heads", ""}, {"num_attention_heads", "32"}, {"hidden_size", "64"}})
            .kv_head_count == 32);

  const ModelConfig qwen3 = parsed("qwen3");
  CHECK((qwen3.head_dim() == 128 && qwen3.rotary.dims == 128 && qwen3.qk_norm));
  CHECK_FALSE((qwen3.qkv_bias || qwen3.proj_bias || qwen3.feed_forward_bias || qwen3.tied));
  CHECK((qwen3.feed_forward == 22016 && qwen3.context == 32768 && qwen3.norm_eps == 1e-6));
}
TEST_CASE("a short GPT-NeoX configuration has Hugging Face's defaults") {
  const ModelConfig c = parsed("gpt_neox");
  CHECK((c.feed_forward == 24576 && c.context == 2048 && c.norm == NormKind::kLayer && c.norm_eps == 1e-5));
  CHECK((c.rotary.share == 0.25 && c.rotary.theta == 10000));
  CHECK(c.rotary.dims == 4);
  CHECK((c.activation == Activation::kGeluErf && !c.gated && c.parallel && !c.tied));
  CHECK((c.qkv_bias && c.proj_bias && c.feed_forward_bias));
  CHECK((c.bos == 0 && c.eos == 2 && c.kv_heads() == 4));
}
TEST_CASE("a short OLMo 2 configuration has Hugging Face's defaults") {
  const ModelConfig c = parsed("olmo2", {{"vocab_size", "50304"}});
  CHECK((c.kv_heads() == 4 && c.head_dim() == 12 && c.feed_forward == 11008 && c.context == 2048));
  CHECK((c.norm == NormKind::kRms && c.norm_eps == 1e-5 && c.rotary.theta == 10000 && c.rotary.dims == 12));
  CHECK((c.norm_after && c.qk_norm && c.qk_norm_whole && c.gated && c.activation == Activation::kSilu));
  CHECK_FALSE((c.norm_before || c.norm_offset || c.qkv_bias || c.proj_bias || c.feed_forward_bias || c.tied));
  CHECK((c.bos == -1 && c.eos == 50279 && c.pad == 1));
  CHECK(parsed("olmo2", {{"pad_token_id", "null"}}).pad == -1);
  CHECK(parsed("olmo2", {{"attention_bias", "true"}}).qkv_bias);
}
TEST_CASE("a short Gemma configuration has Hugging Face's defaults") {
  const ModelConfig c = parsed("gemma", {{"num_key_value_heads", ""}, {"num_attention_heads", "16"}});
  CHECK((c.kv_heads() == 16 && c.head_dim() == 256 && c.feed_forward == 24576 && c.context == 8192));
  CHECK((c.norm == NormKind::kRms && c.norm_eps == 1e-6 && c.norm_offset && c.norm_before && !c.norm_after));
  CHECK((c.gated && c.activation == Activation::kGeluTanh && c.tied && c.root_embedding));
  CHECK((c.rotary.theta == 10000 && c.rotary.dims == 256 && c.score_scale() == 1.0 / 16));
  CHECK_FALSE((c.qkv_bias || c.proj_bias || c.feed_forward_bias || c.qk_norm));
  CHECK((c.bos == 2 && c.eos == 1 && c.pad == 0));
  CHECK((parsed("gemma", {{"attention_bias", "true"}}).proj_bias));
  CHECK(c.json().find("\"hidden_act\": \"gelu_pytorch_tanh\"") != std::string::npos);
}
TEST_CASE("a short Gemma 2 configuration has Hugging Face's defaults") {
  const ModelConfig c = parsed("gemma2", {{"num_key_value_heads", ""}});
  CHECK((c.kv_heads() == 4 && c.head_dim() == 256 && c.feed_forward == 9216 && c.context == 8192));
  CHECK((c.norm == NormKind::kRms && c.norm_eps == 1e-6 && c.norm_offset && c.norm_before && c.norm_after));
  CHECK((c.gated && c.activation == Activation::kGeluTanh && c.tied && c.root_embedding && !c.qk_norm));
  CHECK((c.query_scalar == 256 && c.attention_cap == 50 && c.logit_cap == 30 && c.rotary.theta == 10000));
  CHECK((c.bos == 2 && c.eos == 1 && c.pad == 0));
  const LayerForm local{4096, LayerForm::Rope::kMain}, global;
  CHECK(c.layer_forms == std::vector{local, global, local});
  const ModelConfig other = parsed("gemma2", {{"query_pre_attn_scalar", "144"},
                                              {"attn_logit_softcapping", "null"},
                                              {"final_logit_softcapping", "20.0"},
                                              {"hidden_activation", "\"gelu\""},
                                              {"sliding_window", "7"}});
  CHECK((other.score_scale() == 1.0 / 12 && other.attention_cap == 0 && other.logit_cap == 20));
  CHECK((other.activation == Activation::kGeluErf && other.form_of(0).window == 7 && other.form_of(1).window == 0));
  CHECK(other.json().find("\"hidden_activation\": \"gelu\"") != std::string::npos);
}
TEST_CASE("a short Gemma 3 configuration has Hugging Face's defaults, and one of the hub its layers") {
  const ModelConfig c = parsed("gemma3_text", {{"num_hidden_layers", "8"}});
  CHECK((c.head_dim() == 256 && c.feed_forward == 9216 && c.context == 131072 && c.norm_after && c.qk_norm));
  CHECK((c.query_scalar == 256 && c.attention_cap == 0 && c.logit_cap == 0 && !c.qk_norm_whole));
  CHECK((c.rotary.theta == 1e6 && c.local_rotary.theta == 1e4 && c.local_rotary.dims == 256));
  const LayerForm local{4096, LayerForm::Rope::kLocal}, global;
  CHECK(c.layer_forms == std::vector{local, local, local, local, local, global, local, local});
  const ModelConfig hub = parsed("gemma3_text", {{"rope_local_base_freq", "20000.0"},
                                                 {"rope_theta", "2000000.0"},
                                                 {"rope_scaling", "{\"rope_type\":\"linear\",\"factor\":8.0}"},
                                                 {"sliding_window", "512"},
                                                 {"sliding_window_pattern", "2"},
                                                 {"final_logit_softcapping", "null"},
                                                 {"use_bidirectional_attention", "false"}});
  CHECK((hub.local_rotary.theta == 20000 && hub.local_rotary.scaling == RopeScaling::kNone));
  CHECK((hub.rotary.theta == 2e6 && hub.rotary.scaling == RopeScaling::kLinear && hub.rotary.factor == 8));
  const LayerForm near{512, LayerForm::Rope::kLocal};
  CHECK(hub.layer_forms == std::vector{near, global, near});
}
TEST_CASE("of two keys for the activation Gemma reads transformers' own, and attention to both sides is refused") {
  const Keys of_2b{{"hidden_activation", "\"gelu_pytorch_tanh\""}, {"hidden_act", "\"gelu\""}};
  CHECK(parsed("gemma", of_2b).activation == Activation::kGeluErf);
  CHECK(parsed("gemma", {{"hidden_activation", "\"gelu\""}}).activation == Activation::kGeluTanh);
  CHECK(parsed("gemma2", of_2b).activation == Activation::kGeluTanh);
  CHECK(refusal("gemma", {{"use_bidirectional_attention", "true"}}) ==
        "config: \"use_bidirectional_attention\" true is not supported");
  CHECK(refusal("gemma", {{"use_bidirectional_attention", "null"}}) == "nothing thrown");
}
TEST_CASE("every key of Llama is read") {
  const ModelConfig c = parsed("llama", {{"num_key_value_heads", "2"},
                                         {"head_dim", "10"},
                                         {"intermediate_size", "33"},
                                         {"max_position_embeddings", "77"},
                                         {"rms_norm_eps", "1e-4"},
                                         {"rope_theta", "500000.0"},
                                         {"hidden_act", "\"swish\""},
                                         {"attention_bias", "true"},
                                         {"mlp_bias", "true"},
                                         {"tie_word_embeddings", "true"},
                                         {"eos_token_id", "[9,8,7]"},
                                         {"bos_token_id", "null"},
                                         {"pad_token_id", "5"}});
  CHECK((c.kv_heads() == 2 && c.head_dim() == 10 && c.rotary.dims == 10 && c.feed_forward == 33 && c.context == 77));
  CHECK((c.norm_eps == 1e-4 && c.rotary.theta == 500000 && c.activation == Activation::kSilu));
  CHECK((c.qkv_bias && c.proj_bias && c.feed_forward_bias && c.tied));
  CHECK((c.eos == 9 && c.more_eos == std::vector<std::int32_t>{8, 7} && c.bos == -1 && c.pad == 5));
}
TEST_CASE("null heads of keys and null widths of heads follow from the other sizes") {
  for (const char* family : kLlamaLike) {
    CHECK(parsed(family, {{"num_key_value_heads", "null"}}).kv_heads() == 4);
    CHECK(parsed(family, {{"head_dim", "null"}}).head_dim() == 12);
  }
}
TEST_CASE("every key of GPT-NeoX is read") {
  const ModelConfig c = parsed("gpt_neox", {{"rotary_pct", "0.5"},
                                            {"rotary_emb_base", "1234"},
                                            {"use_parallel_residual", "false"},
                                            {"attention_bias", "false"},
                                            {"layer_norm_eps", "1e-3"},
                                            {"hidden_act", "\"gelu_fast\""},
                                            {"tie_word_embeddings", "true"}});
  CHECK((c.rotary.dims == 8 && c.rotary.theta == 1234 && !c.parallel && !c.qkv_bias && !c.proj_bias &&
         c.feed_forward_bias));
  CHECK((c.norm_eps == 1e-3 && c.activation == Activation::kGeluTanh && c.tied));
}
TEST_CASE("the new form of rotary parameters means what the old one does") {
  const std::string numbers =
      "\"factor\":8.0,\"low_freq_factor\":1.5,\"high_freq_factor\":4.5,"
      "\"original_max_position_embeddings\":64";
  const ModelConfig old_form =
      parsed("llama", {{"rope_theta", "7000"}, {"rope_scaling", "{\"rope_type\":\"llama3\"," + numbers + "}"}});
  const ModelConfig new_form =
      parsed("llama", {{"rope_parameters", "{\"rope_theta\":7000,\"rope_type\":\"llama3\"," + numbers + "}"},
                       {"dtype", "\"bfloat16\""}});
  CHECK(old_form.mathematics() == new_form.mathematics());
  CHECK((new_form.rotary.theta == 7000 && new_form.rotary.scaling == RopeScaling::kLlama3));
  CHECK((new_form.rotary.factor == 8 && new_form.rotary.low_factor == 1.5 && new_form.rotary.high_factor == 4.5));
  CHECK(new_form.rotary.original_context == 64);

  CHECK(parsed("llama", {{"rope_scaling", "{\"type\":\"linear\",\"factor\":2}"}}).mathematics() ==
        parsed("llama", {{"rope_parameters", "{\"rope_type\":\"linear\",\"factor\":2.0}"}}).mathematics());
  CHECK(parsed("gpt_neox", {{"rotary_pct", "0.5"}, {"rotary_emb_base", "99"}}).mathematics() ==
        parsed("gpt_neox", {{"rope_parameters",
                             "{\"rope_type\":\"default\",\"partial_rotary_factor\":0.5,"
                             "\"rope_theta\":99}"}})
            .mathematics());
  // Hugging Face writes these beside the old keys in between.
  CHECK(parsed("gpt_neox", {{"partial_rotary_factor", "0.5"}, {"rope_theta", "99"}}).rotary.dims == 8);
  CHECK(parsed("gpt_neox", {{"rotary_emb_base", "98"}, {"rope_theta", "99"}}).rotary.theta == 98);
  for (const char* none : {"null", "{\"rope_type\":\"default\"}", "{\"type\":\"default\"}"})
    CHECK(parsed("llama", {{"rope_scaling", none}}).rotary.scaling == RopeScaling::kNone);
  const Keys both{{"rope_scaling", "{\"rope_type\":\"linear\",\"type\":\"x\",\"factor\":3}"}};
  CHECK(parsed("llama", both).rotary.factor == 3);
}
TEST_CASE("a configuration of every family that is written reads back as it was") {
  const std::string llama3 =
      "{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.5,"
      "\"high_freq_factor\":4.5,\"original_max_position_embeddings\":64}";
  const std::string linear = "{\"type\":\"linear\",\"factor\":3}", none = "null";
  for (const char* family : kAfterGpt2) {
    for (HeadKind head : {HeadKind::kLanguage, HeadKind::kScore}) {
      for (const std::string& scaling : {none, llama3, linear}) {
        ModelConfig c = parsed(family, {{"rope_scaling", scaling},
                                        {"rope_theta", "4321.5"},
                                        {"rotary_pct", "0.5"},
                                        {"eos_token_id", "[4,5]"},
                                        {"bos_token_id", "null"},
                                        {"pad_token_id", "7"},
                                        {"partial_rotary_factor", "null"}});
        c.head = head;
        if (head == HeadKind::kScore) c.reward_mean = 0.25, c.reward_std = 2;
        CAPTURE(c.json());
        const ModelConfig again = ModelConfig::parse(c.json(), "again");
        CHECK(again.json() == c.json());
        CHECK(again.mathematics() == c.mathematics());
        CHECK((again.bos == -1 && again.eos == 4 && again.more_eos == c.more_eos && again.pad == 7));
      }
    }
    // Where there is no pad, an absent key would mean the family's.
    const ModelConfig c = parsed(family, {{"pad_token_id", "null"}});
    CHECK((c.pad == -1 && ModelConfig::parse(c.json(), "again").pad == -1));
  }
  for (const char* key : {"attention_bias", "mlp_bias", "tie_word_embeddings"}) {
    const ModelConfig c = parsed("llama", {{key, "true"}, {"head_dim", "10"}});
    CHECK(ModelConfig::parse(c.json(), "again").mathematics() == c.mathematics());
    CHECK(c.mathematics() != parsed("llama", {{"head_dim", "10"}}).mathematics());
  }
}
TEST_CASE("what is written has the family's own architecture") {
  const Keys stems{{"llama", "Llama"}, {"mistral", "Mistral"},  {"qwen2", "Qwen2"},
                   {"qwen3", "Qwen3"}, {"gpt_neox", "GPTNeoX"}, {"olmo2", "Olmo2"},
                   {"gemma", "Gemma"}, {"gemma2", "Gemma2"},    {"smollm3", "SmolLM3"}};
  for (const auto& [family, stem] : stems) {
    ModelConfig c = parsed(family, {{"architectures", "[\"" + stem + "ForCausalLM\"]"}});
    CHECK(c.head == HeadKind::kLanguage);
    CHECK(c.json().find('"' + stem + "ForCausalLM\"") != std::string::npos);
    CHECK(parsed(family, {{"architectures", "[\"" + stem + "Model\"]"}}).head == HeadKind::kLanguage);
    c = parsed(family, {{"architectures", "[\"" + stem + "ForSequenceClassification\"]"}});
    CHECK(c.head == HeadKind::kScore);
    CHECK(c.json().find('"' + stem + "ForSequenceClassification\"") != std::string::npos);
    CHECK(refusal(family, {{"architectures", "[\"GPT2LMHeadModel\"]"}}) ==
          "config: \"architectures\" names GPT2LMHeadModel, which is not supported");
  }
}
TEST_CASE("keys that change mathematics change the text for digests") {
  const auto llama = [](const Keys& changes) { return parsed("llama", changes).mathematics(); };
  const std::string before = llama({});
  for (const auto& [key, value] : Keys{{"num_key_value_heads", "2"},
                                       {"head_dim", "14"},
                                       {"rope_theta", "9999"},
                                       {"rms_norm_eps", "1e-5"},
                                       {"attention_bias", "true"},
                                       {"mlp_bias", "true"},
                                       {"rope_scaling", "{\"type\":\"linear\",\"factor\":2}"},
                                       {"tie_word_embeddings", "true"},
                                       {"max_position_embeddings", "99"}})
    CHECK(llama({{key, value}}) != before);
  const auto scaled = [&](const std::string& factor, const std::string& low, const std::string& length) {
    return llama({{"rope_scaling", "{\"rope_type\":\"llama3\",\"high_freq_factor\":9,\"factor\":" + factor +
                                       ",\"low_freq_factor\":" + low +
                                       ",\"original_max_position_embeddings\":" + length + "}"}});
  };
  CHECK(scaled("2", "1", "50") != scaled("3", "1", "50"));
  CHECK(scaled("2", "1", "50") != scaled("2", "2", "50"));
  CHECK(scaled("2", "1", "50") != scaled("2", "1", "51"));
  CHECK(parsed("gpt_neox").mathematics() != parsed("gpt_neox", {{"use_parallel_residual", "false"}}).mathematics());
  CHECK(parsed("gpt_neox", {{"rotary_pct", "0.5"}}).mathematics() !=
        parsed("gpt_neox", {{"rotary_pct", "1"}}).mathematics());
}

TEST_CASE("sizes of every family that are missing or make no sense are refused") {
  for (const char* family : kAfterGpt2) {
    for (const char* key : {"num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size"}) {
      CHECK(refusal(family, {{key, ""}}) == "config: \"" + std::string(key) + "\" is missing");
      for (const char* value : {"0", "-1", "1.5", "\"8\"", "4294967296"})
        CHECK(refusal(family, {{key, value}}) == "config: \"" + std::string(key) + "\" is not a sensible size");
    }
    CHECK(refusal(family, {{"intermediate_size", "0"}}) == "config: \"intermediate_size\" is not a sensible size");
    CHECK(refusal(family, {{"max_position_embeddings", "0"}}) ==
          "config: \"max_position_embeddings\" is not a sensible size");
    // More than any memory: no list of so many layers is begun.
    CHECK(refusal(family, {{"num_hidden_layers", "2147483647"}}) ==
          "config: \"num_hidden_layers\" is not a sensible size");
    CHECK(refusal(family, {{"hidden_size", "2147483644"}}) == "config: \"hidden_size\" is not a sensible size");
  }
  CHECK(refusal("llama", {{"num_attention_heads", "5"}}) ==
        "config: \"num_attention_heads\" does not divide hidden_size");
  for (const char* family : kLlamaLike) {
    CHECK(refusal(family, {{"num_key_value_heads", "3"}}) ==
          "config: \"num_key_value_heads\" does not divide num_attention_heads");
    CHECK(refusal(family, {{"num_key_value_heads", "0"}}) == "config: \"num_key_value_heads\" is not a sensible size");
    CHECK(refusal(family, {{"head_dim", "524288"}}) == "config: \"head_dim\" is not a sensible size");
    CHECK(refusal(family, {{"rms_norm_eps", "0"}}) == "config: \"rms_norm_eps\" is not positive");
    // With heads of a width of their own nothing has to divide.
    CHECK(parsed(family, {{"head_dim", "10"}, {"hidden_size", "46"}}).head_dim() == 10);
  }
}
TEST_CASE("activations that are not the family's are refused") {
  for (const char* family : kLlamaLike)
    CHECK(refusal(family, {{"hidden_act", "\"relu2\""}}) == "config: \"hidden_act\" is relu2, which is not supported");
  CHECK(refusal("gpt_neox", {{"hidden_act", "\"silu\""}}) == "config: \"hidden_act\" is silu, which is not supported");
  CHECK(refusal("gpt_neox", {{"hidden_act", "3"}}) == "config: \"hidden_act\" is not a string");
}
TEST_CASE("rotary scalings that are unknown or depend on the sequence's length are refused") {
  for (const char* type : {"dynamic", "yarn", "mrope", "nonsense"}) {
    const std::string why = "\" is " + std::string(type) + ", which is not supported";
    for (const char* family : kAfterGpt2) {
      CHECK(refusal(family, {{"rope_scaling", "{\"type\":\"" + std::string(type) + "\",\"factor\":2}"}}) ==
            "config: \"rope_scaling.type" + why);
      CHECK(refusal(family, {{"rope_scaling", "{\"rope_type\":\"" + std::string(type) + "\",\"factor\":2}"}}) ==
            "config: \"rope_scaling.rope_type" + why);
      CHECK(refusal(family, {{"rope_parameters", "{\"rope_type\":\"" + std::string(type) + "\",\"factor\":2}"}}) ==
            "config: \"rope_parameters.rope_type" + why);
    }
  }
  CHECK(refusal("llama", {{"rope_parameters", "{\"full_attention\":{\"rope_theta\":1}}"}}) ==
        "config: \"rope_parameters.full_attention\" is not supported: all layers share one RoPE");
}
TEST_CASE("rotary parameters that are missing or of the wrong kind are refused") {
  const auto scaling = [](const std::string& members) { return refusal("llama", {{"rope_scaling", members}}); };
  CHECK(scaling("7") == "config: \"rope_scaling\" is not an object");
  CHECK(scaling("\"linear\"") == "config: \"rope_scaling\" is not an object");
  CHECK(scaling("{\"type\":1}") == "config: \"rope_scaling.type\" is not a string");
  CHECK(scaling("{\"type\":\"linear\"}") == "config: \"rope_scaling.factor\" is missing");
  CHECK(scaling("{\"type\":\"linear\",\"factor\":0}") == "config: \"rope_scaling.factor\" is not positive");
  CHECK(scaling("{\"type\":\"linear\",\"factor\":\"2\"}") == "config: \"rope_scaling.factor\" is not a finite number");
  const std::string start = "{\"rope_type\":\"llama3\",\"factor\":2";
  CHECK(scaling(start + "}") == "config: \"rope_scaling.low_freq_factor\" is missing");
  CHECK(scaling(start + ",\"low_freq_factor\":1}") == "config: \"rope_scaling.high_freq_factor\" is missing");
  CHECK(scaling(start + ",\"low_freq_factor\":1,\"high_freq_factor\":4}") ==
        "config: \"rope_scaling.original_max_position_embeddings\" is missing");
  CHECK(scaling(start + ",\"low_freq_factor\":4,\"high_freq_factor\":4,\"original_max_position_embeddings\":8}") ==
        "config: \"rope_scaling.high_freq_factor\" is not above low_freq_factor");
  CHECK(refusal("llama", {{"rope_parameters", "{\"rope_theta\":-1}"}}) ==
        "config: \"rope_parameters.rope_theta\" is not positive");
  CHECK(refusal("llama", {{"rope_theta", "1"}}) == "config: \"rope_theta\" is not above 1");
  CHECK(refusal("gpt_neox", {{"rotary_emb_base", "0"}}) == "config: \"rotary_emb_base\" is not positive");
  for (const char* family : kLlamaLike)
    CHECK(refusal(family, {{"partial_rotary_factor", "0.5"}}) == "config: \"partial_rotary_factor\" is not supported");
  for (const char* share : {"0.2", "1.5", "0.01"})  // of 16 channels: 3, too many, none
    CHECK(refusal("gpt_neox", {{"rotary_pct", share}}) ==
          "config: \"rotary_pct\" does not leave an even number of a head's channels to rotate");
  CHECK(refusal("llama", {{"head_dim", "11"}}) ==
        "config: \"partial_rotary_factor\" does not leave an even number of a head's channels to rotate");
}
TEST_CASE("keys of other models' mathematics are refused, and read over where they change nothing") {
  for (const char* key : {"attention_multiplier", "embedding_multiplier", "residual_multiplier", "logits_scaling",
                          "logit_scale", "attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar",
                          "clip_qkv", "num_local_experts", "num_experts"}) {
    CHECK(refusal("llama", {{key, "0.5"}}) == "config: \"" + std::string(key) + "\" is not supported");
    CHECK(refusal("llama", {{key, "null"}}) == "nothing thrown");
    CHECK(refusal("llama", {{key, "1.0"}}) == "nothing thrown");
  }
  CHECK(refusal("llama", {{"no_rope_layers", "[1,0]"}}) == "config: \"no_rope_layers\" is not supported");
  for (const char* key : {"alibi", "rope_interleaved", "use_mrope", "use_qk_norm", "qk_layernorm"}) {
    CHECK(refusal("llama", {{key, "true"}}) == "config: \"" + std::string(key) + "\" is not supported");
    CHECK(refusal("llama", {{key, "false"}}) == "nothing thrown");
  }
  for (const char* key : {"attention_chunk_size", "dual_chunk_attention_config", "mlp_only_layers"})
    CHECK(refusal("llama", {{key, "[4096]"}}) == "config: \"" + std::string(key) + "\" is not supported");
  CHECK(refusal("llama", {{"quantization_config", "{\"bits\":4}"}}) ==
        "config: \"quantization_config\" is not supported");
  for (const auto& [key, value] : Keys{{"pretraining_tp", "1"},
                                       {"use_cache", "true"},
                                       {"attention_dropout", "0.1"},
                                       {"initializer_range", "0.02"},
                                       {"torch_dtype", "\"float16\""},
                                       {"dtype", "\"bfloat16\""},
                                       {"alibi", "false"},
                                       {"no_rope_layers", "[]"}})
    CHECK(refusal("llama", {{key, value}}) == "nothing thrown");
}
TEST_CASE("flags of the wrong kind are refused") {
  for (const char* key : {"attention_bias", "mlp_bias", "tie_word_embeddings"})
    CHECK(refusal("llama", {{key, "1"}}) == "config: \"" + std::string(key) + "\" is neither true nor false");
  CHECK(refusal("gpt_neox", {{"use_parallel_residual", "\"yes\""}}) ==
        "config: \"use_parallel_residual\" is neither true nor false");
}
