// Adapters that PEFT wrote, against what PEFT makes of them in float64.
#include <set>

#include "tests/model/folder_tools.h"
#include "tests/model/golden_adapter.h"

using namespace nudge;
using namespace nudge::test;

namespace {

constexpr double kAdapterLimit = 1e-5;

// Log-probs of the tokens behind the prompt.
std::vector<double> answer_logprobs(const Transformer& model, const std::vector<std::int32_t>& prompt,
                                    const std::vector<std::int32_t>& answer) {
  std::vector<std::int32_t> tokens = prompt;
  tokens.insert(tokens.end(), answer.begin(), answer.end());
  Batch batch;
  batch.add(tokens);
  Trace trace;
  model.forward(batch, trace);
  const std::int64_t V = model.config().vocab;
  std::vector<float> logits(tokens.size() * static_cast<std::size_t>(V));
  model.logits(trace.final.data(), batch.size(), logits.data());
  std::vector<double> logprobs;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    RowStats stats;
    const std::size_t row = prompt.size() + i - 1;
    kernels().row_stats(logits.data() + row * static_cast<std::size_t>(V), V, 1, answer[i], &stats);
    logprobs.push_back(double(stats.logprob));
  }
  return logprobs;
}

double end_score(const Transformer& model, const std::vector<std::int32_t>& prompt,
                 const std::vector<std::int32_t>& answer) {
  std::vector<std::int32_t> tokens = prompt;
  tokens.insert(tokens.end(), answer.begin(), answer.end());
  Batch batch;
  batch.add(tokens);
  Trace trace;
  model.forward(batch, trace);
  float score;
  const std::int64_t last = batch.size() - 1;
  model.scores(trace.final.data(), {&last, 1}, &score);
  return double(score);
}

void check_outputs(const GoldenAdapter& golden, const Transformer& model, double limit) {
  std::size_t n = 0;
  for (auto sample : golden.json["samples"]) {
    const auto prompt = ids(sample["prompt_ids"]);
    if (golden.head == HeadKind::kScore) {
      const simdjson::dom::element want = golden.json["scores"].at(n++);
      CHECK(std::abs(end_score(model, prompt, ids(sample["chosen_ids"])) - double(want.at(0))) <= limit);
      CHECK(std::abs(end_score(model, prompt, ids(sample["rejected_ids"])) - double(want.at(1))) <= limit);
      continue;
    }
    const auto got = answer_logprobs(model, prompt, ids(sample["chosen_ids"]));
    for (std::size_t i = 0; i < got.size(); ++i) {
      INFO("token " << i);
      CHECK(std::abs(got[i] - double(sample["logprobs"].at(i))) <= limit);
    }
    ++n;
  }
  CHECK(n == 5);
}

std::vector<StoredTensor> stored_adapter(const Transformer& t) {
  std::vector<StoredTensor> all;
  for (const TensorInfo& i : t.trained().tensors)
    all.push_back(
        {i.name, "F32", i.shape, float_bytes({t.trained_values() + i.offset, static_cast<std::size_t>(i.size)})});
  return all;
}

// A folder with the configuration of an adapter of the goldens, changed in one place, and other tensors.
std::string adapter_folder(const char* name, const std::vector<StoredTensor>& tensors, const std::string& from = "",
                           const std::string& to = "") {
  const std::string golden = std::string("tests/goldens/model/adapters/") + name, folder = fresh_folder();
  std::string config = read_file(golden + "/adapter_config.json");
  if (!from.empty()) {
    REQUIRE(config.find(from) != std::string::npos);
    config.replace(config.find(from), from.size(), to);
  }
  const std::size_t base = config.find("../../dev");
  config.replace(base, 5, "tests/goldens/model");
  write_file(folder + "/adapter_config.json", config);
  write_file(folder + "/adapter_model.safetensors", safetensors_text(tensors));
  return folder;
}

}  // namespace

TEST_CASE("log-probs and scores under an adapter are PEFT's") {
  for_each_adapter([](const GoldenAdapter& golden) {
    Model model = golden.load();
    model.transformer.pack();
    check_outputs(golden, model.transformer, kAdapterLimit);
  });
}

TEST_CASE("a merged adapter has PEFT's matrices and log-probs") {
  for_each_adapter([](const GoldenAdapter& golden) {
    const Model model = golden.load();
    Transformer whole = merged(model.transformer);
    const SafetensorsFile want(golden.folder + "/merged.safetensors");
    std::set<std::string> changed;
    for (const TensorInfo& t : whole.layout().tensors) {
      const float* values = whole.values() + t.offset;
      const TensorInfo* before = model.transformer.layout().find(t.name);
      if (before != nullptr &&
          std::memcmp(values, model.transformer.values() + before->offset, static_cast<std::size_t>(t.size) * 4) != 0)
        changed.insert(t.name);
      // Rounded once, as the numbers in the file are.
      if (want.find(t.name) != nullptr)
        CHECK(worst(Golden::read(want, t.name).data(), values, std::size_t(t.size)) <= 1e-7);
    }
    std::set<std::string> names;
    for (const SafetensorsFile::Tensor& t : want.tensors()) names.insert(t.name);
    CHECK(changed == names);
    whole.pack();
    check_outputs(golden, whole, kAdapterLimit);
  });
}

TEST_CASE("an adapter that was read is written as PEFT's file has it") {
  for_each_adapter([](const GoldenAdapter& golden) {
    const Model model = golden.load();
    const std::string folder = fresh_folder();
    save_adapter(model.transformer, folder);
    const SafetensorsFile ours(folder + "/adapter_model.safetensors");
    const SafetensorsFile theirs(golden.folder + "/adapter_model.safetensors");
    REQUIRE(ours.tensors().size() == theirs.tensors().size());
    for (const SafetensorsFile::Tensor& t : theirs.tensors()) {
      CHECK(ours.at(t.name).shape == t.shape);
      CHECK(Golden::read(ours, t.name) == Golden::read(theirs, t.name));
    }
    const AdapterConfig a = read_adapter_config(folder), b = read_adapter_config(golden.folder);
    CHECK(a.mathematics() == b.mathematics());
    CHECK(a.base == b.base);
  });
}

TEST_CASE("a pattern of names comes to the modules that the file has adapters of, and a name of none is passed over") {
  const Model pattern = GoldenAdapter("llama-pattern").load(), list = GoldenAdapter("qwen2-bf16").load();
  CHECK(pattern.transformer.adapter()->targets ==
        std::vector<std::string>{"model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj",
                                 "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"});
  CHECK(list.transformer.adapter()->targets ==
        std::vector<std::string>{"k_proj", "model.layers.1.mlp.down_proj", "o_proj"});
}

TEST_CASE("an adapter's file has the tensors that its configuration describes, and no others") {
  const Model model = GoldenAdapter("gpt2-all-linear").load();
  const std::vector<StoredTensor> all = stored_adapter(model.transformer);
  const char* name = "gpt2-all-linear";
  CHECK(error_of(adapter_folder(name, all)) == "nothing thrown");

  std::vector<StoredTensor> fewer = all;
  fewer.erase(fewer.begin() + 1);
  CHECK(error_of(adapter_folder(name, fewer)).ends_with("\"" + all[1].name + "\" is missing"));
  CHECK(error_of(adapter_folder(name, {})).ends_with("has no tensor of a low-rank adapter (....lora_A.weight)"));

  CHECK(error_of(adapter_folder(name, all, "\"r\": 2", "\"r\": 3")).find("differs in shape") != std::string::npos);
  CHECK(
      error_of(adapter_folder(name, all, "\"transformer.h.0.attn.c_proj\",", "")).find("transformer.h.0.attn.c_proj") !=
      std::string::npos);

  std::vector<StoredTensor> more = all;
  more.push_back({"base_model.model.transformer.wte.weight", "F32", {2}, float_bytes(std::vector<float>{1, 2})});
  CHECK(error_of(adapter_folder(name, more)).find("tensor base_model.model.transformer.wte.weight is not one of") !=
        std::string::npos);

  // The head of a language model is a linear layer of PEFT's, not of the blocks.
  std::vector<StoredTensor> head = all;
  for (const char* end : {"A", "B"})
    head.push_back({std::string("base_model.model.lm_head.lora_") + end + ".weight",
                    "F32",
                    {1},
                    float_bytes(std::vector<float>{1})});
  CHECK(error_of(adapter_folder(name, head, "\"transformer.h.0.attn.c_proj\"",
                                "\"lm_head\", \"transformer.h.0.attn.c_proj\""))
            .find("no linear layer of a gpt2 block is called \"lm_head\"") != std::string::npos);
}
