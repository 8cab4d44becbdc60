#include "lib/model/config.h"

#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "lib/base/error.h"
#include "lib/io/json.h"
#include "lib/io/json_reader.h"
#include "lib/model/foreign_folder.h"
#include "lib/text/model_file.h"

namespace nudge {
namespace {

using element = JsonReader::Value;
using object = JsonReader::Object;

// With these bounds no sum of products of sizes overflows, and a list of layers is no danger to memory.
constexpr std::int64_t kLongest = std::int64_t{1} << 31, kWidest = 1 << 20, kMostLayers = 1 << 14;

// Reads keys of one config.json; every complaint names the file and the key.
class Keys {
 public:
  Keys(const JsonReader& in, object json, std::string path = "") : in_(in), json_(json), path_(std::move(path)) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& why,
                           const std::string& advice = kModelFileAdvice) const {
    in_.fail("\"" + path_ + key + "\" " + why, advice);
  }
  // False where the key is absent or null.
  bool find(const char* key, element& value) const {
    const auto found = JsonReader::last(json_, key);
    if (found) value = *found;
    return found && !found->is_null();
  }
  bool has(const char* key) const { return JsonReader::last(json_, key).has_value(); }
  std::int64_t size(const char* key, std::int64_t fallback = -1, std::int64_t most = kLongest) const {
    element value;
    if (!find(key, value)) {
      if (fallback < 0) refuse(key, "is missing");
      return fallback;
    }
    const auto n = JsonReader::as<std::int64_t>(value);
    if (!n || *n < 1 || *n > most) refuse(key, "is not a sensible size");
    return *n;
  }
  double number(const char* key, double fallback) const {
    element value;
    if (!find(key, value)) return fallback;
    const auto x = JsonReader::as<double>(value);
    if (!x) refuse(key, "is not a finite number");
    return *x;
  }
  double positive(const char* key, double fallback) const {
    const double x = number(key, fallback);
    if (!(x > 0)) refuse(key, "is not positive");
    return x;
  }
  double needed(const char* key) const {
    if (element value; !find(key, value)) refuse(key, "is missing");
    return positive(key, 0);
  }
  bool flag(const char* key, bool fallback) const {
    element value;
    if (!find(key, value)) return fallback;
    const auto b = JsonReader::as<bool>(value);
    if (!b) refuse(key, "is neither true nor false");
    return *b;
  }
  std::string text(const char* key, const std::string& fallback) const {
    element value;
    if (!find(key, value)) return fallback;
    const auto s = JsonReader::as<std::string_view>(value);
    if (!s) refuse(key, "is not a string");
    return std::string(*s);
  }
  // One token or a list; the family's own where the key is absent, none where it is null. Ids that the vocabulary
  // doesn't have, as small models keep them of large ones and -1 for none, are never sampled: they are left out.
  std::vector<std::int32_t> tokens(const char* key, std::int64_t vocab, std::int32_t fallback) const {
    element value;
    if (!find(key, value)) {
      if (has(key) || fallback < 0 || fallback >= vocab) return {};
      return {fallback};
    }
    std::vector<std::int32_t> ids;
    for (const element e : JsonReader::one_or_all(value)) {
      const auto id = JsonReader::as<std::int64_t>(e);
      if (!id) refuse(key, "is not a token id");
      if (*id >= 0 && *id < vocab) ids.push_back(static_cast<std::int32_t>(*id));
    }
    return ids;
  }
  // The members of an object, whose complaints say "key.member".
  Keys members(const char* key) const {
    element value;
    const auto inner = find(key, value) ? JsonReader::as<object>(value) : std::nullopt;
    if (!inner) refuse(key, "is not an object");
    return Keys(in_, *inner, path_ + key + ".");
  }

 private:
  const JsonReader& in_;
  object json_;
  std::string path_;
};

HeadKind head_of(const Keys& keys, const Family::Architectures& known) {
  element list;
  if (!keys.find("architectures", list)) return HeadKind::kLanguage;
  const auto names = JsonReader::as<JsonReader::Array>(list);
  if (!names || names->size() != 1 || !names->at(0).is_string())
    keys.refuse("architectures", "is not a list of one name");
  const auto name = *JsonReader::as<std::string_view>(names->at(0).value_unsafe());
  if (name == known.language || name == known.backbone) return HeadKind::kLanguage;
  if (name == known.score) return HeadKind::kScore;
  keys.refuse("architectures", "names " + std::string(name) + ", which is not supported",
              advice_on_class(name, known.score));
}

// What a feed-forward part of that kind may have.
Activation activation_of(const Keys& keys, const Family& family) {
  const char* key = family.keys.activation;
  const std::string name = keys.text(key, family.defaults.activation);
  if (family.block.gated) {
    if (name == "silu" || name == "swish") return Activation::kSilu;
  } else {
    for (const char* tanh_form : {"gelu_new", "gelu_pytorch_tanh", "gelu_fast"})
      if (name == tanh_form) return Activation::kGeluTanh;
    if (name == "gelu") return Activation::kGeluErf;
  }
  keys.refuse(key, "is " + name + ", which is not supported");
}

// Whether a value is what a key means where it is absent: false, an empty list or object, or the number 1 of a factor.
bool is_nothing(element value) {
  if (const auto b = JsonReader::as<bool>(value)) return !*b;
  if (const auto members = JsonReader::as<object>(value)) return members->size() == 0;
  if (const auto list = JsonReader::as<JsonReader::Array>(value)) return list->size() == 0;
  return JsonReader::as<double>(value) == 1;
}

// Keys that change the mathematics: anything but their default is refused rather than ignored.
void refuse_unsupported(const Keys& keys) {
  if (!keys.flag("scale_attn_weights", true)) keys.refuse("scale_attn_weights", "false is not supported");
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention", "is_encoder_decoder"})
    if (keys.flag(key, false)) keys.refuse(key, "true is not supported");
  element value;
  // clang-format off
  for (const char* key : {"quantization_config", "pruned_heads", "attention_multiplier", "embedding_multiplier",
                          "residual_multiplier", "logits_scaling", "logit_scale", "attn_logit_softcapping",
                          "final_logit_softcapping", "query_pre_attn_scalar", "clip_qkv", "alibi", "no_rope_layers",
                          "attention_chunk_size", "dual_chunk_attention_config", "rope_interleaved", "use_mrope",
                          "use_qk_norm", "qk_layernorm", "mlp_only_layers", "num_local_experts", "num_experts"})
    // clang-format on
    if (keys.find(key, value) && !is_nothing(value)) keys.refuse(key, "is not supported");
}

// Whether "layer_types" says that no layer has a window; nothing where it is absent.
std::optional<bool> all_full(const Keys& keys) {
  element value;
  if (!keys.find("layer_types", value)) return std::nullopt;
  const auto kinds = JsonReader::as<JsonReader::Array>(value);
  if (!kinds) keys.refuse("layer_types", "is not a list");
  bool all = true;
  for (const element kind : *kinds) {
    const auto name = JsonReader::as<std::string_view>(kind);
    if (name != "full_attention" && name != "sliding_attention")
      keys.refuse("layer_types", "names a kind other than full_attention, which is not supported");
    all = all && name == "full_attention";
  }
  return all;
}

// A window of attention that is shorter than the context would hide keys, which attention here never does. Families
// without windows carry such keys along unread.
void refuse_windows(const Keys& keys, const Family& family, std::int64_t layers, std::int64_t context) {
  element value;
  const Family::Defaults& usual = family.defaults;
  if (usual.window == 0) return;
  if (usual.window_flag) {
    if (const std::optional<bool> full = all_full(keys)) {
      if (*full || keys.size("sliding_window", usual.window) >= context) return;
      keys.refuse("layer_types", "names a kind other than full_attention, which is not supported");
    }
    if (!keys.flag("use_sliding_window", false)) return;
    if (keys.size("max_window_layers", 28) >= layers) return;  // the layers before have no window
  }
  if (keys.has("sliding_window") ? !keys.find("sliding_window", value) : usual.window == 0) return;
  if (keys.has("sliding_window") && JsonReader::as<bool>(value) == false) return;
  if (keys.size("sliding_window", usual.window) < context)
    keys.refuse("sliding_window", "is shorter than the context, which is not supported");
}

void read_scaling(const Keys& scaling, Rotary& rotary) {
  const std::string type = scaling.text("rope_type", scaling.text("type", "default"));
  if (type == "default") return;
  if (type == "linear") {
    rotary.scaling = RopeScaling::kLinear;
    rotary.factor = scaling.needed("factor");
  } else if (type == "llama3") {
    rotary.scaling = RopeScaling::kLlama3;
    rotary.factor = scaling.needed("factor");
    rotary.low_factor = scaling.needed("low_freq_factor");
    rotary.high_factor = scaling.needed("high_freq_factor");
    rotary.original_context = scaling.size("original_max_position_embeddings");
    if (!(rotary.low_factor < rotary.high_factor)) scaling.refuse("high_freq_factor", "is not above low_freq_factor");
  } else {
    scaling.refuse(scaling.has("rope_type") ? "rope_type" : "type", "is " + type + ", which is not supported");
  }
}

// The old form (rope_theta, rope_scaling; rotary_emb_base, rotary_pct) and the new one (rope_parameters).
Rotary rotary_of(const Keys& keys, const Family& family, std::int64_t head_dim) {
  const char* share_key = family.keys.rotary_share;
  Rotary r;
  r.theta = keys.positive("rope_theta", family.defaults.theta);
  if (keys.has(family.keys.theta)) r.theta = keys.positive(family.keys.theta, r.theta);
  r.share = keys.positive("partial_rotary_factor", family.defaults.rotary_share);
  if (keys.has(share_key)) r.share = keys.positive(share_key, r.share);
  element value;
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!keys.find(key, value)) continue;
    const Keys members = keys.members(key);
    for (const char* layers : {"full_attention", "sliding_attention"})
      if (members.has(layers)) members.refuse(layers, "is not supported: all layers share one RoPE");
    r.theta = members.positive("rope_theta", r.theta);
    r.share = members.positive("partial_rotary_factor", r.share);
    read_scaling(members, r);
  }
  r.dims = r.share <= 1 ? static_cast<std::int64_t>(static_cast<double>(head_dim) * r.share) : 0;
  const char* blamed = *share_key != 0 ? share_key : "partial_rotary_factor";
  if (*share_key == 0 && r.share != 1) keys.refuse(blamed, "is not supported");
  if (r.dims < 2 || r.dims % 2 != 0)
    keys.refuse(blamed, "does not leave an even number of a head's channels to rotate");
  if (!(r.theta > 1)) keys.refuse(family.keys.theta, "is not above 1");
  return r;
}

void refuse_rotary(const Keys& keys) {
  element value;
  for (const char* key : {"rope_scaling", "rope_parameters"})
    if (keys.find(key, value) && !is_nothing(value)) keys.refuse(key, "is not supported");
}

// null means what follows from the other sizes, which is not what an absent key means in every family.
void read_heads(const Keys& keys, const Family& family, ModelConfig& c) {
  const Family::Keys& names = family.keys;
  if (*names.head_dim != 0) {
    c.head_size = keys.size(names.head_dim, keys.has(names.head_dim) ? 0 : family.defaults.head_dim, kWidest);
    if (c.head_size > kWidest / c.heads) keys.refuse(names.head_dim, "is not a sensible size");
  }
  if (c.head_size == 0 && c.width % c.heads != 0)
    keys.refuse(names.heads, "does not divide " + std::string(names.width));
  if (*names.kv_heads != 0) {
    const bool as_heads = keys.has(names.kv_heads) || family.defaults.kv_heads == 0;
    c.kv_head_count = keys.size(names.kv_heads, as_heads ? c.heads : family.defaults.kv_heads);
    if (c.heads % c.kv_head_count != 0) keys.refuse(names.kv_heads, "does not divide " + std::string(names.heads));
  }
}

}  // namespace

ModelConfig ModelConfig::usual(std::string_view family) {
  const Family& f = family_of(family);
  ModelConfig c;
  c.family = f.model_type;
  c.norm = f.block.norm;
  c.norm_eps = f.defaults.eps;
  c.positions = f.block.positions;
  c.rotary.theta = f.defaults.theta;
  c.rotary.share = f.defaults.rotary_share;
  c.gated = f.block.gated;
  c.activation = f.block.gated                                       ? Activation::kSilu
                 : std::string_view(f.defaults.activation) == "gelu" ? Activation::kGeluErf
                                                                     : Activation::kGeluTanh;
  c.qk_norm = f.block.qk_norm;
  c.parallel = f.defaults.parallel;
  c.qkv_bias = f.qkv_bias.fallback;
  c.proj_bias = f.proj_bias.fallback;
  c.feed_forward_bias = f.feed_forward_bias.fallback;
  c.tied = f.defaults.tied;
  return c;
}

ModelConfig ModelConfig::parse(std::string_view json, const std::string& where) {
  const JsonReader reader(json, where, kModelFileAdvice);
  const Keys keys(reader, reader.object(reader.root(), "the file"));
  const std::string type = keys.text("model_type", "");
  const Family* family = find_family(type);
  if (family == nullptr) keys.refuse("model_type", "is \"" + type + "\"; supported: " + family_names());
  const Family::Keys& names = family->keys;
  const Family::Defaults& defaults = family->defaults;
  ModelConfig c = usual(type);
  refuse_unsupported(keys);
  c.head = head_of(keys, family->architectures);
  c.layers = keys.size(names.layers, -1, kMostLayers);
  c.width = keys.size(names.width, -1, kWidest);
  c.heads = keys.size(names.heads, -1, kWidest);
  c.context = keys.size(names.context,
                        *names.context_copy != 0 ? keys.size(names.context_copy, defaults.context) : defaults.context);
  c.vocab = keys.size("vocab_size");
  c.feed_forward =
      keys.size(names.feed_forward, defaults.feed_forward > 0 ? defaults.feed_forward : 4 * c.width, kWidest);
  read_heads(keys, *family, c);
  c.norm_eps = keys.positive(names.eps, defaults.eps);
  c.activation = activation_of(keys, *family);
  if (c.positions == PositionKind::kRotary) c.rotary = rotary_of(keys, *family, c.head_dim());
  else refuse_rotary(keys);
  refuse_windows(keys, *family, c.layers, c.context);
  const auto bias = [&](const Family::Bias& b) { return *b.key != 0 ? keys.flag(b.key, b.fallback) : b.fallback; };
  c.qkv_bias = bias(family->qkv_bias);
  c.proj_bias = bias(family->proj_bias);
  c.feed_forward_bias = bias(family->feed_forward_bias);
  if (*names.parallel != 0) c.parallel = keys.flag(names.parallel, defaults.parallel);
  c.tied = keys.flag("tie_word_embeddings", defaults.tied);
  const auto first = [](const std::vector<std::int32_t>& ids) { return ids.empty() ? -1 : ids.front(); };
  const auto eos = keys.tokens("eos_token_id", c.vocab, defaults.eos);
  c.bos = first(keys.tokens("bos_token_id", c.vocab, defaults.bos));
  c.eos = first(eos);
  if (eos.size() > 1) c.more_eos.assign(eos.begin() + 1, eos.end());
  c.pad = first(keys.tokens("pad_token_id", c.vocab, -1));
  c.reward_mean = keys.number("reward_mean", 0);
  c.reward_std = keys.positive("reward_std", 1);
  return c;
}

namespace {

const char* name_of(Activation a) {
  return a == Activation::kSilu ? "silu" : a == Activation::kGeluErf ? "gelu" : "gelu_new";
}

void write_scaling(JsonWriter& w, const Rotary& r) {
  if (r.scaling == RopeScaling::kNone) {
    w.null();
    return;
  }
  const bool llama3 = r.scaling == RopeScaling::kLlama3;
  w.begin_object().field("factor", r.factor);
  if (llama3) {
    w.field("high_freq_factor", r.high_factor).field("low_freq_factor", r.low_factor);
    w.field("original_max_position_embeddings", r.original_context);
  }
  w.field("rope_type", llama3 ? "llama3" : "linear");
  if (!llama3) w.field("type", "linear");  // what software before Llama 3 reads
  w.end_object();
}

}  // namespace

// The old form: software that reads the new one reads it too.
std::string ModelConfig::json(const char* torch_dtype) const {
  const Family& f = family_of(family);
  const bool score = head == HeadKind::kScore;
  std::map<std::string, std::function<void(JsonWriter&)>> keys;  // in the order of their names
  const auto put = [&keys](const std::string& key, auto value) {
    if (!key.empty()) keys[key] = [value](JsonWriter& w) { w.value(value); };
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
  put(f.keys.activation, name_of(activation));
  for (const char* dropout : f.keys.dropouts) put(dropout, 0.0);
  for (const auto& [bias, value] :
       {std::pair{f.qkv_bias, qkv_bias}, {f.proj_bias, proj_bias}, {f.feed_forward_bias, feed_forward_bias}})
    put(bias.key, value);
  put(f.keys.parallel, parallel);
  if (positions == PositionKind::kRotary) {
    put(f.keys.theta, rotary.theta);
    put(f.keys.rotary_share, rotary.share);
    keys["rope_scaling"] = [this](JsonWriter& w) { write_scaling(w, rotary); };
  }
  if (f.defaults.window_flag) put("use_sliding_window", false);
  if (f.defaults.window > 0) keys["sliding_window"] = [](JsonWriter& w) { w.null(); };
  put("tie_word_embeddings", tied);
  put("torch_dtype", torch_dtype);
  // Where there is none, null says so: an absent key means the family's own token, which the vocabulary may lack.
  const auto token = [&](const char* key, std::int32_t id, std::int32_t fallback) {
    if (id >= 0) put(key, std::int64_t{id});
    else if (fallback >= 0) keys[key] = [](JsonWriter& w) { w.null(); };
  };
  token("bos_token_id", bos, f.defaults.bos), token("eos_token_id", eos, f.defaults.eos);
  token("pad_token_id", pad, -1);
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
  if (positions == PositionKind::kRotary) {
    s << " rotary=" << rotary.dims << ' ' << json_number(rotary.theta) << ' ' << static_cast<int>(rotary.scaling);
    if (rotary.scaling != RopeScaling::kNone) s << ' ' << json_number(rotary.factor);
    if (rotary.scaling == RopeScaling::kLlama3)
      s << ' ' << json_number(rotary.low_factor) << ' ' << json_number(rotary.high_factor) << ' '
        << rotary.original_context;
  }
  return s.str();
}

}  // namespace nudge
