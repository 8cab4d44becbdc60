#include "lib/model/adapter_folder.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/io/files.h"
#include "lib/io/json.h"
#include "lib/model/foreign_folder.h"
#include "lib/model/stored_weights.h"

namespace nudge {

namespace fs = std::filesystem;

namespace {

constexpr const char* kConfigFile = "/adapter_config.json";
constexpr const char* kWeightsFile = "/adapter_model.safetensors";
// In the file's metadata, which other software passes over.
constexpr const char *kBaseDigest = "base_digest", *kRewardMean = "reward_mean", *kRewardStd = "reward_std";

std::string metadata_of(const SafetensorsFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? "" : found->second;
}

double number_of(const SafetensorsFile& file, const char* key, double fallback) {
  const std::string text = metadata_of(file, key);
  if (text.empty()) return fallback;
  const std::optional<double> number = parse_double(text);
  if (!number) bad_input(file.path() + ": metadata \"" + key + "\" is not a number");
  return *number;
}

// The modules that have an adapter in the file.
std::vector<std::string> modules_in(const SafetensorsFile& file) {
  constexpr std::string_view kPrefix = kAdapterPrefix, kEnd = ".lora_A.weight";
  std::vector<std::string> modules;
  for (const SafetensorsFile::Tensor& t : file.tensors()) {
    if (!t.name.starts_with(kPrefix) || !t.name.ends_with(kEnd)) continue;
    modules.push_back(t.name.substr(kPrefix.size(), t.name.size() - kPrefix.size() - kEnd.size()));
  }
  std::sort(modules.begin(), modules.end());
  return modules;
}

// PEFT passes over targets that no module of the model has for its name, and takes a pattern in place of a list: what
// they came to stands in the file.
void settle_targets(const SafetensorsFile& file, AdapterConfig& adapter) {
  const std::vector<std::string> modules = modules_in(file);
  if (modules.empty())
    bad_input(file.path() + ": has no tensor of a low-rank adapter (....lora_A.weight)", kWriteAgain);
  if (adapter.targets.empty()) adapter.targets = modules;
  std::erase_if(adapter.targets, [&](const std::string& target) {
    return std::ranges::none_of(modules, [&](const std::string& module) { return is_module(module, target); });
  });
}

void refuse_others(const SafetensorsFile& file, const Layout& layout) {
  for (const SafetensorsFile::Tensor& t : file.tensors())
    if (layout.find(t.name) == nullptr)
      bad_input(file.path() + ": tensor " + t.name + " is not one of the adapter that adapter_config.json describes",
                kMergeInPeft);
}

Buffer<float> read_values(const SafetensorsFile& file, const Layout& layout) {
  Buffer<float> values(layout.size);
  for (const TensorInfo& t : layout.tensors) {
    if (file.at(t.name).shape != t.shape)
      bad_input(file.path() + ": tensor " + t.name + " differs in shape from what adapter_config.json describes",
                kWriteAgain);
    file.read_f32(t.name, values.data() + t.offset);
  }
  refuse_others(file, layout);
  return values;
}

// Where the base may be, in the order in which it is looked for. A policy's critic names its base as the policy does.
std::vector<std::string> places_of(const std::string& folder, const std::string& base) {
  if (fs::path(base).is_absolute()) return {base};
  const std::string policy = policy_of_part(folder, "critic");
  return {(fs::path(policy.empty() ? folder : policy) / base).lexically_normal().string(), base};
}

[[noreturn]] void refuse_absent_base(const std::string& folder, const std::vector<std::string>& places, bool told) {
  const std::string& named = places.back();
  if (told) throw Error(Exit::kNoInput, "--base " + named + ": no such model folder", advice_on_hub_name(named));
  const std::string fetch = advice_on_hub_name(named);
  throw Error(Exit::kNoInput,
              folder + ": its base " + named + " is not here" + (places.size() > 1 ? ", nor " + places.front() : ""),
              "give its folder with --base" + (fetch.empty() ? "" : "; " + fetch));
}

}  // namespace

bool holds_adapter(const std::string& folder) {
  const auto has = [&](const char* file) { return file_exists(folder + file); };
  return has(kConfigFile) && !has("/model.safetensors") && !has("/model.safetensors.index.json");
}

AdapterConfig read_adapter_config(const std::string& folder) {
  const std::string path = folder + kConfigFile;
  refuse_pointer(path);
  return AdapterConfig::parse(read_file(path), path);
}

const Bases::Base& Bases::at(const std::string& folder, Dtype dtype) {
  const std::string path = fs::weakly_canonical(folder).string();
  if (const auto found = bases_.find(path); found != bases_.end()) return found->second;
  if (holds_adapter(folder)) bad_input(folder + ": is an adapter, where a base is needed", "give a whole model");
  return add(folder, load_model(folder, HeadKind::kLanguage, dtype));
}

Model Bases::read_only(const std::string& folder, Dtype dtype) {
  if (holds_adapter(folder)) return load_model(folder, HeadKind::kLanguage, dtype, this);
  const auto found = bases_.find(fs::weakly_canonical(folder).string());
  if (found == bases_.end()) return load_model(folder, HeadKind::kLanguage, dtype);
  return with_files(found->second.model.without_adapter(), folder);
}

const Bases::Base& Bases::add(const std::string& folder, const Model& model) {
  Transformer base = model.transformer.without_adapter();
  const std::string digest = model_digest(base);
  return bases_
      .insert_or_assign(fs::weakly_canonical(folder).string(), Base{folder, std::move(base), digest, model.remarks})
      .first->second;
}

const Bases::Base& Bases::of(const std::string& folder, const AdapterConfig& adapter, Dtype dtype) {
  has_adapters_ = true;
  const std::vector<std::string> places = told_.empty() ? places_of(folder, adapter.base) : std::vector{told_};
  if (told_.empty() && adapter.base.empty())
    bad_input(folder + kConfigFile + ": names no base", "give its folder with --base");
  std::error_code error;
  const auto found = std::ranges::find_if(places, [&](const std::string& p) { return fs::is_directory(p, error); });
  if (found == places.end()) refuse_absent_base(folder, places, !told_.empty());
  const Base& base = at(*found, dtype);
  if (!adapter.base_digest.empty() && adapter.base_digest != base.digest)
    bad_input(folder + ": was made on another base than " + base.folder, "give the right one with --base");
  return base;
}

Model load_adapter(const std::string& folder, Dtype dtype, Bases& bases) {
  const std::string path = folder + kWeightsFile;
  if (!file_exists(path) && file_exists(folder + "/adapter_model.bin"))
    bad_input(folder + "/adapter_model.bin: is a PyTorch pickle, which can run code and is not read",
              "save the adapter again with PEFT's save_pretrained, which writes safetensors");
  refuse_pointer(path);
  AdapterConfig adapter = read_adapter_config(folder);
  const SafetensorsFile file(path);
  adapter.base_digest = metadata_of(file, kBaseDigest);
  const Bases::Base& base = bases.of(folder, adapter, dtype);
  adapter.base_digest = base.digest;
  settle_targets(file, adapter);
  ModelConfig config = base.model.config();
  config.head = adapter.head;
  config.reward_mean = number_of(file, kRewardMean, 0), config.reward_std = number_of(file, kRewardStd, 1);
  Buffer<float> values = read_values(file, Layout(config, adapter));
  Model model = with_files(Transformer(base.model, std::move(config), std::move(adapter), std::move(values)), folder,
                           base.folder);
  model.remarks = base.remarks;
  if (model.config().head == HeadKind::kScore) set_pad(model);
  return model;
}

void save_adapter(const Transformer& model, const std::string& folder) {
  const ProfileScope scope(Part::kSaving, 0, 4.0 * model.trained().size);
  const ModelConfig& config = model.config();
  std::vector<TensorView> views;
  for (const TensorInfo& t : model.trained().tensors)
    if (!config.shared_value || &t != model.trained().score_tensor())
      views.push_back({t.name, t.shape, model.trained_values() + t.offset});
  std::map<std::string, std::string> metadata{{kBaseDigest, model.adapter()->base_digest}};
  if (config.head == HeadKind::kScore)
    metadata[kRewardMean] = json_number(config.reward_mean), metadata[kRewardStd] = json_number(config.reward_std);
  write_safetensors(folder + kWeightsFile, views, StoredDtype::kF32, metadata);
  write_file(folder + kConfigFile, model.adapter()->json(family_of(config.family).tensors.stored_in_out));
}

Transformer new_adapter(const Bases::Base& base, AdapterConfig adapter, std::uint64_t seed) {
  ModelConfig config = base.model.config();
  config.head = adapter.head;
  adapter.base_digest = base.digest;
  Buffer<float> values = initial_adapter(config, Layout(config, adapter), seed);
  return Transformer(base.model, std::move(config), std::move(adapter), std::move(values));
}

namespace {

// W += scale B A, of one part of a product: B [size, r] of its columns first .. first + size.
struct MergedPart {
  const LinearAt& at;
  const LowRankAt& low;
  const LowRankAt::Part& part;
  const float *a, *b;  // its rows of A, its B
  double scale;
};

void merge(const MergedPart& m, float* weight) {
  const std::int64_t in = m.low.in, r = m.low.part_rank();
  parallel_ranges(m.part.size, 8, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sum(static_cast<std::size_t>(in));
    for (std::int64_t n = begin; n < end; ++n) {
      std::fill(sum.begin(), sum.end(), 0.0);
      for (std::int64_t k = 0; k < r; ++k)
        for (std::int64_t i = 0; i < in; ++i)
          sum[static_cast<std::size_t>(i)] +=
              static_cast<double>(m.b[n * r + k]) * static_cast<double>(m.a[k * in + i]);
      const std::int64_t column = m.part.first + n;
      for (std::int64_t i = 0; i < in; ++i) {
        float& w = weight[m.at.stored_in_out ? i * m.at.out + column : column * in + i];
        w = static_cast<float>(static_cast<double>(w) + m.scale * sum[static_cast<std::size_t>(i)]);
      }
    }
  });
}

}  // namespace

Transformer merged(const Transformer& model) {
  const Layout own(model.config());
  const Layout &base = model.layout(), &adapter = model.trained();
  Buffer<float> values(own.size);
  for (const TensorInfo& t : own.tensors) {
    const bool is_score = t.offset == own.score;
    const float* from = is_score ? model.trained_values() + adapter.score : model.values() + base.find(t.name)->offset;
    std::copy_n(from, t.size, values.data() + t.offset);
  }
  const double scale = model.adapter()->scale();
  for (std::size_t l = 0; l < own.layers.size(); ++l) {
    const LayerAt& at = own.layers[l];
    const LayerAdapterAt& low = adapter.adapters[l];
    for (const auto& [linear, ranks] :
         {std::pair{&at.qkv, &low.qkv}, {&at.proj, &low.proj}, {&at.up, &low.up}, {&at.down, &low.down}})
      for (std::size_t i = 0; i < ranks->parts.size(); ++i) {
        const LowRankAt::Part& part = ranks->parts[i];
        const float* a =
            model.trained_values() + ranks->a + static_cast<std::int64_t>(i) * ranks->part_rank() * ranks->in;
        merge({*linear, *ranks, part, a, model.trained_values() + part.b, scale}, values.data() + linear->weight);
      }
  }
  return Transformer(model.config(), std::move(values));
}

}  // namespace nudge
