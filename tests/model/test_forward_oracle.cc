// The forward against float64 results of an independent implementation.
#include "lib/model/transformer.h"

#include "tests/model/golden.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Forwarded {
  Trace trace{true};
  std::vector<float> logits;
};

void forward(const Model& model, const std::vector<std::int32_t>& tokens, Forwarded& out) {
  Batch batch;
  batch.add(tokens);
  model.transformer.forward(batch, out.trace);
  out.logits.resize(tokens.size() * static_cast<std::size_t>(model.config().vocab));
  model.transformer.logits(out.trace.final.data(), batch.size(), out.logits.data());
}

std::vector<std::int32_t> whole(simdjson::dom::element sample, const char* answer) {
  auto tokens = ids(sample["prompt_ids"]);
  for (std::int32_t id : ids(sample[answer])) tokens.push_back(id);
  return tokens;
}

std::vector<RowStats> next_stats(const std::vector<float>& logits, const std::vector<std::int32_t>& tokens, float t) {
  const std::size_t V = logits.size() / tokens.size();
  std::vector<RowStats> stats(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i)
    kernels().row_stats(logits.data() + i * V, static_cast<std::int64_t>(V), t,
                        i + 1 < tokens.size() ? tokens[i + 1] : -1, &stats[i]);
  return stats;
}

void check_layout(const std::string& folder) {
  CAPTURE(folder);
  Model model = load_model(folder, HeadKind::kLanguage);
  model.transformer.pack();
  simdjson::dom::parser parser;
  const simdjson::dom::element e = parser.parse(simdjson::padded_string(read_file(folder + "/ids.json")));
  simdjson::dom::element list = e;
  if (e.is_object()) list = (*simdjson::dom::object(e).begin()).value;
  Forwarded f;
  forward(model, ids(list), f);
  const SafetensorsFile file(folder + "/golden_logits.safetensors");
  CHECK(worst(f.logits, Golden::read(file, file.tensors().front().name)) <= 1.5e-4);
}

}  // namespace

TEST_CASE("states, logits, log-probs and entropies are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/policy", HeadKind::kLanguage);
    model.transformer.pack();
    const double limit = golden.tolerance("logits_max_abs");
    int n = 0;
    for (auto sample : golden.json["samples"]) {
      const std::string i = std::to_string(n++);
      const auto tokens = whole(sample, "chosen_ids");
      Forwarded f;
      forward(model, tokens, f);
      CHECK(worst(f.logits, golden.tensor("logits." + i)) <= limit);
      const auto final = golden.tensor("final_hidden." + i);
      CHECK(worst(f.trace.final.data(), final.data(), final.size()) <= limit);
      const auto entropy = golden.tensor("entropy." + i);
      for (const auto& [t, name] : {std::pair{1.0f, "next_logprob."}, std::pair{0.7f, "next_logprob_T0.7."}}) {
        const auto stats = next_stats(f.logits, tokens, t);
        const auto expected = golden.tensor(name + i);
        for (std::size_t k = 0; k < expected.size(); ++k)
          CHECK(std::abs(double(stats[k].logprob) - double(expected[k])) <= limit / double(t));
        if (t == 1.0f)
          for (std::size_t k = 0; k < entropy.size(); ++k)
            CHECK(std::abs(double(stats[k].entropy) - double(entropy[k])) <= limit);
      }
    }
    CHECK(n == 5);
  });
}

TEST_CASE("the residual stream after each block is the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/policy", HeadKind::kLanguage);
    model.transformer.pack();
    Forwarded f;
    forward(model, whole(golden.json["samples"].at(0), "chosen_ids"), f);
    const double limit = golden.tolerance("logits_max_abs");
    for (std::size_t l = 0; l < 2; ++l) {
      const auto expected = golden.tensor("hidden." + std::to_string(l));
      CHECK(worst(f.trace.in[l].data(), expected.data(), expected.size()) <= limit);
    }
  });
}

TEST_CASE("a long sequence and one of a single token are right") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/policy", HeadKind::kLanguage);
    model.transformer.pack();
    Forwarded f;
    const auto tokens = ids(golden.json["long_ids"]);
    // GPT-2's are as long as its context, whose last position has an embedding of its own.
    REQUIRE((family != "gpt2" || static_cast<std::int64_t>(tokens.size()) == model.config().context));
    forward(model, tokens, f);
    const double limit = golden.tolerance("long_logits_max_abs");
    const auto last = golden.tensor("long.last_logits");
    CHECK(worst(f.logits.data() + f.logits.size() - last.size(), last.data(), last.size()) <= limit);
    const auto stats = next_stats(f.logits, tokens, 1);
    const auto expected = golden.tensor("long.next_logprob");
    for (std::size_t k = 0; k < expected.size(); ++k)
      CHECK(std::abs(double(stats[k].logprob) - double(expected[k])) <= limit);
    forward(model, ids(golden.json["one_ids"]), f);
    CHECK(worst(f.logits, golden.tensor("one.logits")) <= golden.tolerance("logits_max_abs"));
  });
}

TEST_CASE("files as the hub has them give the oracle's logits") {
  // Without prefix and with masks; bfloat16; shards; masks, tables and a rank-0 tensor; a copy of a tied head.
  for (const std::string& goldens : golden_folders())
    for (const char* layout : {"gpt2-hub", "llama-bf16", "llama-sharded", "neox-pythia", "qwen2-explicit-head"})
      check_layout(goldens + "/model/layouts/" + layout);
}

TEST_CASE("greedy decoding chooses the oracle's tokens") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/policy", HeadKind::kLanguage);
    model.transformer.pack();
    for (auto sample : golden.json["samples"]) {
      auto tokens = ids(sample["prompt_ids"]);
      const auto expected = ids(sample["greedy_ids"]);
      Buffer<float> weights;
      for (std::int32_t want : expected) {
        Forwarded f;
        forward(model, tokens, f);
        const auto V = model.config().vocab;
        const float* last = f.logits.data() + f.logits.size() - static_cast<std::size_t>(V);
        tokens.push_back(static_cast<std::int32_t>(std::max_element(last, last + V) - last));
        CHECK(tokens.back() == want);
      }
    }
  });
}

TEST_CASE("reward models score the oracle's answers") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model rm = load_model(golden.folder + "/rm", HeadKind::kScore);
    rm.transformer.pack();
    std::size_t n = 0;
    for (auto sample : golden.json["samples"]) {
      for (const auto& [answer, key] : {std::pair{"chosen_ids", "chosen"}, std::pair{"rejected_ids", "rejected"}}) {
        Batch batch;
        batch.add(whole(sample, answer));
        Trace trace;
        rm.transformer.forward(batch, trace);
        float score;
        const std::int64_t last = batch.size() - 1;
        rm.transformer.scores(trace.final.data(), {&last, 1}, &score);
        CHECK(std::abs(double(score) - double(golden.json["bt"][key].at(n))) <= golden.tolerance("logits_max_abs"));
      }
      ++n;
    }
  });
}
