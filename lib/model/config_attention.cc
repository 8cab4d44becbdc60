#include "lib/model/config_attention.h"

#include <optional>
#include <string>
#include <string_view>

namespace nudge {
namespace {

// Whether "layer_types" says that no layer has a window; nothing where it is absent.
std::optional<bool> all_full(const ConfigKeys& keys) {
  ConfigKeys::element value;
  if (!keys.find("layer_types", value)) return std::nullopt;
  const auto kinds = JsonReader::as<JsonReader::Array>(value);
  if (!kinds) keys.refuse("layer_types", "is not a list");
  bool all = true;
  for (const ConfigKeys::element kind : *kinds) {
    const auto name = JsonReader::as<std::string_view>(kind);
    if (name != "full_attention" && name != "sliding_attention")
      keys.refuse("layer_types", "names a kind other than full_attention, which is not supported");
    all = all && name == "full_attention";
  }
  return all;
}

void read_scaling(const ConfigKeys& scaling, Rotary& rotary) {
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

}  // namespace

Rotary rotary_of(const ConfigKeys& keys, const Family& family, std::int64_t head_dim) {
  const char* share_key = family.keys.rotary_share;
  Rotary r;
  r.theta = keys.positive("rope_theta", family.defaults.theta);
  if (keys.has(family.keys.theta)) r.theta = keys.positive(family.keys.theta, r.theta);
  r.share = keys.positive("partial_rotary_factor", family.defaults.rotary_share);
  if (keys.has(share_key)) r.share = keys.positive(share_key, r.share);
  ConfigKeys::element value;
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!keys.find(key, value)) continue;
    const ConfigKeys members = keys.members(key);
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

void refuse_rotary(const ConfigKeys& keys) {
  ConfigKeys::element value;
  for (const char* key : {"rope_scaling", "rope_parameters"})
    if (keys.find(key, value) && !is_nothing(value)) keys.refuse(key, "is not supported");
}

void refuse_windows(const ConfigKeys& keys, const Family& family, std::int64_t layers, std::int64_t context) {
  ConfigKeys::element value;
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

}  // namespace nudge
