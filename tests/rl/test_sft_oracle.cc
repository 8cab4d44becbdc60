// Supervised fine-tuning against float64 results of an independent implementation.
#include "lib/rl/sft.h"

#include "tests/model/golden.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::vector<SftExample> golden_examples(const Golden& golden, bool on_all) {
  std::vector<SftExample> examples;
  for (auto sample : golden.json["samples"]) {
    SftExample e;
    e.tokens = ids(sample["prompt_ids"]);
    const std::int64_t prompt = std::ssize(e.tokens);
    for (std::int32_t id : ids(sample["chosen_ids"])) e.tokens.push_back(id);
    e.learnt = {{on_all ? 1 : prompt, std::ssize(e.tokens)}};
    examples.push_back(std::move(e));
  }
  return examples;
}

std::vector<const SftExample*> all_of(const std::vector<SftExample>& examples) {
  std::vector<const SftExample*> all;
  for (const SftExample& e : examples) all.push_back(&e);
  return all;
}

AdamOptions golden_adam(const Golden& golden) {
  const simdjson::dom::element hyper = golden.json["adam"]["hyper"];
  AdamOptions adam;
  adam.beta1 = double(hyper["betas"].at(0));
  adam.beta2 = double(hyper["betas"].at(1));
  adam.eps = double(hyper["eps"]);
  adam.weight_decay = double(hyper["weight_decay"]);
  adam.max_norm = double(hyper["max_norm"]);
  return adam;
}

}  // namespace

TEST_CASE("the mean loss of the completions' tokens is the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/policy", HeadKind::kLanguage);
    SftTrainer trainer(model, {}, 4096);
    const SftStatistics f = trainer.evaluate(golden_examples(golden, false));
    CHECK(f.tokens == std::int64_t(golden.json["sft"]["tokens"]));
    CHECK(std::abs(f.loss - double(golden.json["sft"]["loss"])) <= golden.tolerance("loss_curve_max_abs"));
  });
}

TEST_CASE("the mean loss of all tokens but the first of each sequence is the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/policy", HeadKind::kLanguage);
    SftTrainer trainer(model, {}, 4096);
    const SftStatistics f = trainer.evaluate(golden_examples(golden, true));
    CHECK(std::abs(f.loss - double(golden.json["sft"]["loss_all"])) <= golden.tolerance("loss_curve_max_abs"));
  });
}

TEST_CASE("every gradient of supervised fine-tuning is the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/policy", HeadKind::kLanguage);
    SftTrainer trainer(model, {}, 4096);
    const auto examples = golden_examples(golden, false);
    const SftStatistics f = trainer.accumulate(all_of(examples));
    CHECK(std::abs(f.loss - double(golden.json["sft"]["loss"])) <= golden.tolerance("loss_curve_max_abs"));
    CHECK(f.tokens == std::int64_t(golden.json["sft"]["tokens"]));
    check_gradient(golden, model.transformer.layout(), trainer.gradient(), "grad.sft.safetensors");
    check_gradient_norms(golden, model.transformer.layout(), trainer.gradient(), golden.json["sft"]["grad"]);
  });
}

TEST_CASE("twenty clipped AdamW steps go down the oracle's curve of losses and norms") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/policy", HeadKind::kLanguage);
    SftTrainer trainer(model, golden_adam(golden), 4096);
    const auto examples = golden_examples(golden, false);
    const float rate = static_cast<float>(double(golden.json["adam"]["hyper"]["lr"]));
    const simdjson::dom::element losses = golden.json["adam"]["losses"], norms = golden.json["adam"]["grad_norms"];
    for (std::size_t step = 0; step < 20; ++step) {
      INFO("step " << step);
      const SftStatistics f = trainer.accumulate(all_of(examples));
      const double norm = trainer.step(rate);
      CHECK(std::abs(f.loss - double(losses.at(step))) <= golden.tolerance("loss_curve_max_abs"));
      CHECK(std::abs(norm - double(norms.at(step))) <= 2e-5 * double(norms.at(step)));
    }
    CHECK(std::abs(trainer.evaluate(examples).loss - double(losses.at(20))) <= golden.tolerance("loss_curve_max_abs"));
  });
}

TEST_CASE("the weights after three AdamW steps are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/policy", HeadKind::kLanguage);
    SftTrainer trainer(model, golden_adam(golden), 4096);
    const auto examples = golden_examples(golden, false);
    const float rate = static_cast<float>(double(golden.json["adam"]["hyper"]["lr"]));
    for (int step = 0; step < 3; ++step) {
      trainer.accumulate(all_of(examples));
      trainer.step(rate);
    }

    const SafetensorsFile after(golden.folder + "/adamw3.safetensors");
    const double limit = golden.adamw_tolerance(), key_limit = golden.tolerance("adamw3_max_abs");
    const std::int64_t C = model.config().width, D = model.config().head_dim();
    for (const TensorInfo& t : model.transformer.layout().tensors) {
      const auto expected = Golden::read(after, t.name);
      const bool parts = t.name.find("c_attn.bias") != std::string::npos;
      const bool heads = t.name.find("query_key_value.bias") != std::string::npos;
      const bool alone = model.config().positions == PositionKind::kLearned && t.name.ends_with("k_proj.bias");
      double others = 0, keys = 0;
      for (std::int64_t i = 0; i < t.size; ++i) {
        const double d =
            std::abs(double(model.transformer.values()[t.offset + i]) - double(expected[static_cast<std::size_t>(i)]));
        const bool is_key = alone || (parts && i / C == 1) || (heads && i / D % 3 == 1);
        double& w = is_key ? keys : others;
        w = std::max(w, d);
      }
      INFO(t.name);
      CHECK(others <= limit);
      CHECK(keys <= key_limit);
    }
  });
}
