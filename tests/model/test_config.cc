// config.json: what is read, what is written, and what is refused, by the name of its key.
#include "lib/model/config.h"

#include <map>

#include "lib/base/error.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// A whole config.json with some keys replaced ("" leaves one out).
std::string config_with(const std::map<std::string, std::string>& changes) {
  std::map<std::string, std::string> keys{{"model_type", "\"gpt2\""}, {"n_layer", "3"},
                                          {"n_embd", "20"},           {"n_head", "4"},
                                          {"n_positions", "64"},      {"vocab_size", "100"}};
  for (const auto& [key, value] : changes) keys[key] = value;
  std::string text;
  for (const auto& [key, value] : keys)
    if (!value.empty()) text += (text.empty() ? "{\"" : ",\"") + key + "\":" + value;
  return text + "}";
}

ModelConfig parsed(const std::map<std::string, std::string>& changes = {}) {
  return ModelConfig::parse(config_with(changes), "config");
}
std::string refusal(const std::string& key, const std::string& value) {
  return message_of([&] { parsed({{key, value}}); });
}

}  // namespace

TEST_CASE("keys that are absent have GPT-2's defaults") {
  const ModelConfig c = parsed();
  CHECK(c.layers == 3);
  CHECK(c.width == 20);
  CHECK(c.heads == 4);
  CHECK(c.head_dim() == 5);
  CHECK(c.context == 64);
  CHECK(c.vocab == 100);
  CHECK(c.feed_forward == 80);
  CHECK(c.norm_eps == 1e-5);
  CHECK(c.activation == Activation::kGeluTanh);
  CHECK(c.tied);
  CHECK(c.head == HeadKind::kLanguage);
  CHECK(c.bos == -1);
  CHECK(c.eos == -1);
  CHECK(c.pad == -1);
  CHECK(c.reward_mean == 0);
  CHECK(c.reward_std == 1);
}
TEST_CASE("every key is read") {
  const ModelConfig c = parsed({{"n_inner", "33"},
                                {"layer_norm_epsilon", "1e-6"},
                                {"activation_function", "\"gelu\""},
                                {"tie_word_embeddings", "false"},
                                {"bos_token_id", "3"},
                                {"eos_token_id", "99"},
                                {"pad_token_id", "0"},
                                {"reward_mean", "-0.5"},
                                {"reward_std", "3"},
                                {"architectures", "[\"GPT2ForSequenceClassification\"]"}});
  CHECK(c.feed_forward == 33);
  CHECK(c.norm_eps == 1e-6);
  CHECK(c.activation == Activation::kGeluErf);
  CHECK_FALSE(c.tied);
  CHECK(c.bos == 3);
  CHECK(c.eos == 99);
  CHECK(c.pad == 0);
  CHECK(c.reward_mean == -0.5);
  CHECK(c.reward_std == 3);
  CHECK(c.head == HeadKind::kScore);
}
TEST_CASE("other spellings mean the same") {
  CHECK(parsed({{"n_inner", "null"}}).feed_forward == 80);
  CHECK(parsed({{"activation_function", "\"gelu_pytorch_tanh\""}}).activation == Activation::kGeluTanh);
  CHECK(parsed({{"activation_function", "\"gelu_new\""}}).activation == Activation::kGeluTanh);
  CHECK(parsed({{"architectures", "[\"GPT2LMHeadModel\"]"}}).head == HeadKind::kLanguage);
  CHECK(parsed({{"architectures", "[\"GPT2Model\"]"}}).head == HeadKind::kLanguage);
  CHECK(parsed({{"architectures", "null"}}).head == HeadKind::kLanguage);
  CHECK(parsed({{"n_positions", ""}, {"n_ctx", "31"}}).context == 31);
  CHECK(parsed({{"n_positions", ""}}).context == 1024);
  CHECK(parsed({{"eos_token_id", "[5,6]"}}).eos == 5);
  CHECK(parsed({{"eos_token_id", "[5,6]"}}).more_eos == std::vector<std::int32_t>{6});
}
TEST_CASE("a token that neither the configuration nor the vocabulary has is written as null") {
  const std::string json = parsed({{"bos_token_id", ""}, {"eos_token_id", ""}}).json();
  // Absent, other software would take GPT-2's 50256, and warn.
  CHECK(json.find("\"bos_token_id\": null") != std::string::npos);
  CHECK(json.find("\"eos_token_id\": null") != std::string::npos);
}
TEST_CASE("a configuration that is written reads back as it was") {
  for (HeadKind head : {HeadKind::kLanguage, HeadKind::kScore}) {
    ModelConfig c = parsed({{"n_inner", "33"},
                            {"layer_norm_epsilon", "3e-7"},
                            {"activation_function", "\"gelu\""},
                            {"tie_word_embeddings", "false"},
                            {"bos_token_id", "3"},
                            {"eos_token_id", "99"},
                            {"pad_token_id", "0"}});
    c.head = head;
    c.reward_mean = head == HeadKind::kScore ? 0.1 : 0;
    c.reward_std = head == HeadKind::kScore ? 1e-3 : 1;
    const ModelConfig again = ModelConfig::parse(c.json(), "again");
    CHECK(again.json() == c.json());
    CHECK(again.mathematics() == c.mathematics());
    CHECK(again.bos == 3);
    CHECK(again.eos == 99);
    CHECK(again.pad == 0);
    CHECK(again.context == 64);
  }
}

TEST_CASE("a model of another kind is refused") {
  const std::string supported = "; supported: " + family_names();
  CHECK(refusal("model_type", "\"another\"") == "config: \"model_type\" is \"another\"" + supported);
  const std::pair<const char*, const char*> known[] = {{"mamba", ", whose layers hold recurrent states"},
                                                       {"qwen3_5_text", ", in which some layers have linear attention"},
                                                       {"lfm2", ", in which some layers are convolutions"},
                                                       {"mixtral", ", a mixture of experts"},
                                                       {"roberta", ", an encoder"},
                                                       {"t5", ", an encoder with a decoder"},
                                                       {"gemma3", ", which reads images or sounds as well"}};
  for (const auto& [type, clause] : known)
    CHECK(refusal("model_type", '"' + std::string(type) + '"') ==
          "config: \"model_type\" is \"" + std::string(type) + "\"" + clause + supported);
  CHECK(refusal("model_type", "") == "config: \"model_type\" is \"\"" + supported);
  CHECK(refusal("model_type", "2") == "config: \"model_type\" is not a string");
  CHECK(refusal("architectures", "[\"GPT2DoubleHeadsModel\"]") ==
        "config: \"architectures\" names GPT2DoubleHeadsModel, which is not supported");
  for (const char* list : {"[]", "\"GPT2LMHeadModel\"", "[\"GPT2LMHeadModel\",\"GPT2Model\"]", "[1]"})
    CHECK(refusal("architectures", list) == "config: \"architectures\" is not a list of one name");
}
TEST_CASE("sizes that are missing or make no sense are refused") {
  for (const char* key : {"n_layer", "n_embd", "n_head", "vocab_size"}) {
    CHECK(refusal(key, "") == "config: \"" + std::string(key) + "\" is missing");
    for (const char* value : {"0", "-1", "1.5", "\"8\"", "4294967296"})
      CHECK(refusal(key, value) == "config: \"" + std::string(key) + "\" is not a sensible size");
  }
  CHECK(refusal("n_positions", "0") == "config: \"n_positions\" is not a sensible size");
  CHECK(refusal("n_inner", "-3") == "config: \"n_inner\" is not a sensible size");
  CHECK(refusal("n_head", "3") == "config: \"n_head\" does not divide n_embd");
}
TEST_CASE("keys that change the mathematics and are not supported are refused") {
  CHECK(refusal("activation_function", "\"mish\"") ==
        "config: \"activation_function\" is mish, which is not supported");
  CHECK(refusal("scale_attn_weights", "false") == "config: \"scale_attn_weights\" false is not supported");
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention", "is_encoder_decoder"}) {
    CHECK(refusal(key, "true") == "config: \"" + std::string(key) + "\" true is not supported");
    CHECK(refusal(key, "false") == "nothing thrown");
    CHECK(refusal(key, "1") == "config: \"" + std::string(key) + "\" is neither true nor false");
  }
  for (const char* key : {"quantization_config", "rope_scaling", "rope_parameters", "pruned_heads"}) {
    CHECK(refusal(key, "{\"a\":1}") == "config: \"" + std::string(key) + "\" is not supported");
    CHECK(refusal(key, "7") == "config: \"" + std::string(key) + "\" is not supported");
    CHECK(refusal(key, "{}") == "nothing thrown");
    CHECK(refusal(key, "null") == "nothing thrown");
  }
}
TEST_CASE("numbers and tokens of the wrong kind are refused") {
  CHECK(refusal("layer_norm_epsilon", "0") == "config: \"layer_norm_epsilon\" is not positive");
  CHECK(refusal("layer_norm_epsilon", "\"a\"") == "config: \"layer_norm_epsilon\" is not a finite number");
  CHECK(refusal("reward_std", "0") == "config: \"reward_std\" is not positive");
  CHECK(refusal("reward_mean", "[]") == "config: \"reward_mean\" is not a finite number");
  CHECK(refusal("tie_word_embeddings", "\"yes\"") == "config: \"tie_word_embeddings\" is neither true nor false");
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
    for (const char* value : {"1.5", "\"x\"", "[\"x\"]"})
      CHECK(refusal(key, value) == "config: \"" + std::string(key) + "\" is not a token id");
}
TEST_CASE("what is not a JSON object is refused") {
  for (const char* text : {"", "[]", "{\"n_layer\":", "3"}) {
    const std::string message = message_of([&] { ModelConfig::parse(text, "config"); });
    CHECK((message.starts_with("config: not JSON: ") || message == "config: the file is not an object"));
  }
  const std::string marked = message_of([] { ModelConfig::parse("\xEF\xBB\xBF{}", "config"); });
  CHECK(marked.starts_with("config: begins with a byte order"));
}
TEST_CASE("of equal keys the last holds, in objects within too, and null is null") {
  const auto with = [](const std::string& more) {
    std::string text = config_with({{"layer_norm_epsilon", "1e-6"}, {"eos_token_id", "7"}});
    text.pop_back();
    return ModelConfig::parse(text + more + "}", "config");
  };
  // json.loads of the same text in Python gives these values.
  CHECK(with("").norm_eps == 1e-6);
  CHECK(with(R"(,"layer_norm_epsilon":1e-4)").norm_eps == 1e-4);
  CHECK(with(R"(,"layer_norm_epsilon":1e-4,"layer_norm_epsilon":null)").norm_eps == 1e-5);
  CHECK(with(R"(,"eos_token_id":null)").eos == -1);
  CHECK(with(R"(,"n_layer":2,"n_layer":1)").layers == 1);
  const ModelConfig llama = ModelConfig::parse(
      R"({"model_type":"llama","num_hidden_layers":1,"hidden_size":8,"num_attention_heads":2,"intermediate_size":16,
          "vocab_size":10,"rope_scaling":{"type":"yarn","factor":2,"factor":4,"type":"linear"}})",
      "config");
  CHECK(llama.rotary.factor == 4);
}
TEST_CASE("a number that isn't held is refused by its key where it is used, and nowhere else") {
  const std::string huge(400, '9');
  for (const std::string& odd : {std::string("1e999"), std::string("-1e999"), huge, std::string("NaN"),
                                 std::string("Infinity"), std::string("-Infinity")}) {
    CAPTURE(odd);
    CHECK(refusal("unused", odd) == "nothing thrown");
    CHECK(refusal("unused", "{\"a\":[1," + odd + "],\"b\":\"" + odd + "\"}") == "nothing thrown");
    CHECK(refusal("layer_norm_epsilon", odd) == "config: \"layer_norm_epsilon\" is not a finite number");
    CHECK(refusal("n_layer", odd) == "config: \"n_layer\" is not a sensible size");
    CHECK(refusal("eos_token_id", odd) == "config: \"eos_token_id\" is not a token id");
    CHECK(refusal("tie_word_embeddings", odd) == "config: \"tie_word_embeddings\" is neither true nor false");
    CHECK(refusal("activation_function", odd) == "config: \"activation_function\" is not a string");
    CHECK(refusal("architectures", odd) == "config: \"architectures\" is not a list of one name");
    CHECK(refusal("quantization_config", odd) == "config: \"quantization_config\" is not supported");
  }
  CHECK(refusal("unused", "1000000000000000019884624838656") == "nothing thrown");
  CHECK(refusal("n_layer", "1000000000000000019884624838656") == "config: \"n_layer\" is not a sensible size");
  CHECK(parsed({{"reward_mean", "-1000000000000000019884624838656"}}).reward_mean == -1e30);
  CHECK(parsed({{"unused", "NaN"}, {"n_layer", "2"}}).layers == 2);
  for (const char* wrong : {"nan", "-NaN", "Inf", "+1", "1e999.5", "NaN NaN", "01e999"})
    CHECK(refusal("unused", wrong).starts_with("config: not JSON: "));
}
