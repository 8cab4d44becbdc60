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

// Collects the tensors of a layout together with the fields that want their offsets, then gives the offsets out.
class Placer {
 public:
  explicit Placer(bool stored_in_out) : stored_in_out_(stored_in_out) {}

  // Whether the tensors declared from here on are frozen.
  void freeze(bool frozen) { frozen_ = frozen; }

  // Tensors of one bundle follow each other without a gap, in the order of their declaration. `at` may be null.
  void tensor(const std::string& name, std::vector<std::int64_t> shape, std::int64_t* at, const std::string& bundle) {
    std::int64_t count = 1;
    for (std::int64_t s : shape) count *= s;
    wanted_.push_back({frozen_, bundle, wanted_.size(), at});
    tensors_.push_back({name, std::move(shape), 0, count});
  }
  void tensor(const std::string& name, std::vector<std::int64_t> shape, std::int64_t* at) {
    tensor(name, std::move(shape), at, name);
  }
  void norm(const std::string& name, std::int64_t width, bool bias, NormAt& n) {
    tensor(name + ".weight", {width}, &n.weight);
    if (bias) tensor(name + ".bias", {width}, &n.bias);
  }
  using Parts = std::vector<std::pair<std::string, std::int64_t>>;  // names and columns
  void linear(const Parts& parts, std::int64_t in, bool bias, LinearAt& l) {
    if (stored_in_out_ && parts.size() > 1) throw Error(Exit::kInternal, "matrices [in, out] make no bundle");
    l.in = in;
    l.stored_in_out = stored_in_out_;
    const std::string& first = std::min_element(parts.begin(), parts.end())->first;  // by name
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto& [name, out] = parts[i];
      const auto shape = stored_in_out_ ? std::vector{in, out} : std::vector{out, in};
      tensor(name + ".weight", shape, i == 0 ? &l.weight : nullptr, first + ".weight");
      if (bias) tensor(name + ".bias", {out}, i == 0 ? &l.bias : nullptr, first + ".bias");
      l.out += out;
    }
  }

  // The adapters of the matrices among `parts` that are targets.
  void low_rank(const Parts& parts, std::int64_t in, const AdapterConfig& adapter, LowRankAt& at) {
    at.in = in;
    at.parts.reserve(parts.size());  // the offsets are filled in later
    std::int64_t column = 0;
    std::string first;
    for (const auto& [name, out] : parts) {
      if (adapter.adapts(name)) {
        const std::string module = kAdapterPrefix + name;
        if (at.parts.empty()) first = module + ".lora_A.weight";
        at.parts.push_back({-1, column, out});
        tensor(module + ".lora_A.weight", {adapter.rank, in}, at.rank == 0 ? &at.a : nullptr, first);
        tensor(module + ".lora_B.weight", {out, adapter.rank}, &at.parts.back().b);
        at.rank += adapter.rank;
      }
      column += out;
    }
  }

  // The tensors in name order, frozen ones first; bundles begin at multiples of 16.
  void place(Layout& layout) {
    std::sort(wanted_.begin(), wanted_.end(), [](const Wanted& a, const Wanted& b) {
      if (a.frozen != b.frozen) return a.frozen;
      return a.bundle != b.bundle ? a.bundle < b.bundle : a.number < b.number;
    });
    std::int64_t size = 0;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      TensorInfo& t = tensors_[wanted_[i].number];
      if (i > 0 && wanted_[i].bundle != wanted_[i - 1].bundle) size = (size + 15) / 16 * 16;
      if (i > 0 && wanted_[i - 1].frozen && !wanted_[i].frozen) layout.trained_begin = size;
      t.offset = size;
      if (wanted_[i].at != nullptr) *wanted_[i].at = size;
      size += t.size;
    }
    std::sort(tensors_.begin(), tensors_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    layout.tensors = std::move(tensors_);
    layout.size = (size + 15) / 16 * 16;
  }

 private:
  struct Wanted {
    bool frozen;
    std::string bundle;
    std::size_t number;  // of the declaration
    std::int64_t* at;
  };
  bool stored_in_out_, frozen_ = false;
  std::vector<Wanted> wanted_;
  std::vector<TensorInfo> tensors_;
};

// The matrices of a block by product: each's name and columns.
struct BlockParts {
  Placer::Parts qkv, proj, up, down;
};

BlockParts parts_of(const ModelConfig& config, const std::string& h) {
  const Family::Tensors& names = family_of(config.family).tensors;
  const std::int64_t C = config.width, F = config.feed_forward, H = config.heads, G = config.kv_heads(),
                     D = config.head_dim();
  BlockParts p{
      {{h + names.qkv[0], (H + 2 * G) * D}}, {{h + names.proj, C}}, {{h + names.up[0], F}}, {{h + names.down, C}}};
  if (*names.qkv[1] != 0) p.qkv = {{h + names.qkv[0], H * D}, {h + names.qkv[1], G * D}, {h + names.qkv[2], G * D}};
  if (*names.up[1] != 0) p.up.emplace_back(h + names.up[1], F);
  else if (config.gated) p.up[0].second = 2 * F;
  return p;
}

void declare_block(const ModelConfig& config, const std::string& h, Placer& placer, LayerAt& l) {
  const Family::Tensors& names = family_of(config.family).tensors;
  const std::int64_t C = config.width, D = config.head_dim();
  const bool bias = config.norm == NormKind::kLayer;
  if (config.norm_before)
    placer.norm(h + names.norm1, C, bias, l.norm1), placer.norm(h + names.norm2, C, bias, l.norm2);
  if (config.norm_after)
    placer.norm(h + names.after1, C, bias, l.after1), placer.norm(h + names.after2, C, bias, l.after2);
  if (config.qk_norm) {
    placer.norm(h + names.q_norm, config.qk_norm_whole ? config.heads * D : D, false, l.q_norm);
    placer.norm(h + names.k_norm, config.qk_norm_whole ? config.kv_heads() * D : D, false, l.k_norm);
  }
  const BlockParts parts = parts_of(config, h);
  placer.linear(parts.qkv, C, config.qkv_bias, l.qkv);
  placer.linear(parts.proj, config.heads * D, config.proj_bias, l.proj);
  placer.linear(parts.up, C, config.feed_forward_bias, l.up);
  placer.linear(parts.down, config.feed_forward, config.feed_forward_bias, l.down);
}

std::string block_name(const ModelConfig& config, std::size_t layer) {
  const Family::Tensors& names = family_of(config.family).tensors;
  return names.prefix + std::string(names.block) + std::to_string(layer) + ".";
}

std::vector<std::string> names_of(const BlockParts& parts) {
  std::vector<std::string> names;
  for (const Placer::Parts* product : {&parts.qkv, &parts.proj, &parts.up, &parts.down})
    for (const auto& [name, out] : *product) names.push_back(name);
  return names;
}

// Each target is the name of some matrix of the blocks, of all or of one ("model.layers.1.self_attn.q_proj").
void check_targets(const ModelConfig& config, const AdapterConfig& adapter) {
  std::vector<std::string> names, of_first;
  for (std::int64_t l = 0; l < config.layers; ++l) {
    const auto more = names_of(parts_of(config, block_name(config, static_cast<std::size_t>(l))));
    names.insert(names.end(), more.begin(), more.end());
    if (l == 0) of_first = more;
  }
  for (const std::string& target : adapter.targets) {
    if (std::ranges::any_of(names, [&](const std::string& name) { return is_module(name, target); })) continue;
    std::string known;
    for (const std::string& name : of_first) known += (known.empty() ? "" : ", ") + name.substr(name.rfind('.') + 1);
    bad_input("no linear layer of a " + config.family + " block is called \"" + target + "\"", "there are " + known);
  }
}

HeadsAt heads_of(const ModelConfig& config) {
  const std::int64_t H = config.heads, G = config.kv_heads(), D = config.head_dim();
  if (family_of(config.family).tensors.order == QkvOrder::kHeads) return {0, D, 2 * D, 3 * D, 3 * D, 3 * H * D};
  return {0, H * D, (H + G) * D, D, D, (H + 2 * G) * D};
}

}  // namespace

Layout::Layout(const ModelConfig& config) {
  const Family::Tensors& names = family_of(config.family).tensors;
  const std::string root = names.prefix;
  const std::int64_t C = config.width, V = config.vocab;
  Placer placer(names.stored_in_out);
  placer.freeze(config.frozen_blocks > 0);
  placer.tensor(root + names.embedding, {V, C}, &embedding);
  if (config.positions == PositionKind::kLearned)
    placer.tensor(root + names.positions, {config.context + config.position_offset, C}, &positions);
  layers.resize(static_cast<std::size_t>(config.layers));
  for (std::size_t l = 0; l < layers.size(); ++l) {
    placer.freeze(static_cast<std::int64_t>(l) < config.frozen_blocks);
    declare_block(config, block_name(config, l), placer, layers[l]);
  }
  placer.freeze(false);
  placer.norm(root + names.final_norm, C, config.norm == NormKind::kLayer, final_norm);
  const bool language = config.head == HeadKind::kLanguage;
  if (!language || config.shared_value) placer.tensor("score.weight", {1, C}, &score);
  if (language && !config.tied) placer.tensor(names.head, {V, C}, &unembedding);
  placer.place(*this);
  if (language && config.tied) unembedding = embedding;
  heads = heads_of(config);
}

Layout::Layout(const ModelConfig& config, const AdapterConfig& adapter) {
  check_targets(config, adapter);
  Placer placer(false);
  adapters.resize(static_cast<std::size_t>(config.layers));
  for (std::size_t l = 0; l < adapters.size(); ++l) {
    const BlockParts parts = parts_of(config, block_name(config, l));
    LayerAdapterAt& at = adapters[l];
    placer.low_rank(parts.qkv, config.width, adapter, at.qkv);
    placer.low_rank(parts.proj, config.heads * config.head_dim(), adapter, at.proj);
    placer.low_rank(parts.up, config.width, adapter, at.up);
    placer.low_rank(parts.down, config.feed_forward, adapter, at.down);
  }
  if (config.head == HeadKind::kScore || config.shared_value)
    placer.tensor(std::string(kAdapterPrefix) + "score.weight", {1, config.width}, &score);
  placer.place(*this);
}

namespace {

std::vector<std::string> target_names(const ModelConfig& config, bool all) {
  const BlockParts parts = parts_of(config, "");
  const std::vector<std::string> names = names_of(parts);
  std::vector<std::string> chosen;
  const auto last = [](const std::string& name) { return name.substr(name.rfind('.') + 1); };
  for (const std::string& name : names) {
    const bool of_attention =
        std::ranges::find(parts.qkv, name, &std::pair<std::string, std::int64_t>::first) != parts.qkv.end() ||
        name == parts.proj[0].first;
    if (!all && !of_attention) continue;
    const auto same = std::ranges::count_if(names, [&](const std::string& n) { return is_module(n, last(name)); });
    chosen.push_back(same == 1 ? last(name) : name);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace

std::vector<std::string> linear_layers(const ModelConfig& config) { return target_names(config, true); }
std::vector<std::string> attention_layers(const ModelConfig& config) { return target_names(config, false); }

const TensorInfo* Layout::find(std::string_view name) const {
  const auto it = std::lower_bound(tensors.begin(), tensors.end(), name,
                                   [](const TensorInfo& t, std::string_view n) { return t.name < n; });
  return it != tensors.end() && it->name == name ? &*it : nullptr;
}

const TensorInfo* Layout::score_tensor() const {
  const auto it = std::ranges::find(tensors, score, &TensorInfo::offset);
  return score >= 0 && it != tensors.end() ? &*it : nullptr;
}

Buffer<float> initial_parameters(const ModelConfig& config, const Layout& layout, std::uint64_t seed) {
  Buffer<float> values(layout.size);
  const double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(config.layers));  // of what the backbone adds up
  const Family::Tensors& names = family_of(config.family).tensors;
  const auto adds_up = [&](const std::string& name) {
    return name.ends_with(names.proj + std::string(".weight")) || name.ends_with(names.down + std::string(".weight"));
  };
  for (const TensorInfo& t : layout.tensors) {
    float* v = values.data() + t.offset;
    if (t.name == "score.weight" || t.name.ends_with("bias")) continue;
    if (t.shape.size() == 1) std::fill(v, v + t.size, config.norm_offset ? 0.0f : 1.0f);
    else fill_normal(v, t.size, adds_up(t.name) ? residual : 0.02, seed, t.name);
  }
  if (layout.score >= 0) initialise_score(config, layout, seed, values.data());
  return values;
}

Buffer<float> initial_adapter(const ModelConfig& config, const Layout& layout, std::uint64_t seed) {
  Buffer<float> values(layout.size);
  for (const TensorInfo& t : layout.tensors) {
    if (!t.name.ends_with(".lora_A.weight")) continue;
    const double bound = 1.0 / std::sqrt(static_cast<double>(t.shape[1]));
    const std::uint64_t stream = stream_of(t.name);
    for (std::int64_t i = 0; i < t.size; ++i)
      values.data()[t.offset + i] =
          static_cast<float>(bound * (2 * uniform(seed, stream, static_cast<std::uint64_t>(i)) - 1));
  }
  if (layout.score >= 0) initialise_score(config, layout, seed, values.data());
  return values;
}

void initialise_score(const ModelConfig& config, const Layout& layout, std::uint64_t seed, float* values) {
  fill_normal(values + layout.score, config.width, 1.0 / std::sqrt(static_cast<double>(config.width + 1)), seed,
              "score.weight");
}

}  // namespace nudge
