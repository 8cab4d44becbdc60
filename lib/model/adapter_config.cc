#include "lib/model/adapter_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "lib/base/error.h"
#include "lib/io/json.h"
#include "lib/io/json_reader.h"

namespace nudge {
namespace {

using Value = JsonReader::Value;

// What doesn't change the function of a trained adapter, whatever the value.
constexpr std::array kHarmless = {"peft_type",
                                  "task_type",
                                  "base_model_name_or_path",
                                  "r",
                                  "lora_alpha",
                                  "target_modules",
                                  "use_rslora",
                                  "init_lora_weights",
                                  "modules_to_save",
                                  "bias",
                                  "lora_dropout",
                                  "inference_mode",
                                  "revision",
                                  "auto_mapping",
                                  "peft_version",
                                  "fan_in_fan_out",
                                  "megatron_core",
                                  "qalora_group_size",
                                  "loftq_config",
                                  "runtime_config",
                                  "velora_config",        // of the backward alone
                                  "ensure_weight_tying",  // of embeddings and heads, which are refused
                                  "layers_pattern"};

// Whether a value says that something is switched off: null, false, "" or an empty list or object. A number doesn't:
// "layers_to_transform" 0 is the first layer alone.
bool is_off(Value value) {
  if (value.is_null()) return true;
  if (const auto flag = JsonReader::as<bool>(value)) return !*flag;
  if (const auto text = JsonReader::as<std::string_view>(value)) return text->empty();
  if (const auto list = JsonReader::as<JsonReader::Array>(value)) return list->size() == 0;
  if (const auto object = JsonReader::as<JsonReader::Object>(value)) return object->size() == 0;
  return false;
}

void refuse_what_is_not_built(const JsonReader& reader, JsonReader::Object object) {
  for (const auto& [name, value] : object) {
    const std::string key(name);
    if (std::ranges::find(kHarmless, key) != kHarmless.end() || is_off(value)) continue;
    reader.fail("\"" + key + "\" is " + simdjson::minify(value) + ", which is not supported", kMergeInPeft);
  }
}

std::vector<std::string> texts(const JsonReader& reader, Value value, const char* key) {
  std::vector<std::string> all;
  for (const Value text : reader.array(value, key)) all.emplace_back(reader.text(text, key));
  return all;
}

std::vector<std::string> targets_of(const JsonReader& reader) {
  const Value value = reader.need(reader.root(), "target_modules", "the file");
  if (JsonReader::as<std::string_view>(value)) return {};  // a pattern
  std::vector<std::string> targets = texts(reader, value, "\"target_modules\"");
  if (targets.empty()) reader.fail("\"target_modules\" is empty");
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  return targets;
}

// Only a score head is saved beside the adapters. PEFT names it in "modules_to_save", with "classifier" of other models.
HeadKind head_of_task(const JsonReader& reader) {
  std::vector<std::string> saved;
  if (Value value; reader.find(reader.root(), "modules_to_save", "the file", value))
    saved = texts(reader, value, "\"modules_to_save\"");
  const bool has_score = std::ranges::find(saved, "score") != saved.end();
  HeadKind head = has_score ? HeadKind::kScore : HeadKind::kLanguage;
  if (Value task; reader.find(reader.root(), "task_type", "the file", task)) {
    const std::string_view name = reader.text(task, "\"task_type\"");
    if (name != "SEQ_CLS" && name != "CAUSAL_LM")
      reader.fail("\"task_type\" is \"" + std::string(name) + "\", which is not supported",
                  "give an adapter of a language model (CAUSAL_LM) or of a reward model (SEQ_CLS)");
    head = name == "SEQ_CLS" ? HeadKind::kScore : HeadKind::kLanguage;
  }
  for (const std::string& module : saved)
    if (head == HeadKind::kLanguage || (module != "score" && module != "classifier"))
      reader.fail("\"modules_to_save\" names \"" + module + "\", which is not supported", kMergeInPeft);
  return head;
}

void check_initialisation(const JsonReader& reader) {
  Value value;
  if (!reader.find(reader.root(), "init_lora_weights", "the file", value)) return;
  if (JsonReader::as<bool>(value)) return;
  const std::string_view name = reader.text(value, "\"init_lora_weights\"");
  if (name != "gaussian")
    reader.fail("\"init_lora_weights\" is \"" + std::string(name) + "\", which is not supported", kMergeInPeft);
}

void check_bias(const JsonReader& reader) {
  Value value;
  if (!reader.find(reader.root(), "bias", "the file", value)) return;
  const std::string_view kind = reader.text(value, "\"bias\"");
  if (kind != "none") reader.fail("\"bias\" is \"" + std::string(kind) + "\", which is not supported", kMergeInPeft);
}

}  // namespace

bool is_module(std::string_view name, std::string_view target) {
  if (!name.ends_with(target)) return false;
  return name.size() == target.size() || name[name.size() - target.size() - 1] == '.';
}

double AdapterConfig::scale() const {
  const auto r = static_cast<double>(rank);
  return alpha / (rank_stabilized ? std::sqrt(r) : r);
}

bool AdapterConfig::adapts(std::string_view module) const {
  return std::ranges::any_of(targets, [&](const std::string& target) { return is_module(module, target); });
}

AdapterConfig AdapterConfig::parse(std::string_view json, const std::string& where) {
  constexpr std::int64_t kMostRank = 4096;
  const JsonReader reader(json, where, kWriteAgain);
  const JsonReader::Object object = reader.object(reader.root(), "the file");
  const std::string_view method = reader.text(reader.need(reader.root(), "peft_type", "the file"), "\"peft_type\"");
  if (method != "LORA")
    reader.fail("\"peft_type\" is \"" + std::string(method) + "\", not \"LORA\", which alone is supported",
                "train an adapter with LoraConfig, or merge this one into its base with PEFT where it can be merged");
  check_initialisation(reader);
  check_bias(reader);
  refuse_what_is_not_built(reader, object);
  AdapterConfig c;
  c.head = head_of_task(reader);
  c.rank = reader.integer(reader.need(reader.root(), "r", "the file"), "\"r\"");
  if (c.rank < 1 || c.rank > kMostRank) reader.fail("\"r\" must be 1 to " + std::to_string(kMostRank));
  const auto alpha = JsonReader::as<double>(reader.need(reader.root(), "lora_alpha", "the file"));
  if (!alpha || !std::isfinite(*alpha) || *alpha <= 0) reader.fail("\"lora_alpha\" must be a number above 0");
  c.alpha = *alpha;
  c.rank_stabilized = reader.flag(reader.root(), "use_rslora", false, "the file");
  c.targets = targets_of(reader);
  if (Value base; reader.find(reader.root(), "base_model_name_or_path", "the file", base))
    c.base = reader.text(base, "\"base_model_name_or_path\"");
  return c;
}

std::string AdapterConfig::json(bool fan_in_fan_out) const {
  JsonWriter w(2);
  const auto list = [&w](const char* key, const std::vector<std::string>& names) {
    w.key(key).begin_array();
    for (const std::string& name : names) w.value(name);
    w.end_array();
  };
  w.begin_object().key("base_model_name_or_path").value(base).field("bias", "none");
  w.field("fan_in_fan_out", fan_in_fan_out).field("inference_mode", true).field("init_lora_weights", true);
  w.field("lora_alpha", alpha).field("lora_dropout", 0.0);
  if (head == HeadKind::kScore) list("modules_to_save", {"score"});
  else w.key("modules_to_save").null();
  w.field("peft_type", "LORA").field("r", rank);
  list("target_modules", targets);
  w.field("task_type", head == HeadKind::kScore ? "SEQ_CLS" : "CAUSAL_LM").field("use_rslora", rank_stabilized);
  return w.end_object().text() + "\n";
}

std::string AdapterConfig::mathematics() const {
  return "lora " + std::to_string(rank) + ' ' + json_number(scale()) + ' ' + std::to_string(static_cast<int>(head));
}

}  // namespace nudge
