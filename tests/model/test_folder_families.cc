// Folders of the families after GPT-2: round trips, the hub's spellings, shards, and what is wrong with them.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

#include "lib/base/error.h"
#include "lib/io/files.h"
#include "lib/io/safetensors.h"
#include "lib/model/folder.h"
#include "tests/model/folder_tools.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

constexpr const char* kFamilies[] = {"llama", "mistral", "qwen2",       "qwen3",   "gpt_neox", "olmo2", "opt",
                                     "gemma", "gemma2",  "gemma3_text", "granite", "smollm3",  "phi3",  "gpt_neo"};

Model small_of(const std::string& family, bool tied = false, HeadKind head = HeadKind::kLanguage) {
  Model base = tiny_model(1, 5, {2, 24, 4, 20});
  const bool neox = family == "gpt_neox";
  const bool plain = *family_of(family).keys.kv_heads == 0;  // heads of C / H, each with its own keys
  ModelConfig c = family_shape(family, base.config(), plain ? 0 : 2, plain ? 0 : 10, neox ? 4 : 10);
  c.tied = tied, c.head = head, c.eos = base.config().eos;
  const Layout layout(c);
  return Model{Transformer(c, random_values(layout, 5, 1)), std::move(base.tokenizer), "", {c.eos}};
}

// A folder in three shards, tensor i in shard i modulo 3, and an index that may be changed before it is written.
struct Sharded {
  explicit Sharded(const Model& model) : folder(saved(model)) {
    std::filesystem::remove(folder + "/model.safetensors");
    for (const StoredTensor& t : stored(model.transformer)) {
      const std::size_t shard = index.size() % 3;
      shards[shard].push_back(t);
      index[t.name] = file(shard);
    }
  }
  static std::string file(std::size_t shard) {
    return "model-0000" + std::to_string(shard + 1) + "-of-00003.safetensors";
  }
  std::string path() const { return folder + "/model.safetensors.index.json"; }
  void write() const {
    for (std::size_t s = 0; s < 3; ++s) replace_file(folder + "/" + file(s), safetensors_text(shards[s]));
    std::string map;
    for (const auto& [name, shard] : index) map += (map.empty() ? "\"" : ",\"") + name + "\":\"" + shard + '"';
    replace_file(path(), "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + map + "}}");
  }
  std::string folder;
  std::vector<StoredTensor> shards[3];
  std::map<std::string, std::string> index;
};

}  // namespace

TEST_CASE("a model of every family that is saved and loaded has the same bits, digest and configuration") {
  for (const char* family : kFamilies) {
    for (bool tied : {false, true}) {
      const Model model = small_of(family, tied), again = load_model(saved(model), HeadKind::kLanguage);
      CHECK(same_values(again.transformer, model.transformer));
      CHECK(model_digest(again.transformer) == model_digest(model.transformer));
      CHECK(again.config().json() == model.config().json());
      CHECK(again.config().family == family);
    }
    Model score = small_of(family, false, HeadKind::kScore);
    score.transformer.set_reward_scale(0.5, 3);
    const std::string folder = saved(score);
    const Model again = load_model(folder, HeadKind::kScore);
    CHECK(same_values(again.transformer, score.transformer));
    CHECK((again.config().reward_mean == 0.5 && again.config().reward_std == 3));
    const SafetensorsFile file(folder + "/model.safetensors");
    CHECK(file.at("score.weight").shape == std::vector<std::int64_t>{1, 24});
  }
}
TEST_CASE("what is written has the family's usual names and layout") {
  const auto names = [](const char* family) {
    const Model model = small_of(family);
    const SafetensorsFile file(saved(model) + "/model.safetensors");
    std::map<std::string, std::vector<std::int64_t>> all;
    for (const auto& t : file.tensors()) {
      if (t.name.find(".1.") == std::string::npos) all[t.name] = t.shape;
    }
    return all;
  };
  const std::int64_t V = 257;
  using Shapes = std::map<std::string, std::vector<std::int64_t>>;
  const Shapes llama{{"lm_head.weight", {V, 24}},
                     {"model.embed_tokens.weight", {V, 24}},
                     {"model.norm.weight", {24}},
                     {"model.layers.0.input_layernorm.weight", {24}},
                     {"model.layers.0.post_attention_layernorm.weight", {24}},
                     {"model.layers.0.self_attn.q_proj.weight", {40, 24}},
                     {"model.layers.0.self_attn.k_proj.weight", {20, 24}},
                     {"model.layers.0.self_attn.v_proj.weight", {20, 24}},
                     {"model.layers.0.self_attn.o_proj.weight", {24, 40}},
                     {"model.layers.0.mlp.gate_proj.weight", {96, 24}},
                     {"model.layers.0.mlp.up_proj.weight", {96, 24}},
                     {"model.layers.0.mlp.down_proj.weight", {24, 96}}};
  CHECK(names("llama") == llama);
  CHECK(names("mistral") == llama);
  CHECK(names("gemma") == llama);
  CHECK(names("smollm3") == llama);
  Shapes qwen2 = llama, qwen3 = llama;
  qwen2["model.layers.0.self_attn.q_proj.bias"] = {40};
  qwen2["model.layers.0.self_attn.k_proj.bias"] = qwen2["model.layers.0.self_attn.v_proj.bias"] = {20};
  CHECK(names("qwen2") == qwen2);
  qwen3["model.layers.0.self_attn.q_norm.weight"] = qwen3["model.layers.0.self_attn.k_norm.weight"] = {10};
  CHECK(names("qwen3") == qwen3);
  Shapes gemma2 = llama;
  for (const char* norm : {"pre_feedforward_layernorm", "post_feedforward_layernorm"})
    gemma2["model.layers.0." + std::string(norm) + ".weight"] = {24};
  CHECK(names("gemma2") == gemma2);
  gemma2.merge(Shapes(qwen3));
  CHECK(names("gemma3_text") == gemma2);
  Shapes olmo2 = llama;
  olmo2.erase("model.layers.0.input_layernorm.weight");
  olmo2["model.layers.0.post_feedforward_layernorm.weight"] = {24};
  olmo2["model.layers.0.self_attn.q_norm.weight"] = {40};
  olmo2["model.layers.0.self_attn.k_norm.weight"] = {20};
  CHECK(names("olmo2") == olmo2);
  CHECK(names("gpt_neox") == Shapes{{"embed_out.weight", {V, 24}},
                                    {"gpt_neox.embed_in.weight", {V, 24}},
                                    {"gpt_neox.final_layer_norm.weight", {24}},
                                    {"gpt_neox.final_layer_norm.bias", {24}},
                                    {"gpt_neox.layers.0.input_layernorm.weight", {24}},
                                    {"gpt_neox.layers.0.input_layernorm.bias", {24}},
                                    {"gpt_neox.layers.0.post_attention_layernorm.weight", {24}},
                                    {"gpt_neox.layers.0.post_attention_layernorm.bias", {24}},
                                    {"gpt_neox.layers.0.attention.query_key_value.weight", {72, 24}},
                                    {"gpt_neox.layers.0.attention.query_key_value.bias", {72}},
                                    {"gpt_neox.layers.0.attention.dense.weight", {24, 24}},
                                    {"gpt_neox.layers.0.attention.dense.bias", {24}},
                                    {"gpt_neox.layers.0.mlp.dense_h_to_4h.weight", {96, 24}},
                                    {"gpt_neox.layers.0.mlp.dense_h_to_4h.bias", {96}},
                                    {"gpt_neox.layers.0.mlp.dense_4h_to_h.weight", {24, 96}},
                                    {"gpt_neox.layers.0.mlp.dense_4h_to_h.bias", {24}}});
}
TEST_CASE("names without prefix, masks, rotary tables and a copy of a tied head are read as the hub has them") {
  for (const char* family : kFamilies) {
    const Model model = small_of(family, true);
    const std::string folder = saved(model), prefix = family_of(family).tensors.prefix;
    auto tensors = stored(model.transformer);
    for (auto& t : tensors) t.name = t.name.substr(prefix.size());
    const bool neox = std::string(family) == "gpt_neox";
    const std::string block = neox ? "layers.0.attention." : "layers.0.self_attn.";
    if (family_of(family).block.positions == PositionKind::kRotary)
      tensors.push_back({block + "rotary_emb.inv_freq", "F32", {2}, float_bytes(std::vector<float>{1, 2})});
    if (neox) {
      tensors.push_back({block + "bias", "BOOL", {1, 1, 4, 4}, std::string(16, '\1')});
      tensors.push_back({prefix + block + "masked_bias", "F32", {}, float_bytes(std::vector<float>{-1e9f})});
    }
    for (const StoredTensor& t : std::vector(tensors))
      if (t.name.starts_with("embed_"))
        tensors.push_back({neox ? "embed_out.weight" : "lm_head.weight", t.dtype, t.shape, t.bytes});
    replace_weights(folder, tensors);
    CHECK(same_values(load_model(folder, HeadKind::kLanguage).transformer, model.transformer));
  }
}
TEST_CASE("tensors that are missing, extra or misshapen are named, in every family") {
  for (const char* family : kFamilies) {
    const Model model = small_of(family);
    const std::vector<StoredTensor> whole = stored(model.transformer);
    const std::string folder = saved(model), file = folder + "/model.safetensors: tensor ";
    for (const StoredTensor& t : whole) {
      auto tensors = whole;
      std::erase_if(tensors, [&](const StoredTensor& u) { return u.name == t.name; });
      replace_weights(folder, tensors);
      CHECK(error_of(folder) == file + t.name + " is missing");
      for (auto& u : tensors = whole)
        if (u.name == t.name) u.shape.push_back(1);
      replace_weights(folder, tensors);
      CHECK(error_of(folder).find(file + t.name + " has shape [") == 0);
    }
    const std::string block = std::string(family_of(family).tensors.prefix) + "layers.";
    for (const std::string& name : {block + "2.input_layernorm.weight", block + "0.mlp.extra.bias",
                                    std::string("backbone.wpe.weight"), std::string("score.weight")}) {
      auto tensors = whole;
      tensors.push_back({name, "F32", {1}, std::string(4, '\0')});
      replace_weights(folder, tensors);
      CHECK(error_of(folder) == file + name + " does not belong to this model");
    }
  }
}
TEST_CASE("a configuration that promises more than the file holds takes no memory") {
  const Model model = small_of("llama");
  const std::string folder = saved(model);
  ModelConfig c = model.config();
  c.vocab = std::int64_t{1} << 31, c.feed_forward = 1 << 20;
  replace_file(folder + "/config.json", c.json());
  CHECK(error_of(folder).find(" has shape [") != std::string::npos);
}
TEST_CASE("a language model of every family becomes a score model with its backbone") {
  for (const char* family : kFamilies) {
    const Model language = small_of(family), score = load_as_score_model(saved(language), 3);
    CHECK(score.config().head == HeadKind::kScore);
    for (const TensorInfo& t : score.transformer.layout().tensors) {
      if (t.name == "score.weight") continue;
      const float* want = language.transformer.values() + language.transformer.layout().find(t.name)->offset;
      CHECK(std::memcmp(score.transformer.values() + t.offset, want, static_cast<std::size_t>(t.size) * 4) == 0);
    }
  }
}
TEST_CASE("several ending tokens of a configuration are honoured and kept") {
  Model model = small_of("llama");
  ModelConfig several = model.config();
  several.eos = 9, several.more_eos = {8, 7};
  model.transformer = std::move(model.transformer).with(several);
  const Model again = load_model(saved(model), HeadKind::kLanguage);
  CHECK(again.eos == std::vector<std::int32_t>{9, 8, 7});
  CHECK((again.ends(9) && again.ends(7) && !again.ends(256)));
  CHECK(load_model(saved(again), HeadKind::kLanguage).eos == again.eos);
}

TEST_CASE("shards are read as one file is, and written as one") {
  for (const char* family : kFamilies) {
    const Model model = small_of(family);
    Sharded s(model);
    s.write();
    const Model again = load_model(s.folder, HeadKind::kLanguage);
    CHECK(same_values(again.transformer, model.transformer));
    CHECK(model_digest(again.transformer) == model_digest(model.transformer));
    const std::string folder = saved(again);
    CHECK(std::filesystem::exists(folder + "/model.safetensors"));
    CHECK_FALSE(std::filesystem::exists(folder + "/model.safetensors.index.json"));
    CHECK(same_values(load_as_score_model(s.folder, 1).transformer, load_as_score_model(folder, 1).transformer));
  }
}
TEST_CASE("one file goes before shards, and neither is no input") {
  const Model model = small_of("llama"), other = [] {
    Model m = small_of("llama");
    m.transformer.change()[0] += 1;
    return m;
  }();
  Sharded s(other);
  s.write();
  replace_weights(s.folder, stored(model.transformer));
  CHECK(same_values(load_model(s.folder, HeadKind::kLanguage).transformer, model.transformer));
  std::filesystem::remove(s.folder + "/model.safetensors");
  std::filesystem::remove(s.path());
  CHECK(error_of(s.folder).find(s.folder + "/model.safetensors") == 0);
}
TEST_CASE("an index that is no JSON, has no map or maps to no text is refused") {
  Sharded s(small_of("llama"));
  s.write();
  const auto refusal = [&](const std::string& text) {
    replace_file(s.path(), text);
    const std::string message = error_of(s.folder);
    CHECK(message.find(s.path() + ": ") == 0);
    return message.substr(s.path().size() + 2);
  };
  CHECK(refusal("{").find("not JSON") == 0);
  CHECK(refusal("[]") == "the index is not an object");
  CHECK(refusal("{}") == "the index has no weight_map");
  CHECK(refusal("{\"weight_map\":[]}") == "weight_map is not an object");
  CHECK(refusal("{\"weight_map\":{\"a\":1}}") == "the shard of tensor a is not a string");
  CHECK(refusal("{\"weight_map\":{\"a\":1e999}}") == "the shard of tensor a is not a string");
  CHECK(refusal("{\"weight_map\":1e999}") == "weight_map is not an object");
  CHECK(refusal("{\"weight_map\":{},\"weight_map\":null}") == "the index has no weight_map");
}
TEST_CASE("an index that names files outside the folder is refused") {
  for (const char* outside :
       {"../model.safetensors", "/etc/passwd", "a/b.safetensors", "..", ".", "", ".hidden", "a\\\\b", "a\\u0000b"}) {
    Sharded s(small_of("llama"));
    s.index["model.norm.weight"] = outside;
    s.write();
    CHECK(error_of(s.folder).find(", which is not a file beside the index") != std::string::npos);
    CHECK(error_of(s.folder).find(s.path() + ": maps tensor model.norm.weight to \"") == 0);
  }
}
TEST_CASE("shards that are missing or contradict the index are refused by name") {
  const std::string name = "model.norm.weight";
  const auto number_of = [&](const Sharded& s) {
    std::size_t n = 0;
    while (Sharded::file(n) != s.index.at(name)) ++n;
    return n;
  };
  {
    Sharded s(small_of("llama"));
    s.write();
    std::filesystem::remove(s.folder + "/" + Sharded::file(1));
    CHECK(error_of(s.folder) == s.path() + ": shard " + Sharded::file(1) + " is missing");
  }
  {
    Sharded s(small_of("llama"));  // a tensor in two shards
    const std::size_t n = number_of(s);
    for (const StoredTensor& t : s.shards[n])
      if (t.name == name) s.shards[(n + 1) % 3].push_back(t);
    s.write();
    const std::string message = error_of(s.folder);
    CHECK(message.find(s.path() + ": tensor " + name + " is in shard ") == 0);
  }
  {
    Sharded s(small_of("llama"));  // in another shard than the index says
    const std::size_t n = number_of(s);
    s.index[name] = Sharded::file((n + 1) % 3);
    s.write();
    CHECK(error_of(s.folder) == s.path() + ": tensor " + name + " is in shard " + Sharded::file(n) + ", not in " +
                                    Sharded::file((n + 1) % 3) + " as the index says");
  }
  {
    Sharded s(small_of("llama"));  // in a shard, but not in the index
    const std::size_t n = number_of(s);
    s.index.erase(name);
    s.write();
    CHECK(error_of(s.folder) ==
          s.path() + ": tensor " + name + " is in shard " + Sharded::file(n) + ", but not in the index");
  }
  {
    Sharded s(small_of("llama"));  // in the index, but in no shard
    s.index["extra"] = Sharded::file(0);
    s.write();
    CHECK(error_of(s.folder) == s.path() + ": tensor extra is missing in shard " + Sharded::file(0));
  }
  {
    Sharded s(small_of("llama"));  // neither in a shard nor in the index
    const std::size_t n = number_of(s);
    s.index.erase(name);
    std::erase_if(s.shards[n], [&](const StoredTensor& t) { return t.name == name; });
    s.write();
    CHECK(error_of(s.folder) == s.path() + ": tensor " + name + " is missing");
  }
  {
    Sharded s(small_of("llama"));  // a shard that breaks the format
    s.write();
    replace_file(s.folder + "/" + Sharded::file(2), "123");
    CHECK(error_of(s.folder).find(s.folder + "/" + Sharded::file(2) + ": is shorter than the 8 bytes") == 0);
  }
}
TEST_CASE("masks in shards need no entry in the index") {
  const Model model = small_of("gpt_neox");
  Sharded s(model);
  s.shards[1].push_back({"gpt_neox.layers.0.attention.bias", "BOOL", {4}, std::string(4, '\1')});
  s.index["gpt_neox.layers.1.attention.masked_bias"] = Sharded::file(0);
  s.write();
  CHECK(same_values(load_model(s.folder, HeadKind::kLanguage).transformer, model.transformer));
}
TEST_CASE("norms of a new model weigh by 1, in whichever form") {
  for (const char* family : {"llama", "olmo2"}) {
    for (bool offset : {false, true}) {
      ModelConfig c = small_of(family).config();
      c.norm_offset = offset;
      const Layout layout(c);
      const Buffer<float> values = initial_parameters(c, layout, 3);
      for (const TensorInfo& t : layout.tensors) {
        if (!t.name.ends_with("norm.weight")) continue;
        for (std::int64_t i = 0; i < t.size; ++i) CHECK(values[t.offset + i] == (offset ? 0.0f : 1.0f));
      }
    }
  }
}
