#include "lib/model/config_attention.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/scalar_math.h"

namespace nudge {
namespace {

// One positive number for each pair of rotated channels.
std::vector<double> factors_of(const ConfigKeys& scaling, const char* key, std::int64_t pairs) {
  std::vector<double> factors;
  for (const ConfigKeys::element item : scaling.list(key)) {
    const auto x = JsonReader::as<double>(item);
    if (!x || !(*x > 0)) scaling.refuse(key, "is not a list of positive numbers");
    factors.push_back(*x);
  }
  if (std::ssize(factors) != pairs)
    scaling.refuse(key, "has " + std::to_string(factors.size()) + " numbers for " + std::to_string(pairs) + " pairs");
  return factors;
}

// LongRoPE (Ding et al. 2024, arXiv:2402.13753) as transformers has it. The original context stands beside the other
// sizes in Phi-3's files, where it has priority.
void read_long(const ConfigKeys& keys, const ConfigKeys& scaling, std::int64_t context, Rotary& r) {
  constexpr const char* kOriginal = "original_max_position_embeddings";
  ConfigKeys::element value;
  r.scaling = RopeScaling::kLong;
  r.original_context = keys.find(kOriginal, value) ? keys.size(kOriginal) : scaling.size(kOriginal);
  r.long_context = context;
  r.short_factors = factors_of(scaling, "short_factor", r.dims / 2);
  r.long_factors = factors_of(scaling, "long_factor", r.dims / 2);
  const auto original = static_cast<double>(r.original_context);
  r.factor = scaling.positive("factor", static_cast<double>(context) / original);
  const double usual = r.factor > 1 ? std::sqrt(1 + det_log(r.factor) / det_log(original)) : 1;
  r.attention_factor = scaling.positive("attention_factor", usual);
}

void read_scaling(const ConfigKeys& keys, const ConfigKeys& scaling, std::int64_t context, Rotary& rotary) {
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
  } else if (type == "longrope" || type == "su") {
    read_long(keys, scaling, context, rotary);
  } else {
    scaling.refuse(scaling.has("rope_type") ? "rope_type" : "type", "is " + type + ", which is not supported");
  }
}

std::int64_t dims_of(const Rotary& r, std::int64_t head_dim) {
  return r.share <= 1 ? static_cast<std::int64_t>(static_cast<double>(head_dim) * r.share) : 0;
}

// From rope_scaling or rope_parameters, or the part of one kind of layers.
void read_members(const ConfigKeys& keys, const ConfigKeys& members, const ModelConfig& c, Rotary& r) {
  r.theta = members.positive("rope_theta", r.theta);
  r.share = members.positive("partial_rotary_factor", r.share);
  r.dims = dims_of(r, c.head_dim());
  read_scaling(keys, members, c.context, r);
}

void check_rotary(const ConfigKeys& keys, const Family& family, const Rotary& r) {
  const char* share_key = family.keys.rotary_share;
  const char* blamed = *share_key != 0 ? share_key : "partial_rotary_factor";
  if (*share_key == 0 && r.share != 1) keys.refuse(blamed, "is not supported");
  if (r.dims < 2 || r.dims % 2 != 0)
    keys.refuse(blamed, "does not leave an even number of a head's channels to rotate");
  if (!(r.theta > 1)) keys.refuse(family.keys.theta, "is not above 1");
}

}  // namespace

void read_rotary(const ConfigKeys& keys, const Family& family, ModelConfig& c) {
  const char* share_key = family.keys.rotary_share;
  const bool local = *family.by_layer.local_theta != 0;
  Rotary& r = c.rotary;
  r.theta = keys.positive("rope_theta", family.defaults.theta);
  if (keys.has(family.keys.theta)) r.theta = keys.positive(family.keys.theta, r.theta);
  r.share = keys.positive("partial_rotary_factor", family.defaults.rotary_share);
  if (keys.has(share_key)) r.share = keys.positive(share_key, r.share);
  r.dims = dims_of(r, c.head_dim());
  if (local) {
    c.local_rotary.theta = keys.positive(family.by_layer.local_theta, family.by_layer.usual_local_theta);
    c.local_rotary.dims = dims_of(c.local_rotary, c.head_dim());
  }
  ConfigKeys::element value;
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!keys.find(key, value)) continue;
    const ConfigKeys members = keys.members(key);
    bool by_layer = false;
    for (const auto& [layers, to] : {std::pair{"full_attention", &r}, {"sliding_attention", &c.local_rotary}}) {
      if (!members.has(layers)) continue;
      if (!local) members.refuse(layers, "is not supported: all layers share one RoPE");
      read_members(keys, members.members(layers), c, *to);
      by_layer = true;
    }
    if (!by_layer) read_members(keys, members, c, r);
  }
  check_rotary(keys, family, r);
  if (local) check_rotary(keys, family, c.local_rotary);
  if (r.scaling == RopeScaling::kLong) c.context = std::min(c.context, r.original_context);
  if (c.local_rotary.scaling != RopeScaling::kNone)
    keys.refuse("rope_parameters.sliding_attention", "has a scaling, which is not supported");
}

void refuse_rotary(const ConfigKeys& keys) {
  ConfigKeys::element value;
  for (const char* key : {"rope_scaling", "rope_parameters"})
    if (keys.find(key, value) && !is_nothing(value)) keys.refuse(key, "is not supported");
}

namespace {

void write_list(JsonWriter& w, const std::vector<double>& numbers) {
  w.begin_array();
  for (const double x : numbers) w.value(x);
  w.end_array();
}

void write_scaling(JsonWriter& w, const Rotary& r) {
  if (r.scaling == RopeScaling::kNone) {
    w.null();
    return;
  }
  const bool llama3 = r.scaling == RopeScaling::kLlama3, longer = r.scaling == RopeScaling::kLong;
  w.begin_object();
  if (longer) w.field("attention_factor", r.attention_factor);
  w.field("factor", r.factor);
  if (llama3) w.field("high_freq_factor", r.high_factor);
  if (longer) write_list(w.key("long_factor"), r.long_factors);
  if (llama3) w.field("low_freq_factor", r.low_factor);
  if (llama3 || longer) w.field("original_max_position_embeddings", r.original_context);
  w.field("rope_type", llama3 ? "llama3" : longer ? "longrope" : "linear");
  if (longer) write_list(w.key("short_factor"), r.short_factors);
  if (!llama3) w.field("type", longer ? "longrope" : "linear");  // what older software reads
  w.end_object();
}

}  // namespace

void write_rotary(const ModelConfig& c, const Family& family, KeyWriters& keys) {
  const auto number = [&keys](const char* key, auto value) {
    if (*key != 0) keys[key] = [value](JsonWriter& w) { w.value(value); };
  };
  number(family.keys.theta, c.rotary.theta);
  number(family.keys.rotary_share, c.rotary.share);
  number(family.by_layer.local_theta, c.local_rotary.theta);
  keys["rope_scaling"] = [&c](JsonWriter& w) { write_scaling(w, c.rotary); };
  if (c.rotary.scaling != RopeScaling::kLong) return;
  number(family.keys.context, c.rotary.long_context);
  number("original_max_position_embeddings", c.rotary.original_context);
}

}  // namespace nudge
