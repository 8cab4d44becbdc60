// Model folders: round trips, what a digest names, and every way in which a folder can be wrong.
#include "lib/model/folder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>

#include "lib/base/error.h"
#include "lib/io/files.h"
#include "lib/io/safetensors.h"
#include "tests/model/folder_tools.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("a model that is saved and loaded has the same bits, digest and configuration") {
  for (bool tied : {true, false}) {
    const Model model = small(tied);
    const Model again = load_model(saved(model), HeadKind::kLanguage);
    CHECK(same_values(again.transformer, model.transformer));
    CHECK(model_digest(again.transformer) == model_digest(model.transformer));
    CHECK(again.config().json() == model.config().json());
    CHECK(again.config().tied == tied);
    CHECK(again.tokenizer.digest() == model.tokenizer.digest());
    CHECK(again.eos == model.eos);
  }
}
TEST_CASE("a score model that is saved and loaded keeps its head, mean and standard deviation") {
  Model model = small(true, HeadKind::kScore);
  model.transformer.set_reward_scale(0.1, 2.5);
  const Model again = load_model(saved(model), HeadKind::kScore);
  CHECK(same_values(again.transformer, model.transformer));
  CHECK(again.config().reward_mean == 0.1);
  CHECK(again.config().reward_std == 2.5);
  CHECK(model_digest(again.transformer) == model_digest(model.transformer));
}
TEST_CASE("saving twice gives the same bytes") {
  const Model model = small();
  const std::string a = saved(model), b = saved(load_model(a, HeadKind::kLanguage));
  for (const auto& entry : std::filesystem::directory_iterator(a)) {
    const std::string name = entry.path().filename().string();
    CHECK(read_file(a + "/" + name) == read_file(b + "/" + name));
  }
}
TEST_CASE("a value head on a language model's backbone is no part of its folder or digest") {
  const Model plain = small();
  ModelConfig config = plain.config();
  config.shared_value = true;
  const Layout layout(config);
  Buffer<float> values = random_values(layout, 9, 1);
  for (const TensorInfo& t : plain.transformer.layout().tensors)
    std::copy_n(plain.transformer.values() + t.offset, t.size, values.data() + layout.find(t.name)->offset);
  const Transformer shared(config, std::move(values));
  CHECK(model_digest(shared) == model_digest(plain.transformer));
  const std::string folder = saved(plain), other = fresh_folder();
  save_weights(shared, other);
  CHECK(read_file(other + "/model.safetensors") == read_file(folder + "/model.safetensors"));
  CHECK(read_file(other + "/config.json") == read_file(folder + "/config.json"));
}

TEST_CASE("the digest changes with the last bit of any tensor") {
  Model model = small(false);
  const std::string before = model_digest(model.transformer);
  for (const TensorInfo& t : model.transformer.layout().tensors) {
    float& last = model.transformer.change()[t.offset + t.size - 1];
    const float kept = last;
    last = std::bit_cast<float>(std::bit_cast<std::uint32_t>(last) ^ 1u);
    INFO(t.name);
    CHECK(model_digest(model.transformer) != before);
    last = kept;
  }
  CHECK(model_digest(model.transformer) == before);
}
TEST_CASE("the digest changes with every key that changes mathematics, and with no other") {
  const auto digest = [](const auto& change, HeadKind head = HeadKind::kLanguage) {
    ModelConfig c = shape_of(2, 2, 6, 10, 30, 16);
    c.head = head;
    change(c);
    const Layout layout(c);
    return model_digest(Transformer(c, Buffer<float>(layout.size)));
  };
  const std::string before = digest([](ModelConfig&) {});
  CHECK(digest([](ModelConfig& c) { c.norm_eps = 1e-6; }) != before);
  CHECK(digest([](ModelConfig& c) { c.activation = Activation::kGeluErf; }) != before);
  CHECK(digest([](ModelConfig& c) { c.heads = 3; }) != before);
  CHECK(digest([](ModelConfig& c) { c.layers = 1; }) != before);
  CHECK(digest([](ModelConfig& c) { c.feed_forward = 11; }) != before);
  CHECK(digest([](ModelConfig& c) { c.context = 17; }) != before);
  CHECK(digest([](ModelConfig& c) { c.vocab = 31; }) != before);
  CHECK(digest([](ModelConfig& c) { c.tied = false; }) != before);
  CHECK(digest([](ModelConfig& c) { c.head = HeadKind::kScore; }) != before);
  CHECK(digest([](ModelConfig& c) { c.eos = 3, c.bos = 4, c.pad = 5; }) == before);
  CHECK(digest([](ModelConfig& c) { c.reward_mean = 1; }) == before);
  const std::string score = digest([](ModelConfig&) {}, HeadKind::kScore);
  CHECK(digest([](ModelConfig& c) { c.reward_mean = 1; }, HeadKind::kScore) != score);
  CHECK(digest([](ModelConfig& c) { c.reward_std = 2; }, HeadKind::kScore) != score);
}
TEST_CASE("the digest does not change with the file's layout or the spelling of names") {
  const Model model = small();
  const std::string folder = saved(model);
  auto tensors = stored(model.transformer);
  std::reverse(tensors.begin(), tensors.end());
  for (auto& t : tensors) t.name = t.name.substr(std::string("transformer.").size());
  replace_weights(folder, tensors);
  const Model again = load_model(folder, HeadKind::kLanguage);
  CHECK(same_values(again.transformer, model.transformer));
  CHECK(model_digest(again.transformer) == model_digest(model.transformer));
}

TEST_CASE("masks and a stored copy of a tied head are ignored") {
  const Model model = small();
  const std::string folder = saved(model);
  auto tensors = stored(model.transformer);
  tensors.push_back({"transformer.h.0.attn.bias", "U8", {1, 1, 4, 4}, std::string(16, '\1')});
  tensors.push_back({"h.1.attn.masked_bias", "F32", {}, float_bytes(std::vector<float>{-1e4f})});
  StoredTensor head = tensors.front();
  for (const StoredTensor& t : tensors) head = t.name == "transformer.wte.weight" ? t : head;
  head.name = "lm_head.weight";
  tensors.push_back(head);
  replace_weights(folder, tensors);
  const Model again = load_model(folder, HeadKind::kLanguage);
  CHECK(same_values(again.transformer, model.transformer));
  CHECK(again.remarks.empty());
}
TEST_CASE(
    "a stored head that differs from the embedding is used, said and written on, whatever the configuration ties") {
  const Model untied = small(false);
  const std::string folder = saved(untied), path = folder + "/config.json";
  std::string config = read_file(path);
  config.replace(config.find("\"tie_word_embeddings\": false"), 28, "\"tie_word_embeddings\": true");
  replace_file(path, config);
  const Model again = load_model(folder, HeadKind::kLanguage);
  CHECK(same_values(again.transformer, untied.transformer));
  CHECK(model_digest(again.transformer) == model_digest(untied.transformer));
  REQUIRE(again.remarks.size() == 1);
  CHECK(again.remarks[0] == path +
                                ": \"tie_word_embeddings\" is true, but lm_head.weight is stored and differs from the "
                                "embedding: it is used, and written with \"tie_word_embeddings\" false");
  const Model written = load_model(saved(again), HeadKind::kLanguage);
  CHECK(written.remarks.empty());
  CHECK(same_values(written.transformer, untied.transformer));
  CHECK(load_as_score_model(folder, 1).remarks.empty());  // which has no such head
}
TEST_CASE("a tied model of which only the head is stored has that as its embedding") {
  const Model model = small();
  const std::string folder = saved(model);
  auto tensors = stored(model.transformer);
  for (StoredTensor& t : tensors)
    if (t.name == "transformer.wte.weight") t.name = "lm_head.weight";
  replace_weights(folder, tensors);
  CHECK(same_values(load_model(folder, HeadKind::kLanguage).transformer, model.transformer));
}
TEST_CASE("ids that the vocabulary doesn't have are never sampled, and not in the way") {
  const Model model = small();
  const std::string folder = saved(model), path = folder + "/config.json";
  std::string config = read_file(path);
  const std::size_t at = config.find("\"bos_token_id\": 256");
  config.replace(at, 19, "\"bos_token_id\": 50256, \"pad_token_id\": -1");
  config.replace(config.find("\"eos_token_id\": 256"), 19, "\"eos_token_id\": [50256, 7]");
  replace_file(path, config);
  const Model again = load_model(folder, HeadKind::kLanguage);
  CHECK(again.config().bos == -1);
  CHECK(again.config().pad == -1);
  CHECK(again.eos == std::vector<std::int32_t>{7});
}
TEST_CASE("a head of its own is read where embeddings are not tied") {
  const Model model = small(false);
  const Model again = load_model(saved(model), HeadKind::kLanguage);
  CHECK(again.transformer.layout().unembedding != again.transformer.layout().embedding);
  const std::string folder = saved(model);
  auto tensors = stored(model.transformer);
  std::erase_if(tensors, [](const StoredTensor& t) { return t.name == "lm_head.weight"; });
  replace_weights(folder, tensors);
  CHECK(error_of(folder) == folder + "/model.safetensors: tensor lm_head.weight is missing");
}

TEST_CASE("weights stored in bfloat16 are read exactly") {
  const Model model = small();
  const std::string folder = saved(model);
  std::vector<StoredTensor> tensors = stored(model.transformer);
  std::vector<float> expected(static_cast<std::size_t>(model.transformer.layout().size));
  for (StoredTensor& t : tensors) {  // the upper half of each float, cut off
    const TensorInfo& info = *model.transformer.layout().find(t.name);
    t.dtype = "BF16", t.bytes.clear();
    for (std::int64_t i = info.offset; i < info.offset + info.size; ++i) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(model.transformer.values()[i]) & 0xffff0000u;
      expected[static_cast<std::size_t>(i)] = std::bit_cast<float>(bits);
      t.bytes += {static_cast<char>(bits >> 16), static_cast<char>(bits >> 24)};
    }
  }
  replace_weights(folder, tensors);
  const Model again = load_model(folder, HeadKind::kLanguage);
  CHECK(std::memcmp(again.transformer.values(), expected.data(), expected.size() * sizeof(float)) == 0);
}
TEST_CASE("weights stored in half precision are read exactly") {
  const Model model = small();
  const std::string folder = saved(model);
  std::vector<StoredTensor> tensors = stored(model.transformer);
  // -1.5 is 0xbe00, 2^-24 (subnormal) 0x0001, 65504 (the greatest) 0x7bff, -0 0x8000.
  const std::pair<std::uint16_t, float> numbers[] = {
      {0xbe00, -1.5f}, {0x0001, 0x1p-24f}, {0x7bff, 65504.0f}, {0x8000, -0.0f}};
  for (StoredTensor& t : tensors) {
    t.dtype = "F16", t.bytes.clear();
    for (std::int64_t i = 0; i < model.transformer.layout().find(t.name)->size; ++i)
      t.bytes += {static_cast<char>(numbers[i % 4].first), static_cast<char>(numbers[i % 4].first >> 8)};
  }
  replace_weights(folder, tensors);
  const Model again = load_model(folder, HeadKind::kLanguage);
  for (const TensorInfo& t : again.transformer.layout().tensors)
    for (std::int64_t i = 0; i < t.size; ++i)
      REQUIRE(std::bit_cast<std::uint32_t>(again.transformer.values()[t.offset + i]) ==
              std::bit_cast<std::uint32_t>(numbers[i % 4].second));
}

TEST_CASE("a missing tensor is named") {
  const Model model = small();
  for (const std::string name :
       {"transformer.wte.weight", "transformer.h.1.mlp.c_proj.bias", "transformer.ln_f.bias"}) {
    const std::string folder = saved(model);
    auto tensors = stored(model.transformer);
    std::erase_if(tensors, [&](const StoredTensor& t) { return t.name == name; });
    replace_weights(folder, tensors);
    CHECK(error_of(folder) == folder + "/model.safetensors: tensor " + name + " is missing");
  }
}
TEST_CASE("a tensor without a place in the model is named") {
  const Model model = small();
  for (const std::string name : {"transformer.h.2.ln_1.weight", "score.weight", "extra"}) {
    const std::string folder = saved(model);
    auto tensors = stored(model.transformer);
    tensors.push_back({name, "F32", {1}, float_bytes(std::vector<float>{1})});
    replace_weights(folder, tensors);
    CHECK(error_of(folder) == folder + "/model.safetensors: tensor " + name + " does not belong to this model");
  }
}
TEST_CASE("a tensor that is there with and without prefix is named") {
  const Model model = small();
  const std::string folder = saved(model);
  auto tensors = stored(model.transformer);
  tensors.push_back({"ln_f.bias", "F32", {12}, std::string(48, '\0')});
  replace_weights(folder, tensors);
  CHECK(error_of(folder) == folder + "/model.safetensors: tensor transformer.ln_f.bias appears twice");
}
TEST_CASE("a tensor of another shape is named with both shapes") {
  const Model model = small();
  const std::string folder = saved(model);
  auto tensors = stored(model.transformer);
  for (auto& t : tensors)
    if (t.name == "transformer.h.0.attn.c_attn.weight") t.shape = {36, 12};
  replace_weights(folder, tensors);
  CHECK(error_of(folder) ==
        folder + "/model.safetensors: tensor transformer.h.0.attn.c_attn.weight has shape [36, 12], not [12, 36]");
}
TEST_CASE("a head of the other kind is refused, both ways") {
  const std::string language = saved(small()), score = saved(small(true, HeadKind::kScore));
  CHECK(error_of(language, HeadKind::kScore) ==
        language + "/config.json: \"architectures\" says that this is a language model, not a reward model");
  CHECK(error_of(score) ==
        score + "/config.json: \"architectures\" says that this is a reward model, not a language model");
}
TEST_CASE("a tokenizer with more tokens than the vocabulary is refused, one with fewer is not") {
  const Model model = small();
  for (std::int64_t vocab : {256, 260}) {
    ModelConfig c = model.config();
    c.vocab = vocab, c.eos = c.bos = 1;
    const Layout layout(c);
    const std::string folder = saved(model);
    std::filesystem::remove(folder + "/config.json");
    std::filesystem::remove(folder + "/model.safetensors");
    save_weights(Transformer(c, random_values(layout, 1, 1)), folder);
    CHECK(error_of(folder) ==
          (vocab > 257 ? "nothing thrown" : folder + "/tokenizer.json: has 257 tokens, the model only 256"));
  }
}

TEST_CASE("files that are missing are no input") {
  const auto status = [](const std::string& folder) {
    try {
      load_model(folder, HeadKind::kLanguage);
    } catch (const Error& e) {
      return e.status();
    }
    return Exit::kDone;
  };
  CHECK(status(scratch_folder() + "/nowhere") == Exit::kNoInput);
  CHECK(error_of(scratch_folder() + "/nowhere") == scratch_folder() + "/nowhere: no such model folder");
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
    const std::string folder = saved(small());
    std::filesystem::remove(folder + "/" + name);
    CHECK(status(folder) == Exit::kNoInput);
    CHECK(error_of(folder).find(name) != std::string::npos);
  }
  const std::string folder = saved(small());
  std::filesystem::remove(folder + "/tokenizer_config.json");
  CHECK(status(folder) == Exit::kDone);
}
TEST_CASE("a folder is written in shards, as BF16 or F16, and read back") {
  const Model model = small(false);
  const auto rewritten = [&](const Storage& storage) {
    const std::string path = fresh_folder();
    save_model(model, path, storage);
    return path;
  };
  const auto names = [](const std::string& folder) {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string name = entry.path().filename();
      if (name.starts_with("model")) out.push_back(name);
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  using Names = std::vector<std::string>;
  const std::string one = rewritten({});
  CHECK(names(one) == Names{"model.safetensors"});
  std::int64_t bytes = 0;
  for (const TensorInfo& t : model.transformer.layout().tensors) bytes += t.size * 4;
  CHECK(names(rewritten({.shard_bytes = bytes})) == Names{"model.safetensors"});
  const std::string two = rewritten({.shard_bytes = bytes - 1});
  CHECK(names(two) ==
        Names{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"});
  CHECK(same_values(load_model(two, HeadKind::kLanguage).transformer, model.transformer));
  const std::string index = read_file(two + "/model.safetensors.index.json");
  CHECK(index.find("\"total_size\": " + std::to_string(bytes)) != std::string::npos);
  CHECK(index.find("\"transformer.wte.weight\": \"model-00002-of-00002.safetensors\"") != std::string::npos);
  // A tensor larger than the bound has a shard of its own, and none is empty.
  const std::string each = rewritten({.shard_bytes = 1});
  CHECK(names(each).size() == model.transformer.layout().tensors.size() + 1);
  CHECK(same_values(load_model(each, HeadKind::kLanguage).transformer, model.transformer));

  for (const StoredDtype dtype : {StoredDtype::kBf16, StoredDtype::kF16}) {
    const std::string torch = dtype == StoredDtype::kBf16 ? "bfloat16" : "float16";
    const int bits = dtype == StoredDtype::kBf16 ? 8 : 11;
    INFO(torch);
    const std::string folder = rewritten({.dtype = dtype, .shard_bytes = bytes / 2});
    CHECK(names(folder).size() == 1);  // the bound is one of what is stored
    CHECK(read_file(folder + "/config.json").find("\"torch_dtype\": \"" + torch) != std::string::npos);
    const Model back = load_model(folder, HeadKind::kLanguage);
    for (std::int64_t i = 0; i < model.transformer.layout().size; ++i) {
      const double x = model.transformer.values()[i], y = back.transformer.values()[i];
      CHECK(std::abs(x - y) <= std::max(std::ldexp(std::abs(x), -bits), 0x1p-25));
    }
    const std::string again = fresh_folder();  // what was rounded once stays
    save_model(back, again, {.dtype = dtype});
    CHECK(same_values(load_model(again, HeadKind::kLanguage).transformer, back.transformer));
  }
}
TEST_CASE("a model is not written over another") {
  const std::string folder = saved(small());
  CHECK_THROWS_AS(save_model(small(), folder), Error);
}

TEST_CASE("ending tokens are the generation's configuration's, one or several, else the configuration's") {
  const Model model = small();
  const auto eos = [&](const std::string& text) {
    const std::string folder = saved(model);
    if (!text.empty()) replace_file(folder + "/generation_config.json", text);
    return load_model(folder, HeadKind::kLanguage).eos;
  };
  CHECK(eos("") == std::vector<std::int32_t>{256});
  CHECK(eos("{}") == std::vector<std::int32_t>{256});
  CHECK(eos(R"({"eos_token_id":null})") == std::vector<std::int32_t>{256});
  CHECK(eos(R"({"eos_token_id":7})") == std::vector<std::int32_t>{7});
  CHECK(eos(R"({"eos_token_id":[7,256,0]})") == std::vector<std::int32_t>{7, 256, 0});
  CHECK(eos(R"({"eos_token_id":[7,257,-1]})") == std::vector<std::int32_t>{7});
  CHECK(eos(R"({"eos_token_id":50256})").empty());
  const std::string folder = saved(model);
  replace_file(folder + "/generation_config.json", R"({"eos_token_id":7,"x":1})");
  const Model again = load_model(folder, HeadKind::kLanguage);
  CHECK(again.ends(7));
  CHECK_FALSE(again.ends(256));
  CHECK(read_file(saved(again) + "/generation_config.json") == R"({"eos_token_id":7,"x":1})");
}
TEST_CASE("of a generation's configuration the last of equal keys holds, and what nobody uses may be any number") {
  const std::string folder = saved(small());
  const auto ends = [&](const std::string& text) {
    replace_file(folder + "/generation_config.json", text);
    return load_model(folder, HeadKind::kLanguage).eos;
  };
  using Tokens = std::vector<std::int32_t>;
  CHECK(ends(R"({"eos_token_id":7,"eos_token_id":[8,9]})") == Tokens{8, 9});
  const Tokens of_config = ends("{}");
  CHECK(ends(R"({"eos_token_id":7,"eos_token_id":null})") == of_config);
  CHECK(ends(R"({"a":NaN,"b":[-Infinity,1e999],"c":1000000000000000019884624838656,"eos_token_id":7})") == Tokens{7});
}
TEST_CASE("a generation's configuration that is wrong is named") {
  for (const auto& [text, cause] :
       {std::pair{"{\"eos_token_id\":0.5}", "\"eos_token_id\" is not a token id"},
        std::pair{"{\"eos_token_id\":[1,\"a\"]}", "\"eos_token_id\" is not a token id"},
        std::pair{"{\"eos_token_id\":1e999}", "\"eos_token_id\" is not a token id"},
        std::pair{"{\"eos_token_id\":[NaN]}", "\"eos_token_id\" is not a token id"},
        std::pair{"{\"eos_token_id\":7,\"eos_token_id\":36893488147419103232}", "\"eos_token_id\" is not a token id"},
        std::pair{"[]", "the file is not an object"}, std::pair{"{", "not JSON: "}}) {
    const std::string folder = saved(small());
    write_file(folder + "/generation_config.json", text);
    CHECK(error_of(folder).starts_with(folder + "/generation_config.json: " + cause));
  }
}
