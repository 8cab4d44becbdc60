// Training an adapter against PEFT's with torch's AdamW in float64.
#include "lib/rl/reward_model.h"
#include "lib/rl/sft.h"
#include "tests/model/golden_adapter.h"

using namespace nudge;
using namespace nudge::test;

namespace {

AdamOptions adam_of(const GoldenAdapter& golden) {
  const simdjson::dom::element hyper = golden.json["adam"]["hyper"];
  AdamOptions adam;
  adam.beta1 = double(hyper["betas"].at(0)), adam.beta2 = double(hyper["betas"].at(1));
  adam.eps = double(hyper["eps"]), adam.weight_decay = double(hyper["weight_decay"]);
  adam.max_norm = double(hyper["max_norm"]);
  return adam;
}

// The completions of a policy's adapter, or the pairs of a reward model's: accumulate() is a step's loss.
class AdapterSteps {
 public:
  AdapterSteps(const GoldenAdapter& golden, Model& model) {
    for (auto sample : golden.json["samples"]) {
      SftExample e;
      e.tokens = ids(sample["prompt_ids"]);
      Ranking r;
      r.prompt = e.tokens, r.answers = {ids(sample["chosen_ids"]), ids(sample["rejected_ids"])};
      e.learnt = {{std::ssize(e.tokens), std::ssize(e.tokens) + std::ssize(r.answers[0])}};
      e.tokens.insert(e.tokens.end(), r.answers[0].begin(), r.answers[0].end());
      examples_.push_back(std::move(e)), pairs_.push_back(std::move(r));
    }
    if (golden.head == HeadKind::kScore) reward_.emplace(model, RewardLossOptions{}, adam_of(golden), 4096);
    else sft_.emplace(model, adam_of(golden), 4096);
  }

  double accumulate() {
    if (sft_) return sft_->accumulate(pointers(examples_)).loss;
    return reward_->accumulate(pointers(pairs_)).loss;
  }
  const Buffer<float>& gradient() const { return sft_ ? sft_->gradient() : reward_->gradient(); }
  double step(float rate) { return sft_ ? sft_->step(rate) : reward_->step(rate); }

 private:
  template <class T>
  static std::vector<const T*> pointers(const std::vector<T>& of) {
    std::vector<const T*> all;
    for (const T& x : of) all.push_back(&x);
    return all;
  }
  std::vector<SftExample> examples_;
  std::vector<Ranking> pairs_;
  std::optional<SftTrainer> sft_;
  std::optional<RewardTrainer> reward_;
};

}  // namespace

TEST_CASE("the loss under an adapter and the gradients of its A, B and score head are PEFT's") {
  for_each_adapter([](const GoldenAdapter& golden) {
    Model model = golden.load();
    AdapterSteps steps(golden, model);
    CHECK(std::abs(steps.accumulate() - double(golden.json["loss"])) <= 1e-5);
    const SafetensorsFile want(golden.folder + "/grad.safetensors");
    const Layout& layout = model.transformer.trained();
    CHECK(want.tensors().size() == layout.tensors.size());
    for (const TensorInfo& t : layout.tensors) {
      INFO(t.name);
      CHECK(relative_l2(Golden::read(want, t.name), steps.gradient().data() + t.offset) <= 1e-5);
    }
  });
}

TEST_CASE("three clipped AdamW steps of an adapter are PEFT's and torch's, and the base stays as it was") {
  for_each_adapter([](const GoldenAdapter& golden) {
    Model model = golden.load();
    AdapterSteps steps(golden, model);
    const std::string base = model_digest(model.transformer.without_adapter());
    const float rate = static_cast<float>(double(golden.json["adam"]["hyper"]["lr"]));
    const simdjson::dom::element losses = golden.json["adam"]["losses"], norms = golden.json["adam"]["grad_norms"];
    for (std::size_t step = 0; step < 3; ++step) {
      INFO("step " << step);
      CHECK(std::abs(steps.accumulate() - double(losses.at(step))) <= 1e-5);
      CHECK(std::abs(steps.step(rate) / double(norms.at(step)) - 1) <= 1e-5);
    }
    CHECK(std::abs(steps.accumulate() - double(losses.at(3))) <= 1e-5);
    const SafetensorsFile want(golden.folder + "/adamw3.safetensors");
    for (const TensorInfo& t : model.transformer.trained().tensors) {
      INFO(t.name);
      const auto expected = Golden::read(want, t.name);
      CHECK(worst(expected.data(), model.transformer.trained_values() + t.offset, expected.size()) <= 1e-5);
    }
    CHECK(model_digest(model.transformer.without_adapter()) == base);
  });
}
