// PPO's losses and gradients against float64 results of an independent implementation.
#include "lib/rl/ppo.h"

#include "tests/model/golden.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// The golden batch, as prepare() would leave it, with the goldens' old values.
struct GoldenPpo {
  GoldenPpo(const std::string& goldens, const std::string& family)
      : golden(goldens, family), policy(load_model(golden.folder + "/policy", HeadKind::kLanguage)),
        critic(load_model(golden.folder + "/critic", HeadKind::kScore)), adam(policy.transformer.layout(), {}),
        critic_adam(critic.transformer.layout(), {}) {
    int n = 0;
    for (auto s : golden.json["ppo_samples"]) {
      Trajectory t;
      t.id = std::to_string(n++);
      t.prompt_ids = ids(s["prompt_ids"]);
      t.response_ids = ids(s["response_ids"]);
      t.logprobs = numbers(s["old_logprobs"]);
      t.ref_logprobs = numbers(s["ref_logprobs"]);
      t.reward = static_cast<float>(double(s["score"]));
      trajectories.push_back(std::move(t));
    }
    options.clip_low = options.clip_high = options.value_clip = double(golden.json["hyper"]["clip"]);
    options.c1 = 0.5;
    options.c2 = double(golden.json["hyper"]["ent_coef"]);
    options.kl_loss = double(golden.json["hyper"]["kl_loss_coef"]);
    options.lambda = double(golden.json["hyper"]["lam"]);
    options.gamma = double(golden.json["hyper"]["gamma"]);
  }

  std::vector<float> all(const char* key) {
    std::vector<float> out;
    for (auto s : golden.json["ppo_samples"]) {
      const auto part = numbers(s["expect"][key]);
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }
  std::vector<float> old_values() {
    std::vector<float> out;
    for (auto s : golden.json["ppo_samples"])
      for (float v : numbers(s["old_values"])) out.push_back(v);
    return out;
  }
  Ppo ppo() { return Ppo(policy, &critic, adam, &critic_adam, options); }
  PpoBatch batch(Ppo& p) {
    PpoBatch b = p.prepare(trajectories, double(golden.json["hyper"]["kl_coef"]), true);
    b.values = old_values();
    b.advantages = all("advantages_whitened");
    b.returns = all("returns");
    return b;
  }
  double expected(const char* key) { return double(golden.json["ppo"][key]); }

  Golden golden;
  Model policy, critic;
  Adam adam, critic_adam;
  PpoOptions options;
  std::vector<Trajectory> trajectories;
  std::vector<std::int64_t> everyone{0, 1, 2, 3, 4};
};

}  // namespace

TEST_CASE("log-probs, entropies, values and per-token rewards of a PPO batch are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    GoldenPpo g(goldens, family);
    Ppo ppo = g.ppo();
    const PpoBatch b = ppo.prepare(g.trajectories, double(g.golden.json["hyper"]["kl_coef"]), true);
    const double limit = g.golden.tolerance("logits_max_abs");
    CHECK(worst(b.new_logprobs, g.all("new_logprobs")) <= limit);
    CHECK(worst(b.entropies, g.all("entropy")) <= limit);
    CHECK(worst(b.values, g.all("values")) <= limit);
    CHECK(worst(b.rewards, g.all("rewards")) <= 1e-6);
    CHECK(std::abs(double(b.first_ratio_min) - g.expected("ratio_min")) <= limit);
    CHECK(std::abs(double(b.first_ratio_max) - g.expected("ratio_max")) <=
          limit * std::max(2.0, g.expected("ratio_max")));
  });
}

TEST_CASE("the clipped objective's terms are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    GoldenPpo g(goldens, family);
    Ppo ppo = g.ppo();
    const PpoBatch b = g.batch(ppo);
    const auto f = ppo.accumulate(b, g.everyone, 0);
    const double limit = g.golden.tolerance("loss_curve_max_abs");
    CHECK(std::abs(f.policy_loss - g.expected("policy_loss")) <= limit);
    CHECK(std::abs(0.5 * f.value_loss - g.expected("value_loss")) <= limit);
    CHECK(std::abs(f.entropy - g.expected("entropy")) <= limit);
    CHECK(f.clipfrac == doctest::Approx(g.expected("clipfrac")));
    CHECK(f.value_clipfrac == doctest::Approx(g.expected("value_clipfrac")));
    CHECK(std::abs(f.approxkl - g.expected("approx_kl_half_sq")) <= limit);
    CHECK(std::abs(f.kl_loss - double(g.golden.json["ppo"]["kl_new_ref"]["k3"])) <= limit);
    CHECK(std::abs(f.loss - 0.5 * f.value_loss - g.expected("total")) <= limit);
  });
}

TEST_CASE("the value loss without clipping is the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    GoldenPpo g(goldens, family);
    g.options.value_clip = -1;
    Ppo ppo = g.ppo();
    const auto f = ppo.accumulate(g.batch(ppo), g.everyone, 0);
    const double limit = g.golden.tolerance("loss_curve_max_abs");
    CHECK(std::abs(0.5 * f.value_loss - g.expected("value_loss_unclipped")) <= limit);
  });
}

TEST_CASE("the gradients of the whole loss and of the value loss are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    GoldenPpo g(goldens, family);
    Ppo ppo = g.ppo();
    const PpoBatch b = g.batch(ppo);
    ppo.accumulate(b, g.everyone, 0);
    check_gradient(g.golden, g.policy.transformer.layout(), ppo.policy_gradient(), "grad.ppo.safetensors");
    check_gradient(g.golden, g.critic.transformer.layout(), ppo.critic_gradient(), "grad.vf.safetensors");
  });
}

TEST_CASE("the gradients of the policy term, the entropy and k3 alone are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    GoldenPpo g(goldens, family);
    for (const std::string term : {"policy", "entropy", "kl_k3"}) {
      CAPTURE(term);
      g.options.c2 = term == "entropy" ? -1 : 0;  // the loss has -c2 entropy
      g.options.kl_loss = term == "kl_k3" ? 1 : 0;
      Ppo ppo = g.ppo();
      PpoBatch b = g.batch(ppo);
      if (b.ref_logprobs.empty()) b.ref_logprobs.resize(b.old_logprobs.size());
      if (term != "policy") std::fill(b.advantages.begin(), b.advantages.end(), 0.0f);
      ppo.accumulate(b, g.everyone, 0);
      check_gradient_norms(g.golden, g.policy.transformer.layout(), ppo.policy_gradient(),
                           g.golden.json["ppo"]["grad"][term]);
    }
  });
}

TEST_CASE("prepared advantages and returns are the oracle's when the critic's values are") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    GoldenPpo g(goldens, family);
    // The oracle's old values come from the critic at another point, so its own are computed by hand here.
    Ppo ppo = g.ppo();
    PpoBatch b = ppo.prepare(g.trajectories, double(g.golden.json["hyper"]["kl_coef"]), true);
    std::vector<float> advantages(b.values.size()), returns(b.values.size());
    for (std::size_t i = 0; i + 1 < b.begin.size(); ++i)
      gae(std::span(b.rewards).subspan(b.begin[i], b.size(i)), std::span(b.values).subspan(b.begin[i], b.size(i)),
          g.options.gamma, g.options.lambda, std::span(advantages).subspan(b.begin[i], b.size(i)),
          std::span(returns).subspan(b.begin[i], b.size(i)));
    whiten(advantages, true);
    CHECK(worst(b.advantages, advantages) == 0);
    CHECK(worst(b.returns, returns) == 0);
  });
}
