#include "lib/model/folder.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/io/files.h"
#include "lib/io/json.h"
#include "lib/io/safetensors.h"
#include "lib/model/json_reader.h"

namespace nudge {
namespace {

constexpr const char* kScoreName = "score.weight";

// The name a tensor has in our layout: some of the hub's files leave the prefix out.
std::string usual_name(const std::string& name, const Family::Tensors& names) {
  const std::string prefix = names.prefix;
  return name.rfind(prefix, 0) == 0 || name == names.head || name == kScoreName ? name : prefix + name;
}

// Causal masks and tables that old checkpoints store beside the parameters.
bool is_ignored(const std::string& name, const Family::Tensors& names) {
  return std::any_of(std::begin(names.ignored), std::end(names.ignored),
                     [&](const char* end) { return *end != 0 && name.ends_with(end); });
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string s = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) s += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return s + "]";
}

// The stored tensors of a folder: one file, or shards that an index tells apart. `path` is what errors name: the file
// or the index.
struct Weights {
  std::string path;
  std::vector<SafetensorsFile> files;
};

// "weight_map" of an index: tensor name -> file name.
std::map<std::string, std::string> read_index(const std::string& path) {
  const JsonReader reader(read_file(path), path);
  std::map<std::string, std::string> shard_of;
  const auto map = reader.object(reader.need(reader.root(), "weight_map", "the index"), "weight_map");
  for (const auto& [name, value] : map) {
    const std::string file(reader.text(value, "the shard of tensor " + std::string(name)));
    if (file.empty() || file[0] == '.' || file.find_first_of(std::string("/\\\0", 3)) != std::string::npos)
      reader.fail("tensor " + std::string(name) + " is said to be in " + json_quote(file) +
                  ", which is no file beside the index");
    if (!shard_of.emplace(name, file).second) reader.fail("tensor " + std::string(name) + " is there twice");
  }
  return shard_of;
}

Weights open_weights(const std::string& folder, const Family::Tensors& names) {
  const std::string single = folder + "/model.safetensors", index = folder + "/model.safetensors.index.json";
  Weights weights;
  if (file_exists(single) || !file_exists(index)) {
    weights.path = single;
    weights.files.emplace_back(single);
    return weights;
  }
  weights.path = index;
  const std::map<std::string, std::string> shard_of = read_index(index);
  std::set<std::string> shards, seen;
  for (const auto& [name, shard] : shard_of) shards.insert(shard);
  for (const std::string& shard : shards) {
    if (!file_exists(folder + "/" + shard)) bad_input(index + ": shard " + shard + " is missing");
    weights.files.emplace_back(folder + "/" + shard);
    for (const auto& t : weights.files.back().tensors()) {
      if (is_ignored(t.name, names)) continue;
      const auto it = shard_of.find(t.name);
      const std::string found = index + ": tensor " + t.name + " is in shard " + shard;
      if (!seen.insert(t.name).second) bad_input(found + " and in another one");
      if (it == shard_of.end()) bad_input(found + ", but not in the index");
      if (it->second != shard) bad_input(found + ", not in " + it->second + " as the index says");
    }
  }
  for (const auto& [name, shard] : shard_of)
    if (!is_ignored(name, names) && seen.count(name) == 0)
      bad_input(index + ": tensor " + name + " is missing in shard " + shard);
  return weights;
}

// Reads every tensor of the layout but `except`. Tensors that only the other head has are left alone when
// `heads_differ`; a stored copy of a tied head always is.
Buffer<float> read_tensors(const std::string& folder, const ModelConfig& config, const Layout& layout,
                           bool heads_differ, std::string_view except) {
  const Family::Tensors& names = family_of(config.family).tensors;
  const Weights weights = open_weights(folder, names);
  struct Stored {
    const SafetensorsFile* file;
    const SafetensorsFile::Tensor* tensor;
  };
  std::map<std::string, Stored> stored;  // by usual name
  for (const SafetensorsFile& file : weights.files) {
    for (const auto& t : file.tensors()) {
      const std::string name = usual_name(t.name, names);
      if (is_ignored(name, names) || (name == names.head && (config.tied || heads_differ)) ||
          (name == kScoreName && heads_differ))
        continue;
      if (layout.find(name) == nullptr) bad_input(file.path() + ": tensor " + t.name + " has no place in this model");
      if (!stored.emplace(name, Stored{&file, &t}).second)
        bad_input(file.path() + ": tensor " + name + " is there twice");
    }
  }
  // All shapes before any memory: the files' sizes then bound what is allocated.
  for (const TensorInfo& t : layout.tensors) {
    if (t.name == except) continue;
    const auto it = stored.find(t.name);
    if (it == stored.end()) bad_input(weights.path + ": tensor " + t.name + " is missing");
    const auto& [file, found] = it->second;
    if (found->shape != t.shape)
      bad_input(file->path() + ": tensor " + found->name + " has shape " + shape_text(found->shape) + ", not " +
                shape_text(t.shape));
  }
  Buffer<float> values(layout.size);
  const ProfileScope scope(Part::kLoading, 0, 4.0 * layout.size);
  for (const TensorInfo& t : layout.tensors) {
    if (t.name == except) continue;
    const Stored& s = stored.at(t.name);
    s.file->read_f32(s.tensor->name, values.data() + t.offset);
  }
  return values;
}

std::vector<std::int32_t> ending_tokens(const std::string& generation_config, const ModelConfig& config,
                                        const std::string& where) {
  std::vector<std::int32_t> eos;
  const auto take = [&](simdjson::dom::element e) {
    std::int64_t id;
    if (e.get(id) != simdjson::SUCCESS || id < 0 || id >= config.vocab)
      bad_input(where + ": \"eos_token_id\" is no token of the vocabulary");
    eos.push_back(static_cast<std::int32_t>(id));
  };
  if (!generation_config.empty()) {
    simdjson::dom::parser parser;
    simdjson::dom::element root, value;
    if (parser.parse(generation_config).get(root) != simdjson::SUCCESS || !root.is_object())
      bad_input(where + ": is no JSON object");
    if (root["eos_token_id"].get(value) == simdjson::SUCCESS && !value.is_null()) {
      simdjson::dom::array list;
      if (value.get(list) == simdjson::SUCCESS)
        for (auto e : list) take(e);
      else
        take(value);
    }
  }
  if (eos.empty() && config.eos >= 0) {
    eos.push_back(config.eos);
    eos.insert(eos.end(), config.more_eos.begin(), config.more_eos.end());
  }
  return eos;
}

ModelConfig read_config(const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    const bool absent = !error || error == std::errc::no_such_file_or_directory;
    throw Error(Exit::kNoInput, folder + ": no such model folder" + (absent ? "" : ": " + error.message()));
  }
  const std::string path = folder + "/config.json";
  return ModelConfig::parse(read_file(path), path);
}

Model assemble(const std::string& folder, ModelConfig config, Buffer<float> values) {
  Tokenizer tokenizer = Tokenizer::load(folder);
  if (tokenizer.vocab_size() > config.vocab)
    bad_input(folder + "/tokenizer.json: has " + std::to_string(tokenizer.vocab_size()) +
              " tokens, the model only " + std::to_string(config.vocab));
  const std::string path = folder + "/generation_config.json";
  std::string generation = file_exists(path) ? read_file(path) : "";
  auto eos = ending_tokens(generation, config, path);
  return Model{Transformer(std::move(config), std::move(values)), std::move(tokenizer), std::move(generation),
               std::move(eos)};
}

const char* head_name(HeadKind head) { return head == HeadKind::kLanguage ? "a language model" : "a reward model"; }

// A value head that shares a language model's trunk is the trainer's, not the model's.
bool is_own(const ModelConfig& config, const TensorInfo& t) { return !config.shared_value || t.name != kScoreName; }

}  // namespace

bool Model::ends(std::int32_t token) const { return std::find(eos.begin(), eos.end(), token) != eos.end(); }

Model load_model(const std::string& folder, HeadKind head, Dtype dtype) {
  const ProfileScope scope(Part::kLoading);
  ModelConfig config = read_config(folder);
  config.dtype = dtype;
  if (config.head != head)
    bad_input(folder + "/config.json: \"architectures\" says that this is " + head_name(config.head) + ", not " +
              head_name(head));
  const Layout layout(config);
  Buffer<float> values = read_tensors(folder, config, layout, false, {});
  return assemble(folder, std::move(config), std::move(values));
}

Model load_as_score_model(const std::string& folder, std::uint64_t seed, Dtype dtype) {
  const ProfileScope scope(Part::kLoading);
  ModelConfig config = read_config(folder);
  config.dtype = dtype;
  if (config.head == HeadKind::kScore) return load_model(folder, HeadKind::kScore, dtype);
  config.head = HeadKind::kScore;
  const Layout layout(config);
  Buffer<float> values = read_tensors(folder, config, layout, true, kScoreName);
  initialise_score(config, layout, seed, values.data());
  return assemble(folder, std::move(config), std::move(values));
}

namespace {

const char* torch_name(StoredDtype dtype) {
  return dtype == StoredDtype::kF32 ? "float32" : dtype == StoredDtype::kBf16 ? "bfloat16" : "float16";
}

void write_shards(const std::vector<std::vector<TensorView>>& shards, const std::string& folder, StoredDtype dtype,
                  std::int64_t size) {
  std::map<std::string, std::string> shard_of;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", i + 1, shards.size());
    write_safetensors(folder + "/" + name, shards[i], dtype);
    for (const TensorView& t : shards[i]) shard_of[t.name] = name;
  }
  JsonWriter w(2);
  w.begin_object().key("metadata").begin_object().key("total_size").value(size).end_object();
  w.key("weight_map").begin_object();
  for (const auto& [tensor, shard] : shard_of) w.field(tensor, shard);
  w.end_object().end_object();
  write_file(folder + "/model.safetensors.index.json", w.text() + "\n");
}

}  // namespace

void save_weights(const Transformer& transformer, const std::string& folder, const Storage& storage) {
  const ProfileScope scope(Part::kSaving, 0, static_cast<double>(transformer.layout().size) * bytes_of(storage.dtype));
  const std::int64_t width = bytes_of(storage.dtype);
  std::vector<std::vector<TensorView>> shards(1);
  std::int64_t size = 0, in_shard = 0;
  for (const TensorInfo& t : transformer.layout().tensors) {
    if (!is_own(transformer.config(), t)) continue;
    if (in_shard > 0 && t.size * width > storage.shard_bytes - in_shard) {
      shards.emplace_back();
      in_shard = 0;
    }
    shards.back().push_back({t.name, t.shape, transformer.values() + t.offset});
    in_shard += t.size * width, size += t.size * width;
  }
  write_file(folder + "/config.json", transformer.config().json(torch_name(storage.dtype)));
  if (shards.size() > 1) return write_shards(shards, folder, storage.dtype, size);
  write_safetensors(folder + "/model.safetensors", shards[0], storage.dtype);
}

void save_model(const Model& model, const std::string& folder, const Storage& storage) {
  save_weights(model.transformer, folder, storage);
  write_file(folder + "/tokenizer.json", model.tokenizer.json());
  if (!model.tokenizer.config_json().empty())
    write_file(folder + "/tokenizer_config.json", model.tokenizer.config_json());
  if (!model.tokenizer.template_file().empty())
    write_file(folder + "/chat_template.jinja", model.tokenizer.template_file());
  if (!model.generation_config.empty()) write_file(folder + "/generation_config.json", model.generation_config);
}

std::string model_digest(const Transformer& transformer) {
  const ProfileScope scope(Part::kLoading, 0, 4.0 * transformer.layout().size);
  Digest digest;
  digest.text(transformer.config().mathematics());
  for (const TensorInfo& t : transformer.layout().tensors) {
    if (!is_own(transformer.config(), t)) continue;
    digest.text(t.name);
    for (std::int64_t s : t.shape) digest.number(s);
    digest.bytes(transformer.values() + t.offset, static_cast<std::size_t>(t.size) * sizeof(float));
  }
  return digest.hex();
}

}  // namespace nudge
