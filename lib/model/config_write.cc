#include <sstream>
#include <string>
#include <tuple>
#include <utility>

#include "lib/io/json.h"
#include "lib/model/config.h"
#include "lib/model/config_attention.h"

namespace nudge {
namespace {

// The family's own name of its own activation.
const char* name_of(Activation a, const Family& family) {
  if (activation_named(family.defaults.activation) == a) return family.defaults.activation;
  switch (a) {
    case Activation::kSilu: return "silu";
    case Activation::kGeluErf: return "gelu";
    case Activation::kRelu: return "relu";
    case Activation::kGeluTanh: break;
  }
  return "gelu_new";
}

}  // namespace

// The old form: software that reads the new one reads it too.
std::string ModelConfig::json(const char* torch_dtype) const {
  const Family& f = family_of(family);
  const bool score = head == HeadKind::kScore;
  KeyWriters keys;
  const auto put = [&keys](const std::string& key, auto value) {
    if (!key.empty()) keys[key] = [value](JsonWriter& w) { w.value(value); };
  };
  // transformers checks types: 30 is no float.
  const auto put_float = [&keys](const std::string& key, double value) {
    std::string text = json_number(value);
    if (text.find_first_of(".e") == text.npos) text += ".0";
    if (!key.empty()) keys[key] = [text](JsonWriter& w) { w.raw(text); };
  };
  put("model_type", f.model_type);
  keys["architectures"] = [&](JsonWriter& w) {
    w.begin_array().value(score ? f.architectures.score : f.architectures.language).end_array();
  };
  put(f.keys.layers, layers), put(f.keys.width, width), put(f.keys.heads, heads),
      put(f.keys.feed_forward, feed_forward);
  put(f.keys.context, context), put(f.keys.context_copy, context), put("vocab_size", vocab);
  put(f.keys.kv_heads, kv_heads());
  if (f.defaults.head_dim > 0 || head_dim() * heads != width) put(f.keys.head_dim, head_dim());
  put(f.keys.eps, norm_eps);
  put(f.keys.activation, name_of(activation, f));
  for (const char* dropout : f.keys.dropouts) put(dropout, 0.0);
  for (const auto& [bias, value] :
       {std::pair{f.qkv_bias, qkv_bias}, {f.proj_bias, proj_bias}, {f.feed_forward_bias, feed_forward_bias}})
    put(bias.key, value);
  put(f.keys.parallel, parallel);
  put(f.keys.embedding_scale, embedding_scale), put(f.keys.residual_scale, residual_scale);
  put(f.keys.attention_scale, attention_scale), put(f.keys.query_scalar, query_scalar);
  put(f.keys.logit_divisor, logit_divisor);
  for (const auto& [key, cap] : {std::pair{f.keys.attention_cap, attention_cap}, {f.keys.logit_cap, logit_cap}}) {
    if (cap > 0) put_float(key, cap);
    else if (*key != 0) keys[key] = [](JsonWriter& w) { w.null(); };
  }
  if (positions == PositionKind::kRotary) write_rotary(*this, f, keys);
  write_layer_forms(*this, f, keys);
  put("tie_word_embeddings", tied);
  put("torch_dtype", torch_dtype);
  // Where there is none, null says so: an absent key means the family's own token, which the vocabulary may lack.
  const auto token = [&](const char* key, std::int32_t id, std::int32_t fallback) {
    if (id >= 0) put(key, std::int64_t{id});
    else if (fallback >= 0) keys[key] = [](JsonWriter& w) { w.null(); };
  };
  token("bos_token_id", bos, f.defaults.bos), token("eos_token_id", eos, f.defaults.eos);
  token("pad_token_id", pad, f.defaults.pad);
  if (!more_eos.empty()) {
    keys["eos_token_id"] = [this](JsonWriter& w) {
      w.begin_array().value(eos);
      for (std::int32_t id : more_eos) w.value(id);
      w.end_array();
    };
  }
  if (score) {
    keys["id2label"] = [](JsonWriter& w) { w.begin_object().key("0").value("LABEL_0").end_object(); };
    keys["label2id"] = [](JsonWriter& w) { w.begin_object().key("LABEL_0").value(0).end_object(); };
    put("reward_mean", reward_mean), put("reward_std", reward_std);
  }
  JsonWriter w(2);
  w.begin_object();
  for (const auto& [key, write] : keys) write(w.key(key));
  w.end_object();
  return w.text() + "\n";
}

namespace {

void describe(std::ostream& s, const Rotary& r) {
  s << r.dims << ' ' << json_number(r.theta) << ' ' << static_cast<int>(r.scaling);
  if (r.scaling != RopeScaling::kNone) s << ' ' << json_number(r.factor);
  if (r.scaling == RopeScaling::kLlama3)
    s << ' ' << json_number(r.low_factor) << ' ' << json_number(r.high_factor) << ' ' << r.original_context;
  if (r.scaling == RopeScaling::kLong) {
    s << ' ' << json_number(r.attention_factor);
    for (const double factor : r.short_factors) s << ' ' << json_number(factor);
  }
}

void describe_layers(std::ostream& s, const ModelConfig& c) {
  bool local = false;
  s << " layers=";
  for (const LayerForm& form : c.layer_forms) {
    s << form.window
      << (form.rope == LayerForm::Rope::kNone    ? "n"
          : form.rope == LayerForm::Rope::kLocal ? "l"
                                                 : "")
      << ',';
    local = local || form.rope == LayerForm::Rope::kLocal;
  }
  if (local) describe(s << " local=", c.local_rotary);
}

}  // namespace

std::string ModelConfig::mathematics() const {
  std::ostringstream s;
  s << family << ' ' << layers << ' ' << width << ' ' << heads << ' ' << feed_forward << ' ' << context << ' ' << vocab
    << ' ' << json_number(norm_eps) << ' ' << static_cast<int>(activation) << ' ' << tied << ' '
    << static_cast<int>(head);
  if (head == HeadKind::kScore) s << ' ' << json_number(reward_mean) << ' ' << json_number(reward_std);
  if (head == HeadKind::kScore && pad >= 0) s << " pad=" << pad;  // decides where a score is read
  // What GPT-2 has not is named where it is there, so that its digests are what they were.
  const auto note = [&s](const char* key, const auto& value, const auto& usually) {
    if (value != usually) s << ' ' << key << '=' << value;
  };
  note("kv_heads", kv_heads(), heads);
  note("head_dim", head_dim(), width / heads);
  note("rms", norm == NormKind::kRms, false);
  note("gated", gated, false);
  note("qk_norm", qk_norm, false);
  note("parallel", parallel, false);
  note("qkv_bias", qkv_bias, true);
  note("proj_bias", proj_bias, true);
  note("inner_bias", feed_forward_bias, true);
  if (positions == PositionKind::kRotary) describe(s << " rotary=", rotary);
  note("norm_offset", norm_offset, false);
  note("norm_before", norm_before, true);
  note("norm_after", norm_after, false);
  note("qk_norm_whole", qk_norm_whole, false);
  note("position_offset", position_offset, 0);
  note("root_embedding", root_embedding, false);
  for (const auto& [key, value, usually] : {std::tuple{"embedding_scale", embedding_scale, 1.0},
                                            {"residual_scale", residual_scale, 1.0},
                                            {"attention_scale", attention_scale, 0.0},
                                            {"query_scalar", query_scalar, 0.0},
                                            {"attention_cap", attention_cap, 0.0},
                                            {"logit_cap", logit_cap, 0.0},
                                            {"logit_divisor", logit_divisor, 1.0}})
    note(key, json_number(value), json_number(usually));
  if (!layer_forms.empty()) describe_layers(s, *this);
  return s.str();
}

}  // namespace nudge
