// adapter_config.json: which of PEFT's settings are read, and which are refused by their names. Keys and values are as
// PEFT 0.20 writes them for each.
#include "lib/model/adapter_config.h"

#include "lib/base/error.h"
#include "lib/io/files.h"
#include "tests/harness/harness.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// What PEFT wrote for q_proj's and others' adapters of a causal model, with one key's line changed.
std::string config_with(const std::string& key, const std::string& value) {
  std::string text = read_file("tests/goldens/model/adapters/llama-pattern/adapter_config.json");
  if (key.empty()) return text;
  const std::string name = "\"" + key + "\": ";
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return text.insert(text.find('{') + 1, name + value + ","), text;
  const std::size_t begin = at + name.size(), end = text.find(",\n", begin);
  return text.replace(begin, (end == std::string::npos ? text.rfind('\n') : end) - begin, value);
}

AdapterConfig parsed(const std::string& key, const std::string& value) {
  return AdapterConfig::parse(config_with(key, value), "adapter_config.json");
}

Error refusal_of(const std::string& text) {
  try {
    AdapterConfig::parse(text, "adapter_config.json");
  } catch (const Error& error) {
    return error;
  }
  return Error(Exit::kInternal, "nothing thrown", "");
}

void check_refused(const std::string& key, const std::string& value, const std::string& cause) {
  CAPTURE(key);
  CAPTURE(value);
  const Error error = refusal_of(config_with(key, value));
  CHECK(error.status() == Exit::kBadInput);
  CHECK(std::string(error.what()) == "adapter_config.json: " + cause);
  CHECK(error.advice() ==
        "merge it into its base with PEFT (merge_and_unload, then save_pretrained), and give that folder");
}

void check_passed_over(const std::string& key, const std::string& value) {
  CAPTURE(key);
  CAPTURE(value);
  CHECK(parsed(key, value).mathematics() == parsed("", "").mathematics());
}

void check_limits(const std::string& key, const std::string& value) {
  CAPTURE(key);
  CAPTURE(value);
  CHECK(std::string(refusal_of(config_with(key, value)).what()).find("\"" + key + "\" must be") != std::string::npos);
}

}  // namespace

TEST_CASE("rank, scale, targets and base are read") {
  const AdapterConfig c = parsed("target_modules", "[\"v_proj\", \"q_proj\", \"v_proj\"]");
  CHECK(c.rank == 3);
  CHECK(c.alpha == 5);
  CHECK(c.rank_stabilized);
  CHECK(c.scale() == doctest::Approx(2.8867513459481287));
  CHECK(parsed("use_rslora", "false").scale() == doctest::Approx(5.0 / 3));
  CHECK(parsed("use_rslora", "null").scale() == doctest::Approx(5.0 / 3));
  CHECK(parsed("lora_alpha", "2.5").alpha == 2.5);
  CHECK(c.targets == std::vector<std::string>{"q_proj", "v_proj"});
  CHECK(c.base == "../../dev/llama3/policy");
  CHECK(c.head == HeadKind::kLanguage);
  CHECK(parsed("base_model_name_or_path", "null").base.empty());
}

TEST_CASE("a pattern of names, and \"all-linear\", leave the targets to the file of tensors") {
  CHECK(parsed("", "").targets.empty());
  CHECK(parsed("target_modules", "\"all-linear\"").targets.empty());
  CHECK(std::string(refusal_of(config_with("target_modules", "[]")).what()) ==
        "adapter_config.json: \"target_modules\" is empty");
  CHECK(std::string(refusal_of(config_with("target_modules", "null")).what()).ends_with("has no target_modules"));
}

TEST_CASE("the head is the task's, or the saved module's where no task is named") {
  CHECK(parsed("task_type", "null").head == HeadKind::kLanguage);
  CHECK(parsed("task_type", "\"SEQ_CLS\"").head == HeadKind::kScore);
  CHECK(parsed("modules_to_save", "[]").head == HeadKind::kLanguage);
  std::string text = config_with("modules_to_save", "[\"score\"]");
  text.replace(text.find("\"CAUSAL_LM\""), 11, "null");
  CHECK(AdapterConfig::parse(text, "x").head == HeadKind::kScore);
  text = config_with("modules_to_save", "[\"classifier\", \"score\"]");
  text.replace(text.find("CAUSAL_LM"), 9, "SEQ_CLS");
  CHECK(AdapterConfig::parse(text, "x").head == HeadKind::kScore);
}

TEST_CASE("settings that change no trained adapter are passed over") {
  for (const auto& [key, value] : {std::pair{"init_lora_weights", "false"},
                                   {"init_lora_weights", "\"gaussian\""},
                                   {"lora_dropout", "0.1"},
                                   {"inference_mode", "false"},
                                   {"revision", "\"main\""},
                                   {"layers_to_transform", "[]"},
                                   {"layers_pattern", "\"layers\""},
                                   {"rank_pattern", "{}"},
                                   {"exclude_modules", "[]"},
                                   {"ensure_weight_tying", "true"},
                                   {"velora_config", R"({"num_groups": 64, "scale": 1.0})"},
                                   {"enable_lora", "null"},
                                   {"auto_mapping", R"({"base_model_class": "LlamaForCausalLM"})"}})
    check_passed_over(key, value);
}

TEST_CASE("what is not built is refused by its name, with what to do") {
  for (const auto& [key, value] :
       {std::pair{"use_dora", "true"},
        {"rank_pattern", R"({"q_proj":4})"},
        {"alpha_pattern", R"({"q_proj":8})"},
        {"lora_bias", "true"},
        {"layers_to_transform", "[0]"},
        {"layers_to_transform", "0"},
        {"exclude_modules", R"(["model.layers.0.self_attn.q_proj"])"},
        {"target_parameters", R"(["q_proj.weight"])"},
        {"trainable_token_indices", "[1,2]"},
        {"layer_replication", "[[0,2],[1,2]]"},
        {"alora_invocation_tokens", "[3,4]"},
        {"kasa_config", R"({"beta":0.0001,"gamma":0.001})"},
        {"monteclora_config", R"({"num_samples":8,"use_entropy":false})"},
        {"use_bdlora", R"({"match_strict":true,"nblocks":2,"target_modules_bd_a":["q_proj"]})"},
        {"use_qalora", "true"},
        {"arrow_config", R"({"top_k":3})"},
        {"a_key_of_tomorrow", "1"}})
    check_refused(key, value, std::string("\"") + key + "\" is " + value + ", which is not supported");
  for (const char* kind : {"all", "lora_only"})
    check_refused("bias", std::string("\"") + kind + "\"",
                  std::string("\"bias\" is \"") + kind + "\", which is not supported");
  for (const char* module : {"lm_head", "embed_tokens", "score"})
    check_refused("modules_to_save", std::string("[\"") + module + "\"]",
                  std::string("\"modules_to_save\" names \"") + module + "\", which is not supported");
}

TEST_CASE("initialisations that may change the base or the pattern of ranks are refused by their names") {
  for (const char* name : {"pissa", "pissa_niter_4", "olora", "corda", "eva", "loftq", "lora_ga", "orthogonal", "mica"})
    check_refused("init_lora_weights", std::string("\"") + name + "\"",
                  std::string("\"init_lora_weights\" is \"") + name + "\", which is not supported");
}

TEST_CASE("other methods and tasks are refused by their names") {
  for (const auto& [method, text] :
       {std::pair{"VERA", R"({"peft_type": "VERA", "r": 2, "target_modules": ["q_proj"], "vera_dropout": 0.0,
           "d_initial": 0.1, "projection_prng_key": 0, "save_projection": true, "task_type": "CAUSAL_LM"})"},
        {"IA3", R"({"peft_type": "IA3", "feedforward_modules": ["down_proj"], "target_modules": ["q_proj"]})"},
        {"PROMPT_TUNING", R"({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 3, "token_dim": 16})"},
        {"PREFIX_TUNING", R"({"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3, "token_dim": 8})"},
        {"ADALORA", R"({"peft_type": "ADALORA", "r": 8, "lora_alpha": 8, "target_modules": ["q_proj"]})"}}) {
    const Error error = refusal_of(text);
    CHECK(std::string(error.what()) == std::string("adapter_config.json: \"peft_type\" is \"") + method +
                                           "\", not \"LORA\", which alone is supported");
    CHECK(error.advice().find("LoraConfig") != std::string::npos);
  }
  const Error error = refusal_of(config_with("task_type", "\"TOKEN_CLS\""));
  CHECK(std::string(error.what()) == "adapter_config.json: \"task_type\" is \"TOKEN_CLS\", which is not supported");
  CHECK(error.advice().find("SEQ_CLS") != std::string::npos);
}

TEST_CASE("ranks and scales that make no adapter are refused") {
  for (const auto& [key, value] : {std::pair{"r", "0"}, {"r", "5000"}, {"lora_alpha", "0"}, {"lora_alpha", "\"2\""}})
    check_limits(key, value);
}
