#include "lib/model/config.h"

#include <simdjson.h>

#include <sstream>

#include "lib/base/error.h"
#include "lib/io/json.h"

namespace nudge {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

// Reads keys of one config.json; every complaint names the file and the key.
class Keys {
 public:
  Keys(object json, const std::string& where) : json_(json), where_(where) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& why) const {
    bad_input(where_ + ": \"" + key + "\" " + why);
  }
  // The value, or nothing where the key is absent or null.
  bool find(const char* key, element& value) const {
    return json_[key].get(value) == simdjson::SUCCESS && !value.is_null();
  }
  std::int64_t size(const char* key, std::int64_t fallback = -1) const {
    element value;
    if (!find(key, value)) {
      if (fallback < 0) refuse(key, "is missing");
      return fallback;
    }
    std::int64_t n;
    if (value.get(n) != simdjson::SUCCESS || n < 1 || n > (std::int64_t{1} << 31)) refuse(key, "is no sensible size");
    return n;
  }
  double number(const char* key, double fallback) const {
    element value;
    if (!find(key, value)) return fallback;
    double x;
    if (value.get(x) != simdjson::SUCCESS) refuse(key, "is no number");
    return x;
  }
  bool flag(const char* key, bool fallback) const {
    element value;
    if (!find(key, value)) return fallback;
    bool b;
    if (value.get(b) != simdjson::SUCCESS) refuse(key, "is neither true nor false");
    return b;
  }
  std::string text(const char* key, const std::string& fallback) const {
    element value;
    if (!find(key, value)) return fallback;
    std::string_view s;
    if (value.get(s) != simdjson::SUCCESS) refuse(key, "is no string");
    return std::string(s);
  }
  std::int32_t token(const char* key, std::int64_t vocab) const {
    element value;
    if (!find(key, value)) return -1;
    simdjson::dom::array list;
    if (value.get(list) == simdjson::SUCCESS && list.size() > 0) value = list.at(0).value_unsafe();
    std::int64_t id;
    if (value.get(id) != simdjson::SUCCESS || id < 0 || id >= vocab) refuse(key, "is no token of the vocabulary");
    return static_cast<std::int32_t>(id);
  }

 private:
  object json_;
  const std::string& where_;
};

HeadKind head_of(const Keys& keys) {
  element list;
  simdjson::dom::array names;
  std::string_view name;
  if (!keys.find("architectures", list)) return HeadKind::kLanguage;
  if (list.get(names) != simdjson::SUCCESS || names.size() != 1 || names.at(0).get(name) != simdjson::SUCCESS)
    keys.refuse("architectures", "is no list of one name");
  if (name == "GPT2LMHeadModel" || name == "GPT2Model") return HeadKind::kLanguage;
  if (name == "GPT2ForSequenceClassification") return HeadKind::kScore;
  keys.refuse("architectures", "names " + std::string(name) + ", which is not supported");
}

Activation activation_of(const Keys& keys) {
  const std::string name = keys.text("activation_function", "gelu_new");
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  if (name == "gelu") return Activation::kGeluErf;
  keys.refuse("activation_function", "is " + name + ", which is not supported");
}

// Keys that change the mathematics: anything but their default is refused rather than ignored.
void refuse_unsupported(const Keys& keys) {
  if (!keys.flag("scale_attn_weights", true)) keys.refuse("scale_attn_weights", "false is not supported");
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention", "is_encoder_decoder"})
    if (keys.flag(key, false)) keys.refuse(key, "true is not supported");
  element value;
  for (const char* key : {"quantization_config", "rope_scaling", "rope_parameters", "sliding_window", "pruned_heads"}) {
    object members;
    if (keys.find(key, value) && !(value.get(members) == simdjson::SUCCESS && members.size() == 0))
      keys.refuse(key, "is not supported");
  }
}

}  // namespace

ModelConfig ModelConfig::parse(std::string_view json, const std::string& where) {
  simdjson::dom::parser parser;
  object root;
  if (const auto error = parser.parse(simdjson::padded_string(json)).get(root); error != simdjson::SUCCESS)
    bad_input(where + ": is no JSON object: " + simdjson::error_message(error));
  const Keys keys(root, where);
  ModelConfig c;
  c.family = keys.text("model_type", "");
  if (c.family != "gpt2") keys.refuse("model_type", "is \"" + c.family + "\"; supported: gpt2");
  refuse_unsupported(keys);
  c.head = head_of(keys);
  c.layers = keys.size("n_layer");
  c.width = keys.size("n_embd");
  c.heads = keys.size("n_head");
  c.context = keys.size("n_positions", keys.size("n_ctx", 1024));
  c.vocab = keys.size("vocab_size");
  c.inner = keys.size("n_inner", 4 * c.width);
  if (c.width % c.heads != 0) keys.refuse("n_head", "does not divide n_embd");
  c.norm_eps = keys.number("layer_norm_epsilon", 1e-5);
  if (!(c.norm_eps > 0)) keys.refuse("layer_norm_epsilon", "is not positive");
  c.activation = activation_of(keys);
  c.tied = keys.flag("tie_word_embeddings", true);
  c.bos = keys.token("bos_token_id", c.vocab);
  c.eos = keys.token("eos_token_id", c.vocab);
  c.pad = keys.token("pad_token_id", c.vocab);
  c.reward_mean = keys.number("reward_mean", 0);
  c.reward_std = keys.number("reward_std", 1);
  if (!(c.reward_std > 0)) keys.refuse("reward_std", "is not positive");
  return c;
}

std::string ModelConfig::json() const {
  const bool score = head == HeadKind::kScore;
  JsonWriter w(2);
  w.begin_object();
  w.key("activation_function").value(activation == Activation::kGeluTanh ? "gelu_new" : "gelu");
  w.key("architectures").begin_array().value(score ? "GPT2ForSequenceClassification" : "GPT2LMHeadModel").end_array();
  w.key("attn_pdrop").value(0.0);
  if (bos >= 0) w.key("bos_token_id").value(bos);
  w.key("embd_pdrop").value(0.0);
  if (eos >= 0) w.key("eos_token_id").value(eos);
  if (score) {
    w.key("id2label").begin_object().key("0").value("LABEL_0").end_object();
    w.key("label2id").begin_object().key("LABEL_0").value(0).end_object();
  }
  w.key("layer_norm_epsilon").value(norm_eps);
  w.key("model_type").value("gpt2");
  w.key("n_ctx").value(context);
  w.key("n_embd").value(width);
  w.key("n_head").value(heads);
  w.key("n_inner").value(inner);
  w.key("n_layer").value(layers);
  w.key("n_positions").value(context);
  if (pad >= 0) w.key("pad_token_id").value(pad);
  w.key("resid_pdrop").value(0.0);
  if (score) {
    w.key("reward_mean").value(reward_mean);
    w.key("reward_std").value(reward_std);
  }
  w.key("tie_word_embeddings").value(tied);
  w.key("torch_dtype").value("float32");
  w.key("vocab_size").value(vocab);
  w.end_object();
  return w.text() + "\n";
}

std::string ModelConfig::mathematics() const {
  std::ostringstream s;
  s << family << ' ' << layers << ' ' << width << ' ' << heads << ' ' << inner << ' ' << context << ' ' << vocab << ' '
    << json_number(norm_eps) << ' ' << static_cast<int>(activation) << ' ' << tied << ' ' << static_cast<int>(head);
  if (head == HeadKind::kScore) s << ' ' << json_number(reward_mean) << ' ' << json_number(reward_std);
  return s.str();
}

}  // namespace nudge
