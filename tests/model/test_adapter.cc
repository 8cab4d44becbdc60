// Models that are an adapter on a base: merged and unmerged, the base's memory, folders.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "lib/base/error.h"
#include "lib/io/files.h"
#include "lib/model/adapter_folder.h"
#include "tests/model/folder_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::vector<float> logits_of_model(const Transformer& model, const std::vector<std::int32_t>& tokens) {
  Batch batch;
  batch.add(tokens);
  Trace trace;
  model.forward(batch, trace);
  std::vector<float> logits(static_cast<std::size_t>(batch.size() * model.config().vocab));
  model.logits(trace.final.data(), batch.size(), logits.data());
  return logits;
}

// The greatest difference of a log-prob, of any token at any position, in nats.
double apart(const Transformer& a, const Transformer& b, const std::vector<std::int32_t>& tokens) {
  const auto V = static_cast<std::size_t>(a.config().vocab);
  const auto logprobs = [&](const Transformer& model) {
    const std::vector<float> logits = logits_of_model(model, tokens);
    std::vector<double> all(logits.begin(), logits.end());
    for (std::size_t row = 0; row < all.size(); row += V) {
      double sum = 0;
      for (std::size_t v = 0; v < V; ++v) sum += std::exp(all[row + v]);
      for (std::size_t v = 0; v < V; ++v) all[row + v] -= std::log(sum);
    }
    return all;
  };
  const std::vector<double> x = logprobs(a), y = logprobs(b);
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(x[i] - y[i]));
  return most;
}

struct Adapted {
  ModelConfig config;
  AdapterConfig adapter;
};

// GPT-2's [in, out] matrices, some of a bundle, a fused one of parallel branches.
std::vector<Adapted> kinds() {
  ModelConfig sizes = shape_of(3, 4, 16, 96, 211, 80);
  sizes.tied = false;
  AdapterConfig stabilized = adapter_of(6, 5, {"q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"});
  stabilized.rank_stabilized = true;
  return {
      {sizes, adapter_of(4, 8, {"c_attn", "c_fc", "c_proj"})},
      {family_shape("llama", sizes, 2, 16, 16), stabilized},
      {family_shape("gpt_neox", sizes, 0, 16, 4), adapter_of(5, 10, {"query_key_value", "dense", "dense_4h_to_h"})}};
}

// Of logits whose deviation is about 1; the adapter's products are about a fifth of the base's.
Transformer model_of(const Adapted& kind, double scale = 0.3) {
  return random_adapted(random_transformer(kind.config, 91, 0.9), kind.config, kind.adapter, 92, scale);
}

// A base's folder and an adapter's beside it, that names it "../BASE".
struct Folders {
  std::string base, adapter;
};
Folders folders(HeadKind head = HeadKind::kLanguage) {
  Folders f{saved(small()), fresh_folder()};
  Bases bases;
  AdapterConfig config = adapter_of(2, 4, {"c_attn", "c_fc"}, head);
  config.base = "../" + std::filesystem::path(f.base).filename().string();
  Model model = with_files(new_adapter(bases.at(f.base, Dtype::kF32), config, 7), f.base);
  const Buffer<float> values = random_values(model.transformer.trained(), 8, 1);
  std::copy_n(values.data(), values.size(), model.transformer.change());
  if (head == HeadKind::kScore) model.transformer.set_reward_scale(0.25, 1.5), set_pad(model);
  save_model(model, f.adapter);
  return f;
}

// The tensors of an adapter's file, to be changed and written again.
void rewrite(const std::string& folder, const std::function<void(std::vector<StoredTensor>&)>& change) {
  const std::string path = folder + "/adapter_model.safetensors";
  std::vector<StoredTensor> tensors;
  {
    const SafetensorsFile file(path);
    for (const auto& t : file.tensors()) {
      std::vector<float> values(static_cast<std::size_t>(t.elements()));
      file.read_f32(t.name, values.data());
      tensors.push_back({t.name, "F32", t.shape, float_bytes(values)});
    }
  }
  change(tensors);
  replace_file(path, safetensors_text(tensors));
}

}  // namespace

TEST_CASE("a merged adapter has the log-probs of the base with its adapter") {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBf16})
    for (const Adapted& kind : kinds()) {
      Transformer model = model_of(kind);
      ModelConfig config = model.config();
      config.dtype = dtype;
      model = std::move(model).with(config);
      model.pack();
      Transformer whole = merged(model);
      whole.pack();
      CHECK(whole.adapter() == nullptr);
      CHECK(whole.config().dtype == dtype);
      const auto tokens = random_tokens(70, config.vocab, 93);
      const double by = apart(model, whole, tokens);
      INFO(kind.config.family << " in " << std::string(name_of(dtype)) << ": " << by);
      CHECK(by < (dtype == Dtype::kBf16 ? 3e-2 : 1e-4));
      CHECK(by > 0);  // each has its own roundings
      CHECK(apart(model, model.without_adapter(), tokens) > 0.1);
    }
}
TEST_CASE("a new adapter begins as its base") {
  for (const Adapted& kind : kinds()) {
    CAPTURE(kind.config.family);
    Transformer base = random_transformer(kind.config, 91, 0.9);
    ModelConfig config = base.config();
    Transformer fresh(base, config, kind.adapter, initial_adapter(config, Layout(config, kind.adapter), 3));
    fresh.pack();
    const auto tokens = random_tokens(50, kind.config.vocab, 94);
    CHECK(logits_of_model(fresh, tokens) == logits_of_model(base, tokens));
  }
}
TEST_CASE("of a new adapter A is uniform in 1/sqrt(in) on either side of 0, B is 0, and the seed decides") {
  const ModelConfig c = shape_of(2, 4, 25, 400, 31, 9);
  const AdapterConfig adapter = adapter_of(8, 16, {"c_attn", "c_fc", "mlp.c_proj"});
  const Layout layout(c, adapter);
  const Buffer<float> values = initial_adapter(c, layout, 5), other = initial_adapter(c, layout, 6);
  for (const TensorInfo& t : layout.tensors) {
    const bool is_a = t.name.ends_with("lora_A.weight");
    double sum = 0, squares = 0, most = 0;
    for (std::int64_t i = 0; i < t.size; ++i) {
      const double x = double(values[t.offset + i]) * std::sqrt(double(t.shape[1]));
      sum += x, squares += x * x, most = std::max(most, std::abs(x));
    }
    const auto n = static_cast<double>(t.size);
    CAPTURE(t.name);
    if (!is_a) {
      CHECK(squares == 0);
      continue;
    }
    CHECK(most <= 1 + 1e-6);
    CHECK(most > 0.98);
    CHECK(std::abs(sum / n) < 4 / std::sqrt(3 * n));                  // of variance 1/3
    CHECK(std::abs(squares / n - 1.0 / 3) < 4 * 0.3 / std::sqrt(n));  // x^2 has deviation 0.298
    CHECK(std::memcmp(values.data() + t.offset, other.data() + t.offset, static_cast<std::size_t>(t.size) * 4) != 0);
  }
}
TEST_CASE("models on one base share its memory, and have the bits of models that don't") {
  for (const Adapted& kind : kinds()) {
    CAPTURE(kind.config.family);
    const Transformer base = random_transformer(kind.config, 91, 0.9);
    const Transformer first = random_adapted(base, kind.config, kind.adapter, 92, 0.3),
                      second = random_adapted(first, kind.config, kind.adapter, 95, 0.6),
                      reference = second.without_adapter(), alone = model_of(kind);
    for (const Transformer* t : {&first, &second, &reference}) CHECK(t->values() == base.values());
    CHECK(alone.values() != base.values());
    CHECK(first.copy().values() == base.values());
    CHECK(first.copy().trained_values() != first.trained_values());
    const auto tokens = random_tokens(40, kind.config.vocab, 96);
    CHECK(logits_of_model(first, tokens) == logits_of_model(alone, tokens));
    CHECK(logits_of_model(second, tokens) != logits_of_model(alone, tokens));
    CHECK(logits_of_model(reference, tokens) == logits_of_model(random_transformer(kind.config, 91, 0.9), tokens));
  }
}
TEST_CASE("an adapter's folder is read as it was written, on a base that all share") {
  const Folders f = folders();
  Bases bases;
  const Model a = load_model(f.adapter, HeadKind::kLanguage, Dtype::kF32, &bases),
              b = load_model(f.adapter, HeadKind::kLanguage, Dtype::kF32, &bases),
              c = bases.read_only(f.base, Dtype::kF32);
  CHECK(bases.has_adapters());
  CHECK(a.transformer.values() == b.transformer.values());
  CHECK(a.transformer.values() == c.transformer.values());
  const Buffer<float> values = random_values(a.transformer.trained(), 8, 1);
  for (const TensorInfo& t : a.transformer.trained().tensors)
    CHECK(std::memcmp(a.transformer.trained_values() + t.offset, values.data() + t.offset,
                      static_cast<std::size_t>(t.size) * sizeof(float)) == 0);
  const AdapterConfig& config = *a.transformer.adapter();
  CHECK(config.rank == 2);
  CHECK(config.alpha == 4);
  CHECK(config.targets == std::vector<std::string>{"c_attn", "c_fc"});
  CHECK(config.base == "../" + std::filesystem::path(f.base).filename().string());
  CHECK(config.base_digest == model_digest(c.transformer));
  CHECK(a.tokenizer.digest() == c.tokenizer.digest());
  CHECK(model_digest(a.transformer) == model_digest(load_model(f.adapter, HeadKind::kLanguage).transformer));
  CHECK(model_digest(a.transformer) != model_digest(c.transformer));
}
TEST_CASE("a reward model's adapter keeps its head, its pad and the rewards' mean and deviation") {
  const Folders f = folders(HeadKind::kScore);
  const Model model = load_model(f.adapter, HeadKind::kScore);
  CHECK(model.config().head == HeadKind::kScore);
  CHECK(model.config().reward_mean == 0.25);
  CHECK(model.config().reward_std == 1.5);
  CHECK(model.config().pad == 256);
  CHECK(read_file(f.adapter + "/adapter_config.json").find("\"SEQ_CLS\"") != std::string::npos);
  CHECK(SafetensorsFile(f.adapter + "/adapter_model.safetensors").find("base_model.model.score.weight") != nullptr);
  CHECK(error_of(f.adapter) == f.adapter +
                                   "/adapter_config.json: \"task_type\" says that this is a reward model, not a "
                                   "language model");
}
TEST_CASE("a digest depends on the base, on the numbers, and on the scale") {
  const Adapted kind = kinds()[0];
  const auto digest = [&](std::uint64_t base, std::uint64_t seed, double alpha) {
    const Transformer b = random_transformer(kind.config, base, 0.9);
    AdapterConfig adapter = kind.adapter;
    adapter.alpha = alpha, adapter.base_digest = model_digest(b);
    return model_digest(random_adapted(b, kind.config, adapter, seed, 0.6));
  };
  CHECK(digest(1, 2, 8) == digest(1, 2, 8));
  CHECK(digest(1, 2, 8) != digest(3, 2, 8));
  CHECK(digest(1, 2, 8) != digest(1, 3, 8));
  CHECK(digest(1, 2, 8) != digest(1, 2, 9));
}
TEST_CASE("the base has to be the one that the adapter was made on") {
  const Folders f = folders();
  save_weights(small(false).transformer, fresh_folder(), {});
  Model other = small();
  other.transformer.change()[0] += 1;
  std::filesystem::remove_all(f.base);
  std::filesystem::create_directories(f.base);
  save_model(other, f.base);
  CHECK(error_of(f.adapter) == f.adapter + ": was made on another base than " + f.base);
}
TEST_CASE("a base that is not there is named, with where it was looked for") {
  const Folders f = folders();
  const std::string name = "../" + std::filesystem::path(f.base).filename().string();
  std::filesystem::remove_all(f.base);
  CHECK(error_of(f.adapter) == f.adapter + ": its base " + name + " is not here, nor " + f.base);
  Bases told("/nowhere/base");
  CHECK(message_of([&] { load_model(f.adapter, HeadKind::kLanguage, Dtype::kF32, &told); }) ==
        "--base /nowhere/base: no such model folder");
}
TEST_CASE("an adapter is no base, nor is a reward model") {
  const Folders f = folders();
  Bases adapter(f.adapter), reward(saved(small(true, HeadKind::kScore)));
  const auto load_on = [&](Bases& bases) {
    return message_of([&] { load_model(f.adapter, HeadKind::kLanguage, Dtype::kF32, &bases); });
  };
  CHECK(load_on(adapter) == f.adapter + ": is an adapter, where a base is needed");
  CHECK(load_on(reward).find("says that this is a reward model, not a language model") != std::string::npos);
}
TEST_CASE("a critic's base is looked for from its policy's folder") {
  const Folders f = folders(HeadKind::kScore), policy = folders();
  std::filesystem::create_directories(policy.adapter + "/critic");
  for (const char* file : {"/adapter_config.json", "/adapter_model.safetensors", "/tokenizer.json"})
    std::filesystem::copy_file(f.adapter + file, policy.adapter + "/critic" + file);
  CHECK(load_model(policy.adapter + "/critic", HeadKind::kScore).config().reward_std == 1.5);
}
TEST_CASE("a tokenizer beside an adapter is optional: else it is the base's") {
  const Folders f = folders();
  const std::string own = load_model(f.adapter, HeadKind::kLanguage).tokenizer.digest();
  for (const char* file : {"/tokenizer.json", "/tokenizer_config.json"}) std::filesystem::remove(f.adapter + file);
  CHECK(load_model(f.adapter, HeadKind::kLanguage).tokenizer.digest() == own);
}
TEST_CASE("a config.json beside an adapter says nothing") {
  const Folders f = folders();
  write_file(f.adapter + "/config.json", "{}");
  CHECK(load_model(f.adapter, HeadKind::kLanguage).transformer.adapter() != nullptr);
}
TEST_CASE("tensors of an adapter that are missing, misshapen or unknown are named") {
  const std::string c_fc = "base_model.model.transformer.h.1.mlp.c_fc.lora_B.weight";
  const auto message = [&](const std::function<void(std::vector<StoredTensor>&)>& change) {
    const std::string folder = folders().adapter;
    rewrite(folder, change);
    std::string text = error_of(folder);
    const std::string path = folder + "/adapter_model.safetensors";
    return text.starts_with(path) ? text.substr(path.size()) : text;
  };
  const auto at = [&](std::vector<StoredTensor>& tensors) {
    return std::find_if(tensors.begin(), tensors.end(), [&](const StoredTensor& t) { return t.name == c_fc; });
  };
  CHECK(message([](auto&) {}) == "nothing thrown");
  CHECK(message([&](auto& all) { all.erase(at(all)); }) == ": tensor \"" + c_fc + "\" is missing");
  CHECK(message([&](auto& all) { std::swap(at(all)->shape[0], at(all)->shape[1]); }) ==
        ": tensor " + c_fc + " differs in shape from what adapter_config.json describes");
  CHECK(message([&](auto& all) {
          all.push_back({"base_model.model.transformer.h.0.attn.c_proj.lora_A.weight", "F32", {1}, std::string(4, 0)});
        }) ==
        ": tensor base_model.model.transformer.h.0.attn.c_proj.lora_A.weight is not one of the adapter that "
        "adapter_config.json describes");
}
TEST_CASE("an adapter in bf16 is read exactly, one in a pickle is refused") {
  const Folders f = folders();
  rewrite(f.adapter, [](auto& all) {
    for (StoredTensor& t : all) {
      std::string halves;
      for (std::size_t i = 0; i < t.bytes.size(); i += 4) halves += t.bytes.substr(i + 2, 2);  // cut, not rounded
      t.dtype = "BF16", t.bytes = halves;
    }
  });
  const Model model = load_model(f.adapter, HeadKind::kLanguage);
  const Buffer<float> values = random_values(model.transformer.trained(), 8, 1);
  for (const TensorInfo& t : model.transformer.trained().tensors)
    for (std::int64_t i = t.offset; i < t.offset + t.size; ++i) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, values.data() + i, 4);
      bits &= 0xffff0000;
      if (std::memcmp(&bits, model.transformer.trained_values() + i, 4) != 0) FAIL(t.name);
    }
  std::filesystem::rename(f.adapter + "/adapter_model.safetensors", f.adapter + "/adapter_model.bin");
  CHECK(error_of(f.adapter).find("/adapter_model.bin: is a PyTorch pickle, which can run code and is not read") !=
        std::string::npos);
}
TEST_CASE("a target that no matrix has for its name is refused, with those that there are") {
  const ModelConfig c = family_shape("llama", shape_of(1, 2, 8, 20, 31, 9), 1, 8, 8);
  CHECK(linear_layers(c) ==
        std::vector<std::string>{"down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"});
  CHECK(attention_layers(c) == std::vector<std::string>{"k_proj", "o_proj", "q_proj", "v_proj"});
  CHECK(linear_layers(shape_of(1, 2, 8, 20, 31, 9)) ==
        std::vector<std::string>{"attn.c_proj", "c_attn", "c_fc", "mlp.c_proj"});
  try {
    const Layout layout(c, adapter_of(2, 4, {"q_proj", "c_attn"}));
    FAIL("nothing thrown");
  } catch (const Error& e) {
    CHECK(e.what() == std::string("no linear layer of a llama block is called \"c_attn\""));
    CHECK(e.advice() == "there are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj");
  }
}
