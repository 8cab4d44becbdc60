#include "lib/model/parameters.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/rng.h"

namespace nudge {
namespace {

void fill_normal(float* values, std::int64_t size, double deviation, std::uint64_t seed, const std::string& name) {
  const std::uint64_t stream = stream_of(name);
  parallel_ranges(size, 65536, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      values[i] = static_cast<float>(deviation * normal(seed, stream, static_cast<std::uint64_t>(i)));
  });
}

bool ends_with(const std::string& s, std::string_view end) {
  return s.size() >= end.size() && s.compare(s.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

Layout::Layout(const ModelConfig& config) {
  const Family::Tensors& names = family_of(config.family).tensors;
  const std::string root = names.prefix;
  const std::int64_t C = config.width, F = config.inner, H = config.heads, G = config.kv_heads(), D = config.head_dim();
  // Tensors of one bundle follow each other without a gap, in the order of their declaration.
  struct Place {
    std::string bundle;
    std::size_t number;
  };
  std::vector<Place> places;
  const auto declare = [&](const std::string& name, std::vector<std::int64_t> shape, const std::string& bundle) {
    std::int64_t count = 1;
    for (std::int64_t s : shape) count *= s;
    places.push_back({bundle, places.size()});
    tensors.push_back({name, std::move(shape), 0, count});
  };
  const auto single = [&](const std::string& name, std::vector<std::int64_t> shape) { declare(name, shape, name); };
  const auto norm = [&](const std::string& name, std::int64_t width, bool bias) {
    single(name + ".weight", {width});
    if (bias) single(name + ".bias", {width});
  };
  using Parts = std::vector<std::pair<std::string, std::int64_t>>;  // names and columns
  const auto linear = [&](const Parts& parts, std::int64_t in, bool bias) {
    if (names.stored_in_out && parts.size() > 1) throw Error(Exit::kInternal, "matrices [in, out] make no bundle");
    std::string first = parts[0].first;
    for (const auto& [name, out] : parts) first = std::min(first, name);
    for (const auto& [name, out] : parts) {
      const auto shape = names.stored_in_out ? std::vector{in, out} : std::vector{out, in};
      declare(name + ".weight", shape, first + ".weight");
      if (bias) declare(name + ".bias", {out}, first + ".bias");
    }
  };
  struct LayerNames {
    std::string norm1, norm2, q_norm, k_norm, proj, down;
    Parts qkv, up;
  };
  std::vector<LayerNames> blocks;
  const bool rms = config.norm == NormKind::kRms;
  for (std::int64_t l = 0; l < config.layers; ++l) {
    const std::string h = root + names.block + std::to_string(l) + ".";
    LayerNames n{h + names.norm1, h + names.norm2, h + names.q_norm, h + names.k_norm, h + names.proj, h + names.down,
                 {}, {}};
    if (*names.qkv[1] == 0)
      n.qkv = {{h + names.qkv[0], (H + 2 * G) * D}};
    else
      n.qkv = {{h + names.qkv[0], H * D}, {h + names.qkv[1], G * D}, {h + names.qkv[2], G * D}};
    for (const char* up : names.up)
      if (*up != 0) n.up.emplace_back(h + up, F);
    norm(n.norm1, C, !rms);
    norm(n.norm2, C, !rms);
    if (config.qk_norm) norm(n.q_norm, D, false), norm(n.k_norm, D, false);
    linear(n.qkv, C, config.qkv_bias);
    linear({{n.proj, C}}, H * D, config.proj_bias);
    linear(n.up, C, config.inner_bias);
    linear({{n.down, C}}, F, config.inner_bias);
    blocks.push_back(std::move(n));
  }
  const bool learned = config.positions == PositionKind::kLearned;
  const bool has_score = config.head == HeadKind::kScore || config.shared_value;
  const bool own_head = config.head == HeadKind::kLanguage && !config.tied;
  single(root + names.embedding, {config.vocab, C});
  if (learned) single(root + names.positions, {config.context, C});
  norm(root + names.final_norm, C, !rms);
  if (has_score) single("score.weight", {1, C});
  if (own_head) single(names.head, {config.vocab, C});

  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.bundle != b.bundle ? a.bundle < b.bundle : a.number < b.number;
  });
  for (std::size_t i = 0; i < places.size(); ++i) {
    TensorInfo& t = tensors[places[i].number];
    t.offset = size;
    size += t.size;
    if (i + 1 == places.size() || places[i + 1].bundle != places[i].bundle) size = (size + 15) / 16 * 16;
  }
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });

  const auto at = [&](const std::string& name) { return find(name)->offset; };
  const auto norm_at = [&](const std::string& name) {
    return NormAt{at(name + ".weight"), rms ? -1 : at(name + ".bias")};
  };
  const auto gain_at = [&](const std::string& name) {
    return NormAt{config.qk_norm ? at(name + ".weight") : -1, -1};
  };
  const auto linear_at = [&](const Parts& parts, std::int64_t in, bool bias) {
    LinearAt l{at(parts[0].first + ".weight"), bias ? at(parts[0].first + ".bias") : -1, in, 0, names.stored_in_out};
    for (const auto& part : parts) l.out += part.second;
    return l;
  };
  for (const LayerNames& n : blocks)
    layers.push_back({norm_at(n.norm1), gain_at(n.q_norm), gain_at(n.k_norm), linear_at(n.qkv, C, config.qkv_bias),
                      linear_at({{n.proj, C}}, H * D, config.proj_bias), norm_at(n.norm2),
                      linear_at(n.up, C, config.inner_bias), linear_at({{n.down, C}}, F, config.inner_bias)});
  if (names.order == QkvOrder::kHeads)
    heads = {0, D, 2 * D, 3 * D, 3 * D, 3 * H * D};
  else
    heads = {0, H * D, (H + G) * D, D, D, (H + 2 * G) * D};
  embedding = at(root + names.embedding);
  positions = learned ? at(root + names.positions) : -1;
  final_norm = norm_at(root + names.final_norm);
  unembedding = config.head == HeadKind::kScore ? -1 : config.tied ? embedding : at(names.head);
  score = has_score ? at("score.weight") : -1;
}

const TensorInfo* Layout::find(std::string_view name) const {
  const auto it = std::lower_bound(tensors.begin(), tensors.end(), name,
                                   [](const TensorInfo& t, std::string_view n) { return t.name < n; });
  return it != tensors.end() && it->name == name ? &*it : nullptr;
}

Buffer<float> initial_parameters(const ModelConfig& config, const Layout& layout, std::uint64_t seed) {
  Buffer<float> values(layout.size);
  const double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(config.layers));
  for (const TensorInfo& t : layout.tensors) {
    float* v = values.data() + t.offset;
    if (t.name == "score.weight" || ends_with(t.name, "bias")) continue;
    if (t.shape.size() == 1)
      std::fill(v, v + t.size, 1.0f);
    else
      fill_normal(v, t.size, ends_with(t.name, "c_proj.weight") ? residual : 0.02, seed, t.name);
  }
  if (layout.score >= 0) initialise_score(config, layout, seed, values.data());
  return values;
}

void initialise_score(const ModelConfig& config, const Layout& layout, std::uint64_t seed, float* values) {
  fill_normal(values + layout.score, config.width, 1.0 / std::sqrt(static_cast<double>(config.width + 1)), seed,
              "score.weight");
}

}  // namespace nudge
