// The gradient of each objective of ppo-step against central differences of its formula (docs/mathematics.md, 1, 2, 7 to
// 11), written once more here over a forward in double precision.
#include <functional>

#include "lib/rl/ppo.h"
#include "tests/harness/harness.h"
#include "tests/model/random_model.h"
#include "tests/model/reference.h"
#include "tests/rl/tiny.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Model random_model(HeadKind head, std::uint64_t seed) {
  ModelConfig config = shape_of(2, 3, 5, 17, kTinyVocab, 24);
  config.head = head;
  return {random_transformer(config, seed, 0.7), tiny_tokenizer(), "", {}};
}

void disturb(Transformer& model, std::uint64_t seed) {
  for (std::int64_t i = 0; i < model.layout().size; ++i)
    model.change()[i] += static_cast<float>(0.02 * normal(seed, 3, static_cast<std::uint64_t>(i)));
  model.pack();
}

// What a token adds to the mean that is descended.
struct Token {
  double logprob, old_logprob, ref_logprob, advantage, entropy, kl_old;
};
using Formula = std::function<double(const Token&)>;

double ratio(const Token& t) { return std::exp(t.logprob - t.old_logprob); }

class Problem {
 public:
  explicit Problem(PpoOptions options)
      : policy_(random_model(HeadKind::kLanguage, 1)), critic_(random_model(HeadKind::kScore, 2)),
        adam_(policy_.transformer.layout(), {}), critic_adam_(critic_.transformer.layout(), {}),
        old_(policy_.config(), policy_.transformer.values()), ppo_(policy_, &critic_, adam_, &critic_adam_, options) {
    const Reference& before = old_;
    for (std::uint64_t s = 0; s < 3; ++s) {
      Trajectory t;
      t.id = std::to_string(s);
      t.prompt_ids = tiny_tokens(3 + static_cast<std::int64_t>(s), 20 + s);
      t.response_ids = tiny_tokens(4 + 2 * static_cast<std::int64_t>(s), 30 + s);
      t.temperature = s == 1 ? 0.75f : 1.0f;
      t.reward = 1.0f;
      const auto now = rows(before, t);
      for (std::size_t k = 0; k < now.size(); ++k) {
        const double lp = now[k][static_cast<std::size_t>(t.response_ids[k])];
        t.logprobs.push_back(static_cast<float>(lp + 0.2 * normal(4, s, k)));
        t.ref_logprobs.push_back(static_cast<float>(lp + 0.2 * normal(5, s, k)));
      }
      trajectories_.push_back(std::move(t));
    }
    batch_ = ppo_.prepare(trajectories_, 0.05, true);
    for (std::size_t i = 0; i < batch_.advantages.size(); ++i) {
      batch_.advantages[i] = static_cast<float>(normal(6, 1, i));
      batch_.returns[i] = static_cast<float>(normal(6, 2, i));
      if (!batch_.values.empty()) batch_.values[i] = static_cast<float>(normal(6, 3, i));
    }
    disturb(policy_.transformer, 8);  // away from the old policy, where KL(old || new) and the ratios say nothing
    disturb(critic_.transformer, 9);
  }

  // The library's gradient by the policy descends the mean of `formula`.
  void check_policy(double policy_beta, const Formula& formula) {
    const std::vector<std::int64_t> all = {0, 1, 2};
    ppo_.accumulate(batch_, all, policy_beta);
    Reference now(policy_.config(), policy_.transformer.values());
    check(now, policy_.transformer.layout(), ppo_.policy_gradient(), [&] { return policy_loss(now, formula); });
  }
  // And that by the critic the mean of a function of value, old value and return.
  void check_critic(const std::function<double(double, double, double)>& formula) {
    const std::vector<std::int64_t> all = {0, 1, 2};
    ppo_.accumulate(batch_, all, 0);
    Reference now(critic_.config(), critic_.transformer.values());
    check(now, critic_.transformer.layout(), ppo_.critic_gradient(), [&] {
      double sum = 0;
      std::size_t k = 0;
      for (const Trajectory& t : trajectories_)
        for (const auto& state : states(now, t)) {
          const double v = now.score(state);
          sum += formula(v, double(batch_.values[k]), double(batch_.returns[k])), ++k;
        }
      return sum / static_cast<double>(k);
    });
  }

 private:
  static Reference::Rows states(const Reference& model, const Trajectory& t) {
    std::vector<std::int32_t> tokens = t.prompt_ids;
    tokens.insert(tokens.end(), t.response_ids.begin(), t.response_ids.end() - 1);
    auto all = model.final(tokens);
    return {all.begin() + static_cast<std::ptrdiff_t>(t.prompt_ids.size()) - 1, all.end()};
  }
  static Reference::Rows rows(const Reference& model, const Trajectory& t) {
    Reference::Rows out;
    for (const auto& state : states(model, t))
      out.push_back(Reference::log_softmax(model.logits(state), double(t.temperature)));
    return out;
  }

  double policy_loss(const Reference& now, const Formula& formula) const {
    double sum = 0;
    std::size_t k = 0;
    for (const Trajectory& t : trajectories_) {
      const auto fresh = rows(now, t), before = rows(old_, t);
      for (std::size_t i = 0; i < fresh.size(); ++i, ++k) {
        Token token{fresh[i][static_cast<std::size_t>(t.response_ids[i])],
                    double(batch_.old_logprobs[k]),
                    double(batch_.ref_logprobs[k]),
                    double(batch_.advantages[k]),
                    0,
                    0};
        for (std::size_t v = 0; v < fresh[i].size(); ++v) {
          token.entropy -= std::exp(fresh[i][v]) * fresh[i][v];
          token.kl_old += std::exp(before[i][v]) * (before[i][v] - fresh[i][v]);
        }
        sum += formula(token);
      }
    }
    return sum / static_cast<double>(k);
  }

  // Tensor by tensor: the slope along the gradient is the gradient's norm.
  static void check(Reference& model, const Layout& layout, const Buffer<float>& gradient,
                    const std::function<double()>& loss) {
    for (const TensorInfo& t : layout.tensors) {
      double norm = 0;
      for (std::int64_t i = 0; i < t.size; ++i) norm += double(gradient[t.offset + i]) * double(gradient[t.offset + i]);
      norm = std::sqrt(norm);
      const std::vector<double> kept = model.parameters;
      const double h = 1e-5;
      const auto at = [&](double by) {
        for (std::int64_t i = 0; i < t.size; ++i)
          model.parameters[static_cast<std::size_t>(t.offset + i)] += by * double(gradient[t.offset + i]) / norm;
        const double value = loss();
        model.parameters = kept;
        return value;
      };
      INFO(t.name << " norm " << norm);
      REQUIRE(norm > 0);
      CHECK(std::abs((at(h) - at(-h)) / (2 * h) - norm) <= 1e-4 * norm + 1e-8);
    }
  }

  Model policy_, critic_;
  Adam adam_, critic_adam_;
  Reference old_;
  Ppo ppo_;
  std::vector<Trajectory> trajectories_;
  PpoBatch batch_;
};

PpoOptions of(Objective objective) {
  PpoOptions o;
  o.objective = objective;
  o.c2 = 0.03;
  return o;
}

}  // namespace

TEST_CASE("the clipped objective with entropy and k3 against the reference descends its formula") {
  PpoOptions o = of(Objective::kClip);
  o.clip_low = 0.1, o.clip_high = 0.15, o.kl_loss = 0.2;
  Problem(o).check_policy(0, [](const Token& t) {
    const double clipped = std::min(std::max(ratio(t), 0.9), 1.15), reverse = t.ref_logprob - t.logprob;
    return std::max(-t.advantage * ratio(t), -t.advantage * clipped) - 0.03 * t.entropy +
           0.2 * (std::exp(reverse) - 1 - reverse);
  });
}

TEST_CASE("the penalised objective descends its formula, exactly over the vocabulary") {
  Problem(of(Objective::kKl)).check_policy(0.7, [](const Token& t) {
    return -t.advantage * ratio(t) + 0.7 * t.kl_old - 0.03 * t.entropy;
  });
}

TEST_CASE("the penalised objective descends its formula, with k3 of the samples") {
  PpoOptions o = of(Objective::kKl);
  o.kl_estimate = true;
  Problem(o).check_policy(0.7, [](const Token& t) {
    return -t.advantage * ratio(t) + 0.7 * (ratio(t) - 1 - (t.logprob - t.old_logprob)) - 0.03 * t.entropy;
  });
}

TEST_CASE("plain importance sampling descends its formula") {
  Problem(of(Objective::kIs)).check_policy(0, [](const Token& t) {
    return -t.advantage * ratio(t) - 0.03 * t.entropy;
  });
}

TEST_CASE("the policy gradient descends its formula") {
  Problem(of(Objective::kReinforce)).check_policy(0, [](const Token& t) {
    return -t.advantage * t.logprob - 0.03 * t.entropy;
  });
}

TEST_CASE("the critic descends the clipped value loss") {
  PpoOptions o = of(Objective::kClip);
  o.c1 = 0.4, o.value_clip = 0.3;
  Problem(o).check_critic([](double v, double old, double target) {
    const double clipped = std::min(std::max(v, old - 0.3), old + 0.3);
    return 0.4 * std::max((v - target) * (v - target), (clipped - target) * (clipped - target));
  });
}
