#include "lib/model/folder.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/io/files.h"
#include "lib/io/json.h"
#include "lib/io/json_reader.h"
#include "lib/io/safetensors.h"
#include "lib/model/adapter_folder.h"
#include "lib/model/foreign_folder.h"
#include "lib/model/stored_weights.h"
#include "lib/text/model_file.h"

namespace nudge {
namespace {

// The generation configuration's, or where it names none, the configuration's. Ids that the vocabulary doesn't have are
// never sampled.
std::vector<std::int32_t> ending_tokens(const std::string& generation_config, const ModelConfig& config,
                                        const std::string& where) {
  std::vector<std::int32_t> eos;
  if (!generation_config.empty()) {
    const JsonReader reader(generation_config, where, kModelFileAdvice);
    JsonReader::Value value;
    if (reader.find(reader.root(), "eos_token_id", "the file", value)) {
      for (const JsonReader::Value e : JsonReader::one_or_all(value)) {
        const auto id = JsonReader::as<std::int64_t>(e);
        if (!id) reader.fail("\"eos_token_id\" is not a token id");
        if (*id >= 0 && *id < config.vocab) eos.push_back(static_cast<std::int32_t>(*id));
      }
      return eos;
    }
  }
  if (config.eos >= 0) {
    eos.push_back(config.eos);
    eos.insert(eos.end(), config.more_eos.begin(), config.more_eos.end());
  }
  return eos;
}

ModelConfig read_config(const std::string& folder) {
  refuse_foreign_folder(folder);
  const std::string path = folder + "/config.json";
  return ModelConfig::parse(read_file(path), path);
}

Model assemble(const std::string& folder, ModelConfig config, Buffer<float> values, std::vector<std::string> remarks) {
  Model model = with_files(Transformer(std::move(config), std::move(values)), folder);
  model.remarks = std::move(remarks);
  return model;
}

const char* head_name(HeadKind head) { return head == HeadKind::kLanguage ? "a language model" : "a reward model"; }

// `wanted`: the head that the folder's model doesn't have.
std::string advice_on_head(const std::string& folder, HeadKind wanted) {
  if (wanted == HeadKind::kScore && holds_adapter(folder))
    return "make a whole model of it, which can get a score head: sft-train --epochs 0 --merge --init " + folder +
           " -o NEW";
  if (wanted == HeadKind::kScore)
    return "give a reward model, which rm-train makes: rm-train --init " + folder +
           " pairs.jsonl -o NEW; a language model is for --policy and --ref";
  if (const std::string policy = policy_of_part(folder, "critic"); !policy.empty())
    return "it is the critic of " + policy + ": give that folder";
  return "give a language model; a reward model is for score --reward-model, ppo-step --critic-init and "
         "rm-train --init";
}

// A value head that shares a language model's backbone is the trainer's, not the model's.
bool is_own(const ModelConfig& config, const TensorInfo& t) {
  return !config.shared_value || !t.name.ends_with(kScoreName);
}

}  // namespace

Model with_files(Transformer transformer, const std::string& folder, const std::string& fallback) {
  const auto place = [&](const char* file) {
    return file_exists(folder + file) || fallback.empty() ? folder : fallback;
  };
  const std::string words = place("/tokenizer.json");
  file_exists(words + "/tokenizer.json") ? refuse_pointer(words + "/tokenizer.json") : refuse_foreign_tokenizer(words);
  Tokenizer tokenizer = Tokenizer::load(words);
  const std::string excess = tokenizer.excess(transformer.config().vocab);
  if (!excess.empty()) bad_input(words + "/" + excess);
  const std::string path = place("/generation_config.json") + "/generation_config.json";
  std::string generation = file_exists(path) ? read_file(path) : "";
  auto eos = ending_tokens(generation, transformer.config(), path);
  return Model{std::move(transformer), std::move(tokenizer), std::move(generation), std::move(eos)};
}

bool Model::ends(std::int32_t token) const { return std::find(eos.begin(), eos.end(), token) != eos.end(); }

std::int32_t Model::end() const {
  if (ends(tokenizer.eos_id())) return tokenizer.eos_id();
  return eos.empty() ? -1 : eos.front();
}

namespace {

Model load_language_model(const std::string& folder, ModelConfig config) {
  const Family& family = family_of(config.family);
  const StoredWeights stored(folder, family);
  std::vector<std::string> remarks;
  if (config.tied && stored.heads_differ(family)) {
    config.tied = false;
    remarks.push_back(folder + "/config.json: \"tie_word_embeddings\" is true, but " + family.tensors.head +
                      " is stored and differs from the embedding: it is used, and written with "
                      "\"tie_word_embeddings\" false");
  }
  std::vector<std::string_view> spare;
  if (config.tied) spare.push_back(family.tensors.head);
  Buffer<float> values = stored.read(Layout(config), family, {}, spare);
  return assemble(folder, std::move(config), std::move(values), std::move(remarks));
}

// Heads of language models say nothing here, nor does a bias of the score, which Hugging Face's classes don't have.
Model load_stored_score_model(const std::string& folder, ModelConfig config) {
  const Family& family = family_of(config.family);
  const StoredWeights stored(folder, family);
  std::vector<std::string> remarks;
  if (stored.has(kScoreBias))
    remarks.push_back(folder + ": " + std::string(kScoreBias) + " is ignored, as Hugging Face's " +
                      family.architectures.score + " ignores it: all scores shift by the same number");
  Buffer<float> values = stored.read(Layout(config), family, {}, {family.tensors.head, kScoreBias});
  return assemble(folder, std::move(config), std::move(values), std::move(remarks));
}

// A fresh head on a language model's backbone, whatever heads are stored beside that.
Model load_with_fresh_score(const std::string& folder, ModelConfig config, std::uint64_t seed) {
  const Family& family = family_of(config.family);
  config.head = HeadKind::kScore;
  const Layout layout(config);
  Buffer<float> values =
      StoredWeights(folder, family).read(layout, family, kScoreName, {family.tensors.head, kScoreName, kScoreBias});
  initialise_score(config, layout, seed, values.data());
  return assemble(folder, std::move(config), std::move(values), {});
}

}  // namespace

Model load_model(const std::string& folder, HeadKind head, Dtype dtype, Bases* bases) {
  const ProfileScope scope(Part::kLoading);
  const auto check_head = [&](HeadKind stored, const char* where) {
    if (stored != head)
      bad_input(folder + where + " says that this is " + head_name(stored) + ", not " + head_name(head),
                advice_on_head(folder, head));
  };
  if (holds_adapter(folder)) {
    check_head(read_adapter_config(folder).head, "/adapter_config.json: \"task_type\"");
    Bases own;
    return load_adapter(folder, dtype, bases != nullptr ? *bases : own);
  }
  ModelConfig config = read_config(folder);
  config.dtype = dtype;
  check_head(config.head, "/config.json: \"architectures\"");
  return head == HeadKind::kLanguage ? load_language_model(folder, std::move(config))
                                     : load_stored_score_model(folder, std::move(config));
}

std::optional<HeadKind> head_of(const std::string& folder) {
  try {
    return holds_adapter(folder) ? read_adapter_config(folder).head : read_config(folder).head;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void set_pad(Model& model) {
  if (model.config().pad >= 0) return;
  ModelConfig padded = model.config();
  padded.pad = model.tokenizer.pad_id() >= 0 ? model.tokenizer.pad_id() : model.end();
  model.transformer = std::move(model.transformer).with(std::move(padded));
}

Model load_as_score_model(const std::string& folder, std::uint64_t seed, Dtype dtype, Bases* bases) {
  const ProfileScope scope(Part::kLoading);
  if (holds_adapter(folder)) return load_model(folder, HeadKind::kScore, dtype, bases);
  ModelConfig config = read_config(folder);
  config.dtype = dtype;
  Model model = config.head == HeadKind::kScore ? load_stored_score_model(folder, std::move(config))
                                                : load_with_fresh_score(folder, std::move(config), seed);
  set_pad(model);
  return model;
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

namespace {

// As it was read, but that a reward model's tokenizer pads with the model's pad. Not with a token of texts, which would
// become a special one.
std::string tokenizer_config(const Model& model) {
  const Tokenizer& tokenizer = model.tokenizer;
  const std::string& config = tokenizer.config_json();
  const std::int32_t pad = model.config().pad;
  if (model.config().head == HeadKind::kLanguage || tokenizer.pad_id() >= 0) return config;
  if (pad < 0 || !tokenizer.is_special(pad)) return config;
  return with_member(config.empty() ? "{}" : config, "pad_token", json_quote(tokenizer.token_bytes(pad)));
}

}  // namespace

void save_model(const Model& model, const std::string& folder, const Storage& storage) {
  if (model.transformer.adapter() != nullptr) save_adapter(model.transformer, folder);
  else save_weights(model.transformer, folder, storage);
  write_file(folder + "/tokenizer.json", model.tokenizer.json());
  if (const std::string config = tokenizer_config(model); !config.empty())
    write_file(folder + "/tokenizer_config.json", config);
  for (const auto& [name, text] : model.tokenizer.template_files()) {
    std::filesystem::create_directories(std::filesystem::path(folder + "/" + name).parent_path());
    write_file(folder + "/" + name, text);
  }
  for (const auto& [name, text] : model.tokenizer.older_files()) write_file(folder + "/" + name, text);
  if (!model.generation_config.empty()) write_file(folder + "/generation_config.json", model.generation_config);
}

std::string model_digest(const Transformer& transformer) {
  const ProfileScope scope(Part::kLoading, 0, 4.0 * transformer.trained().size);
  Digest digest;
  digest.text(transformer.config().mathematics());
  if (const AdapterConfig* adapter = transformer.adapter())
    digest.text(adapter->base_digest).text(adapter->mathematics());
  for (const TensorInfo& t : transformer.trained().tensors) {
    if (!is_own(transformer.config(), t)) continue;
    digest.text(t.name);
    for (std::int64_t s : t.shape) digest.number(s);
    digest.bytes(transformer.trained_values() + t.offset, static_cast<std::size_t>(t.size) * sizeof(float));
  }
  return digest.hex();
}

}  // namespace nudge
