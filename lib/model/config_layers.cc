// What differs by layer: windows of attention, and layers without RoPE or with another one.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/config_attention.h"

namespace nudge {
namespace {

using Windowed = Family::ByLayer::Windowed;
using Each = std::vector<bool>;  // of the layers

std::string counts(std::size_t n, std::int64_t layers) {
  return "names " + std::to_string(n) + " layers, not " + std::to_string(layers);
}

// All but each n-th.
Each all_but_each(std::int64_t n, std::int64_t layers) {
  Each each;
  for (std::int64_t l = 0; l < layers; ++l) each.push_back((l + 1) % n != 0);
  return each;
}

Each with_rope(const ConfigKeys& keys, const Family::ByLayer& by, std::int64_t layers) {
  ConfigKeys::element value;
  if (*by.ropes == 0) {
    if (keys.find("no_rope_layers", value) && !is_nothing(value)) keys.refuse("no_rope_layers", "is not supported");
    return Each(static_cast<std::size_t>(layers), true);
  }
  if (!keys.find(by.ropes, value)) return all_but_each(keys.size(by.no_rope_each, by.usual_no_rope_each), layers);
  Each each;
  for (const ConfigKeys::element item : keys.list(by.ropes)) {
    const auto rope = JsonReader::as<std::int64_t>(item);
    if (rope != 0 && rope != 1) keys.refuse(by.ropes, "is not a list of 0 and 1");
    each.push_back(rope == 1);
  }
  if (std::ssize(each) < layers) keys.refuse(by.ropes, counts(each.size(), layers));
  each.resize(static_cast<std::size_t>(layers));
  return each;
}

Each listed(const ConfigKeys& keys, std::int64_t layers) {
  constexpr const char* kList = "layer_types";
  Each each;
  for (const ConfigKeys::element kind : keys.list(kList)) {
    const auto name = JsonReader::as<std::string_view>(kind);
    if (name != "full_attention" && name != "sliding_attention")
      keys.refuse(kList, "names a kind other than full_attention and sliding_attention, which is not supported");
    each.push_back(name == "sliding_attention");
  }
  if (std::ssize(each) != layers) keys.refuse(kList, counts(each.size(), layers));
  return each;
}

// Each second one, which GPT-Neo calls local.
Each by_turns(std::int64_t layers) {
  Each each = all_but_each(2, layers);
  each.flip();
  return each;
}

// GPT-Neo's [[["global", "local"], 12]], which is the default.
Each by_types(const ConfigKeys& keys, std::int64_t layers) {
  constexpr const char* kTypes = "attention_types";
  const std::string form = "is not a list of lists of names and a number of times";
  ConfigKeys::element value;
  if (!keys.find(kTypes, value)) {
    if (layers != 24) keys.refuse(kTypes, "is missing: its default " + counts(24, layers));
    return by_turns(layers);
  }
  Each each;
  for (const ConfigKeys::element item : keys.list(kTypes)) {
    const auto part = JsonReader::as<JsonReader::Array>(item);
    const auto names =
        part && part->size() == 2 ? JsonReader::as<JsonReader::Array>(part->at(0).value_unsafe()) : std::nullopt;
    const auto times = names ? JsonReader::as<std::int64_t>(part->at(1).value_unsafe()) : std::nullopt;
    if (!times || *times < 0 || *times > kMostLayers) keys.refuse(kTypes, form);
    for (std::int64_t n = 0; n < *times && std::ssize(each) <= layers; ++n)
      for (const ConfigKeys::element kind : *names) {
        const auto name = JsonReader::as<std::string_view>(kind);
        if (name != "global" && name != "local") keys.refuse(kTypes, "names a kind other than global and local");
        each.push_back(name == "local");
      }
  }
  if (std::ssize(each) != layers) keys.refuse(kTypes, counts(each.size(), layers));
  return each;
}

// 0 where there is none: null, or false as some files say.
std::int64_t window_of(const ConfigKeys& keys, const Family& family) {
  const char* key = family.by_layer.window;
  ConfigKeys::element value;
  if (!keys.has(key)) return family.defaults.window;
  if (!keys.find(key, value) || JsonReader::as<bool>(value) == false) return 0;
  return keys.size(key);
}

// Layers with a window, of `window` tokens (0: none), which hides some where it is shorter than the context.
Each with_window(const ConfigKeys& keys, const Family& family, const Each& ropes, std::int64_t window, bool hides) {
  const auto layers = std::ssize(ropes);
  const bool used = !family.defaults.window_flag || keys.flag("use_sliding_window", false);
  const Each none(ropes.size(), false);
  const Windowed windowed = family.by_layer.windowed;
  ConfigKeys::element value;
  if (windowed == Windowed::kLocalTypes) return by_types(keys, layers);
  if (windowed != Windowed::kAll && keys.find("layer_types", value)) {
    Each each = listed(keys, layers);
    if (!used && hides && each != none)
      keys.refuse("layer_types", "names sliding_attention, but use_sliding_window is not true");
    return each;
  }
  if (windowed == Windowed::kAllButEach) {
    const std::int64_t usual = family.by_layer.usual_each;
    return all_but_each(*family.by_layer.each != 0 ? keys.size(family.by_layer.each, usual) : usual, layers);
  }
  if (!used || window == 0) return none;
  Each each(ropes.size(), true);
  if (windowed == Windowed::kLast)
    std::fill_n(each.begin(), std::min(keys.size("max_window_layers", 28, kLongest, 0), layers), false);
  if (windowed == Windowed::kWithoutRope)
    for (std::size_t l = 0; l < each.size(); ++l) each[l] = !ropes[l];
  return each;
}

// A window as long as the context hides nothing and is none.
std::vector<LayerForm> forms_of(const Each& ropes, const Each& windows, const Family& family, std::int64_t window,
                                std::int64_t context) {
  const bool local = *family.by_layer.local_theta != 0;
  std::vector<LayerForm> forms(ropes.size());
  for (std::size_t l = 0; l < forms.size(); ++l) {
    if (windows[l] && window < context) forms[l].window = window;
    if (windows[l] && local) forms[l].rope = LayerForm::Rope::kLocal;
    if (!ropes[l]) forms[l].rope = LayerForm::Rope::kNone;
  }
  const bool alike = std::ranges::all_of(forms, [](const LayerForm& form) { return form == LayerForm(); });
  return alike ? std::vector<LayerForm>() : forms;
}

}  // namespace

void read_layer_forms(const ConfigKeys& keys, const Family& family, ModelConfig& c) {
  const Each ropes = with_rope(keys, family.by_layer, c.layers);
  Each windows(ropes.size(), false);
  std::int64_t window = 0;
  if (family.by_layer.windowed != Windowed::kNone) {
    window = window_of(keys, family);
    windows = with_window(keys, family, ropes, window, window > 0 && window < c.context);
    if (window == 0 && std::ranges::find(windows, true) != windows.end())
      keys.refuse(family.by_layer.window, "is missing, and layers have a window");
  }
  c.layer_forms = forms_of(ropes, windows, family, window, c.context);
}

void set_usual_layers(ModelConfig& c) {
  const Family& family = family_of(c.family);
  const Family::ByLayer& by = family.by_layer;
  const Each all(static_cast<std::size_t>(c.layers), true), none(all.size(), false);
  const Each ropes = *by.ropes != 0 ? all_but_each(by.usual_no_rope_each, c.layers) : all;
  const Each windows = by.windowed == Windowed::kAllButEach   ? all_but_each(by.usual_each, c.layers)
                       : by.windowed == Windowed::kLocalTypes ? by_turns(c.layers)
                                                              : none;
  c.layer_forms = forms_of(ropes, windows, family, family.defaults.window, c.context);
  if (*by.local_theta == 0) return;
  c.local_rotary.theta = by.usual_local_theta;
  c.local_rotary.dims = c.rotary.dims;
}

// What is written reads back as it was, here and elsewhere: where layers differ, their list stands beside the keys of
// which it would follow.
void write_layer_forms(const ModelConfig& c, const Family& family, KeyWriters& keys) {
  const Family::ByLayer& by = family.by_layer;
  std::int64_t window = 0;
  for (const LayerForm& form : c.layer_forms) window = std::max(window, form.window);
  if (*by.ropes != 0) {
    keys[by.ropes] = [&c](JsonWriter& w) {
      w.begin_array();
      for (std::int64_t l = 0; l < c.layers; ++l) w.value(c.form_of(l).rope == LayerForm::Rope::kNone ? 0 : 1);
      w.end_array();
    };
  }
  if (by.windowed == Windowed::kNone) return;
  // These two have a window in some layers whatever else they say: one that hides nothing is as long as the context.
  const bool always = by.windowed == Windowed::kAllButEach || by.windowed == Windowed::kLocalTypes;
  if (family.defaults.window_flag) keys["use_sliding_window"] = [window](JsonWriter& w) { w.value(window > 0); };
  if (window > 0 || always) keys[by.window] = [n = window > 0 ? window : c.context](JsonWriter& w) { w.value(n); };
  else if (family.defaults.window > 0) keys[by.window] = [](JsonWriter& w) { w.null(); };
  if (by.windowed == Windowed::kAll || (window == 0 && !always)) return;
  const bool types = by.windowed == Windowed::kLocalTypes;
  keys[types ? "attention_types" : "layer_types"] = [&c, types](JsonWriter& w) {
    if (types) w.begin_array().begin_array();
    w.begin_array();
    for (std::int64_t l = 0; l < c.layers; ++l) {
      const LayerForm form = c.form_of(l);
      const bool has = form.window > 0 || form.rope == LayerForm::Rope::kLocal;
      w.value(types ? (has ? "local" : "global") : (has ? "sliding_attention" : "full_attention"));
    }
    w.end_array();
    if (types) w.value(1).end_array().end_array();
  };
}

}  // namespace nudge
