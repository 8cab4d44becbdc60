// The gradient of each objective of ppo-step against central differences of its formula (docs/mathematics.md, 1, 2, 7 to
// 11), written once more here over a forward in double precision.
#include <functional>
#include <map>

#include "lib/base/error.h"
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

// What a token adds to the mean that is descended. sequence_ratio: exp of the mean log-ratio of its sequence.
struct Token {
  double logprob, old_logprob, ref_logprob, advantage, entropy, kl_old, kl_ref, sequence_ratio;
  std::size_t index;  // in the batch
};
using Formula = std::function<double(const Token&)>;
// The weight of a token of a sequence of so many, in the sum that is descended; a mean over tokens by default.
using Share = std::function<double(std::size_t tokens, std::size_t all)>;

double ratio(const Token& t) { return std::exp(t.logprob - t.old_logprob); }

class Problem {
 public:
  explicit Problem(PpoOptions options, bool keep_advantages = false)
      : policy_(random_model(HeadKind::kLanguage, 1)), critic_(random_model(HeadKind::kScore, 2)),
        adam_(policy_.transformer.layout(), {}), critic_adam_(critic_.transformer.layout(), {}),
        old_(policy_.config(), policy_.transformer.values()), reference_model_(random_model(HeadKind::kLanguage, 3)),
        reference_(reference_model_.config(), reference_model_.transformer.values()),
        ppo_(policy_, &critic_, adam_, &critic_adam_, options, &reference_model_.transformer) {
    const Reference& before = old_;
    for (std::uint64_t s = 0; s < 3; ++s) {
      Trajectory t;
      t.id = std::to_string(s), t.where = "record " + t.id;
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
    prepared_ = batch_;
    for (std::size_t i = 0; i < batch_.advantages.size(); ++i) {
      if (!keep_advantages) batch_.advantages[i] = static_cast<float>(normal(6, 1, i));
      batch_.returns[i] = static_cast<float>(normal(6, 2, i));
      if (!batch_.values.empty()) batch_.values[i] = static_cast<float>(normal(6, 3, i));
    }
    disturb(policy_.transformer, 8);  // away from the old policy, where KL(old || new) and the ratios say nothing
    disturb(critic_.transformer, 9);
  }

  // The library's gradient by the policy descends the mean of `formula`.
  void check_policy(double policy_beta, const Formula& formula, const Share& share = {}) {
    const std::vector<std::int64_t> all = {0, 1, 2};
    found_ = ppo_.accumulate(batch_, all, policy_beta);
    Reference now(policy_.config(), policy_.transformer.values());
    expected_ = policy_loss(now, formula, share);
    check(now, policy_.transformer.layout(), ppo_.policy_gradient(), [&] { return policy_loss(now, formula, share); });
  }
  // The whole loss that was found beside the formula's, without the value's.
  double found_loss(double c1) const { return found_.loss - c1 * found_.value_loss; }
  double expected_loss() const { return expected_; }
  const LossStatistics& found() const { return found_; }
  PpoBatch& batch() { return batch_; }
  const PpoBatch& prepared() const { return prepared_; }
  // And that by the critic the mean of a function of value, old value and return.
  void check_critic(const std::function<double(double, double, double)>& formula, const Share& share = {}) {
    const std::vector<std::int64_t> all = {0, 1, 2};
    ppo_.accumulate(batch_, all, 0);
    Reference now(critic_.config(), critic_.transformer.values());
    check(now, critic_.transformer.layout(), ppo_.critic_gradient(), [&] {
      double sum = 0;
      std::size_t k = 0;
      for (const Trajectory& t : trajectories_)
        for (const auto& state : states(now, t)) {
          const double v = now.score(state);
          sum += share_of(share, t) * formula(v, double(batch_.values[k]), double(batch_.returns[k])), ++k;
        }
      return sum;
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

  double share_of(const Share& share, const Trajectory& t) const {
    const std::size_t all = batch_.old_logprobs.size();
    return share ? share(t.response_ids.size(), all) : 1 / static_cast<double>(all);
  }

  double policy_loss(const Reference& now, const Formula& formula, const Share& share) const {
    double sum = 0;
    std::size_t k = 0;
    for (const Trajectory& t : trajectories_) {
      const auto fresh = rows(now, t), before = rows(old_, t), reference = rows(reference_, t);
      double log_ratios = 0;
      for (std::size_t i = 0; i < fresh.size(); ++i)
        log_ratios += fresh[i][static_cast<std::size_t>(t.response_ids[i])] - double(batch_.denominators()[k + i]);
      for (std::size_t i = 0; i < fresh.size(); ++i, ++k) {
        Token token{fresh[i][static_cast<std::size_t>(t.response_ids[i])],
                    double(batch_.denominators()[k]),
                    double(batch_.ref_logprobs[k]),
                    double(batch_.advantages[k]),
                    0,
                    0,
                    0,
                    std::exp(log_ratios / static_cast<double>(fresh.size())),
                    k};
        for (std::size_t v = 0; v < fresh[i].size(); ++v) {
          token.entropy -= std::exp(fresh[i][v]) * fresh[i][v];
          token.kl_old += std::exp(before[i][v]) * (before[i][v] - fresh[i][v]);
          token.kl_ref += std::exp(fresh[i][v]) * (fresh[i][v] - reference[i][v]);
        }
        sum += share_of(share, t) * formula(token);
      }
    }
    return sum;
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
  Model reference_model_;
  Reference reference_;
  Ppo ppo_;
  LossStatistics found_;
  double expected_ = 0;
  std::vector<Trajectory> trajectories_;
  PpoBatch batch_, prepared_;
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

TEST_CASE("the exact KL to the reference descends its formula, with any objective's own KL") {
  PpoOptions o = of(Objective::kIs);
  o.kl_loss = 0.4, o.kl_loss_kind = KlLossKind::kExact;
  Problem p(o);
  p.check_policy(0, [](const Token& t) { return -t.advantage * ratio(t) - 0.03 * t.entropy + 0.4 * t.kl_ref; });
  CHECK(p.found_loss(o.c1) == doctest::Approx(p.expected_loss()).epsilon(1e-5));
  o.objective = Objective::kKl;
  Problem both(o);
  both.check_policy(
      0.7, [](const Token& t) { return -t.advantage * ratio(t) - 0.03 * t.entropy + 0.4 * t.kl_ref + 0.7 * t.kl_old; });
  CHECK(both.found_loss(o.c1) == doctest::Approx(both.expected_loss()).epsilon(1e-5));
}

TEST_CASE("the exact KL needs a reference") {
  PpoOptions o;
  o.kl_loss = 0.4, o.kl_loss_kind = KlLossKind::kExact;
  Model policy = random_model(HeadKind::kLanguage, 1), critic = random_model(HeadKind::kScore, 2);
  Adam adam(policy.transformer.layout(), {}), critic_adam(critic.transformer.layout(), {});
  CHECK_THROWS_WITH_AS(Ppo(policy, &critic, adam, &critic_adam, o), "no reference for PPO", Error);
}

TEST_CASE("k2 to the reference descends its formula") {
  PpoOptions o = of(Objective::kIs);
  o.kl_loss = 0.4, o.kl_loss_kind = KlLossKind::kK2;
  Problem(o).check_policy(0, [](const Token& t) {
    const double x = t.logprob - t.ref_logprob;
    return -t.advantage * ratio(t) - 0.03 * t.entropy + 0.2 * x * x;
  });
}

namespace {

const std::map<LossMean, Share> kMeans = {
    {LossMean::kTokens, [](std::size_t, std::size_t all) { return 1 / double(all); }},
    {LossMean::kSequences, [](std::size_t tokens, std::size_t) { return 1 / (3 * double(tokens)); }},
    {LossMean::kConstant, [](std::size_t, std::size_t) { return 1 / (3 * 5.0); }}};

}  // namespace

TEST_CASE("all terms of policy and critic are means over tokens, sequences or a constant number") {
  for (const auto& known : kMeans) {
    const LossMean mean = known.first;
    const Share& share = known.second;
    PpoOptions o = of(Objective::kKl);
    o.loss_mean = mean, o.loss_constant = 5, o.kl_loss = 0.2, o.value_clip = -1, o.c1 = 0.4;
    INFO("mean ", int(mean));
    Problem p(o);
    p.check_policy(
        0.7,
        [](const Token& t) {
          const double reverse = t.ref_logprob - t.logprob;
          return -t.advantage * ratio(t) + 0.7 * t.kl_old - 0.03 * t.entropy + 0.2 * (std::exp(reverse) - 1 - reverse);
        },
        share);
    CHECK(p.found_loss(0.4) == doctest::Approx(p.expected_loss()).epsilon(1e-5));
    p.check_critic([](double v, double, double target) { return 0.4 * (v - target) * (v - target); }, share);
  }
}

TEST_CASE("entropy, KL and ratio are told as means over tokens, whatever the loss's mean is") {
  std::vector<LossStatistics> all;
  for (const auto& known : kMeans) {
    const LossMean mean = known.first;
    const Share& share = known.second;
    PpoOptions o = of(Objective::kKl);
    o.loss_mean = mean, o.loss_constant = 5;
    Problem p(o);
    p.check_policy(
        0.7, [](const Token& t) { return -t.advantage * ratio(t) + 0.7 * t.kl_old - 0.03 * t.entropy; }, share);
    all.push_back(p.found());
  }
  for (const LossStatistics& f : all) {
    CHECK((f.entropy == all[0].entropy && f.kl == all[0].kl && f.ratio == all[0].ratio));
    CHECK((f.approxkl == all[0].approxkl && f.clipfrac == all[0].clipfrac));
  }
  CHECK(all[0].entropy_loss != all[1].entropy_loss);
}

TEST_CASE("a ratio of sequences descends its formula, over whole sequences in several chunks or not") {
  for (const auto& known : kMeans) {
    const LossMean mean = known.first;
    const Share& share = known.second;
    PpoOptions o = of(Objective::kClip);
    o.sequence_ratio = true, o.advantage = Advantage::kReturn, o.loss_mean = mean, o.loss_constant = 5;
    o.clip_low = 0.02, o.clip_high = 0.03, o.micro_tokens = 12;
    Problem p(o, true);
    const auto s = [](double x) { return std::min(std::max(x, 0.98), 1.03); };
    p.check_policy(
        0,
        [&](const Token& t) {
          return std::max(-t.advantage * t.sequence_ratio, -t.advantage * s(t.sequence_ratio)) - 0.03 * t.entropy;
        },
        share);
  }
}

TEST_CASE("advantages that differ within a sequence are refused by name with a ratio of sequences") {
  PpoOptions o;
  o.sequence_ratio = true;
  CHECK_THROWS_WITH_AS(Problem(o, true),
                       "record 0: its tokens have different advantages, a ratio of sequences wants one", Error);
}

TEST_CASE("corrected samples have the policy before the step as denominator, and constant weights") {
  for (const bool by_sequence : {false, true}) {
    PpoOptions o = of(Objective::kIs);
    o.correct = {Correction::kTruncate, by_sequence, 0, 1.1};
    o.kl_loss = 0.2;
    Problem p(o);
    PpoBatch& b = p.batch();
    REQUIRE(b.weights.size() == b.old_logprobs.size());
    std::vector<double> weights;
    for (std::size_t q = 0; q < 3; ++q) {
      double product = 0;
      for (std::size_t i = b.begin[q]; i < b.begin[q + 1]; ++i)
        product += double(b.new_logprobs[i]) - double(b.old_logprobs[i]);
      for (std::size_t i = b.begin[q]; i < b.begin[q + 1]; ++i) {
        const double own = double(b.new_logprobs[i]) - double(b.old_logprobs[i]);
        weights.push_back(std::min(1.1, std::exp(by_sequence ? product : own)));
        CHECK(double(b.weights[i]) == doctest::Approx(weights.back()).epsilon(1e-6));
      }
    }
    p.check_policy(0, [&](const Token& t) {
      const double reverse = t.ref_logprob - t.logprob;
      return -t.advantage * ratio(t) * weights[t.index] - 0.03 * t.entropy + 0.2 * (std::exp(reverse) - 1 - reverse);
    });
  }
}

TEST_CASE("the rewards' penalty keeps the recorded log-probs where samples are corrected") {
  PpoOptions o, corrected;
  o.advantage = corrected.advantage = Advantage::kReturn;
  corrected.correct.correction = Correction::kMask;
  Problem a(o, true), b(corrected, true);
  CHECK(a.prepared().rewards == b.prepared().rewards);
  CHECK(a.prepared().old_logprobs == b.prepared().old_logprobs);
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

namespace {

// What each objective descends, of tokens with an entropy bonus of 0.03 and beta 0.7.
const std::map<Objective, Formula> kObjectives = {
    {Objective::kClip,
     [](const Token& t) {
       return std::max(-t.advantage * ratio(t), -t.advantage * std::min(std::max(ratio(t), 0.8), 1.2)) -
              0.03 * t.entropy;
     }},
    {Objective::kKl, [](const Token& t) { return -t.advantage * ratio(t) + 0.7 * t.kl_old - 0.03 * t.entropy; }},
    {Objective::kIs, [](const Token& t) { return -t.advantage * ratio(t) - 0.03 * t.entropy; }},
    {Objective::kReinforce, [](const Token& t) { return -t.advantage * t.logprob - 0.03 * t.entropy; }}};

// The advantages of the definitions (docs/mathematics.md, 4 to 6) from what prepare() found, in double.
std::vector<double> advantages_of(const PpoBatch& b, const PpoOptions& o) {
  std::vector<double> all;
  for (std::size_t i = 0; i + 1 < b.begin.size(); ++i) {
    const std::size_t n = b.size(i), first = b.begin[i];
    std::vector<double> rewards(n), advantages(n);
    for (std::size_t k = 0; k < n; ++k)
      rewards[k] = -0.05 * (double(b.old_logprobs[first + k]) - double(b.ref_logprobs[first + k])) + (k + 1 == n);
    double sum = 0, next = 0, advantage = 0;
    for (std::size_t k = n; k-- > 0;) {
      sum += std::pow(o.gamma, double(k)) * rewards[k];
      if (o.advantage != Advantage::kGae) continue;
      const double v = double(b.values[first + k]);
      advantage = rewards[k] + o.gamma * next - v + o.gamma * o.lambda * advantage;
      advantages[k] = advantage, next = v;
    }
    if (o.advantage == Advantage::kReturn) std::ranges::fill(advantages, sum);
    all.insert(all.end(), advantages.begin(), advantages.end());
  }
  return all;
}

}  // namespace

TEST_CASE("every objective descends its formula with every advantage, with a critic or without") {
  for (const auto& known : kObjectives)
    for (const auto& choice :
         {std::pair{Advantage::kGae, true}, {Advantage::kReturn, true}, {Advantage::kReturn, false}}) {
      PpoOptions o = of(known.first);
      o.advantage = choice.first, o.critic = choice.second, o.whiten = false, o.gamma = 0.9;
      INFO("objective " << static_cast<int>(o.objective) << ", advantage " << static_cast<int>(o.advantage));
      Problem p(o, true);
      const PpoBatch& b = p.prepared();
      const std::vector<double> expected = advantages_of(b, o);
      CHECK(b.values.empty() == !o.critic);
      REQUIRE(b.advantages.size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(double(b.advantages[i]) - expected[i]) < 1e-5);
      p.check_policy(0.7, known.second);
    }
}

TEST_CASE("a critic beside the return learns it") {
  PpoOptions o = of(Objective::kIs);
  o.advantage = Advantage::kReturn, o.value_clip = -1, o.c1 = 0.4;
  Problem(o).check_critic([](double v, double, double target) { return 0.4 * (v - target) * (v - target); });
}

namespace {

// Updates of one iteration of 5 trajectories, and whether the critic was changed.
std::pair<double, bool> trained(const PpoOptions& options) {
  Model policy = random_model(HeadKind::kLanguage, 1), critic = random_model(HeadKind::kScore, 2);
  const Buffer<float> before = [&] {
    Buffer<float> b(critic.transformer.layout().size);
    std::copy_n(critic.transformer.values(), b.size(), b.data());
    return b;
  }();
  std::vector<Trajectory> trajectories(5);
  for (std::uint64_t i = 0; i < trajectories.size(); ++i) {
    Trajectory& t = trajectories[i];
    t.id = std::to_string(i);
    t.prompt_ids = tiny_tokens(2, 40 + i), t.response_ids = tiny_tokens(3, 50 + i);
    t.logprobs.assign(3, -5), t.reward = static_cast<float>(i);
  }
  Adam adam(policy.transformer.layout(), {}), critic_adam(critic.transformer.layout(), {});
  Ppo ppo(policy, &critic, adam, &critic_adam, options);
  Metrics metrics;
  ppo.train(ppo.prepare(trajectories, 0, true), 0, 0, metrics);
  CHECK(metrics.get("ppo/updates") == double(ppo.planned_updates(5)));
  return {*metrics.get("ppo/updates"),
          !std::equal(before.data(), before.data() + before.size(), critic.transformer.values())};
}

}  // namespace

TEST_CASE("the critic and the number of updates are choices apart from the objective") {
  for (const auto& known : kObjectives) {
    PpoOptions o = of(known.first);
    o.epochs = 2, o.minibatch = 2;
    CHECK(trained(o) == std::pair{6.0, true});
    o.one_update = true;
    CHECK(trained(o) == std::pair{1.0, true});
    o.critic = false, o.advantage = Advantage::kReturn;
    CHECK(trained(o) == std::pair{1.0, false});
    o.one_update = false;
    CHECK(trained(o) == std::pair{6.0, false});
  }
}

TEST_CASE("the textbook's policy gradient is a set of choices, which leaves the others alone") {
  PpoOptions o;
  o.baseline = true, o.gamma = 0.5, o.whiten_rewards = true, o.c2 = 0.25, o.epochs = 7;
  const PpoOptions r = textbook_reinforce(o);
  CHECK((r.objective == Objective::kReinforce && r.advantage == Advantage::kReturn));
  CHECK((!r.whiten && !r.critic && r.one_update));
  CHECK((r.baseline && r.gamma == 0.5 && r.whiten_rewards && r.c2 == 0.25 && r.epochs == 7));
}

TEST_CASE("a critic that is missing is told") {
  Model policy = random_model(HeadKind::kLanguage, 1), critic = random_model(HeadKind::kScore, 2);
  Adam adam(policy.transformer.layout(), {}), critic_adam(critic.transformer.layout(), {});
  PpoOptions without;
  without.critic = false;  // and GAE
  CHECK_THROWS_WITH_AS(Ppo(policy, nullptr, adam, nullptr, {}), "no critic for PPO", Error);
  CHECK_THROWS_WITH_AS(Ppo(policy, &critic, adam, &critic_adam, without), "no critic for PPO", Error);
}
