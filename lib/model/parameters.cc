#include "lib/model/parameters.h"

#include <algorithm>
#include <cmath>

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
  const std::int64_t C = config.width, F = config.inner;
  const auto declare = [&](const std::string& name, std::vector<std::int64_t> shape) {
    std::int64_t count = 1;
    for (std::int64_t s : shape) count *= s;
    tensors.push_back({name, std::move(shape), 0, count});
  };
  const std::string root = "transformer.";
  declare(root + "wte.weight", {config.vocab, C});
  declare(root + "wpe.weight", {config.context, C});
  for (std::int64_t l = 0; l < config.layers; ++l) {
    const std::string h = root + "h." + std::to_string(l) + ".";
    declare(h + "ln_1.weight", {C});
    declare(h + "ln_1.bias", {C});
    declare(h + "attn.c_attn.weight", {C, 3 * C});
    declare(h + "attn.c_attn.bias", {3 * C});
    declare(h + "attn.c_proj.weight", {C, C});
    declare(h + "attn.c_proj.bias", {C});
    declare(h + "ln_2.weight", {C});
    declare(h + "ln_2.bias", {C});
    declare(h + "mlp.c_fc.weight", {C, F});
    declare(h + "mlp.c_fc.bias", {F});
    declare(h + "mlp.c_proj.weight", {F, C});
    declare(h + "mlp.c_proj.bias", {C});
  }
  declare(root + "ln_f.weight", {C});
  declare(root + "ln_f.bias", {C});
  const bool has_score = config.head == HeadKind::kScore || config.shared_value;
  if (has_score) declare("score.weight", {1, C});
  if (config.head == HeadKind::kLanguage && !config.tied) declare("lm_head.weight", {config.vocab, C});

  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (TensorInfo& t : tensors) {
    t.offset = size;
    size += (t.size + 15) / 16 * 16;
  }
  const auto at = [&](const std::string& name) { return find(name)->offset; };
  for (std::int64_t l = 0; l < config.layers; ++l) {
    const std::string h = root + "h." + std::to_string(l) + ".";
    const auto norm = [&](const std::string& n) { return NormAt{at(h + n + ".weight"), at(h + n + ".bias")}; };
    const auto linear = [&](const std::string& n) {
      const TensorInfo& w = *find(h + n + ".weight");
      return LinearAt{w.offset, at(h + n + ".bias"), w.shape[0], w.shape[1]};
    };
    layers.push_back({norm("ln_1"), linear("attn.c_attn"), linear("attn.c_proj"), norm("ln_2"), linear("mlp.c_fc"),
                      linear("mlp.c_proj")});
  }
  embedding = at(root + "wte.weight");
  positions = at(root + "wpe.weight");
  final_norm = {at(root + "ln_f.weight"), at(root + "ln_f.bias")};
  unembedding = config.head == HeadKind::kScore ? -1 : config.tied ? embedding : at("lm_head.weight");
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
