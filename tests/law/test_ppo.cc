// ppo-step's part of the law: what is prepared, every objective's gradient, and the weights after all epochs are the
// same bits for any micro-batch, level, number of threads and order of the records.
#include "tests/law/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <tuple>

#include "lib/base/error.h"
#include "lib/base/stop.h"
#include "lib/rl/ppo.h"
#include "tests/law/shapes.h"
#include "tests/law/world.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Setup {
  Objective objective = Objective::kClip;
  bool shared = false, wide_critic = false, kl_estimate = false;
  double c2 = 0.01, kl_loss = 0;
  float temperature = 1;
  Advantage advantage = Advantage::kGae;
  bool masked = false, bootstrap = false;        // bootstrap: every other response was cut
  bool stale = false;                            // the recorded log-probs are another policy's
  std::function<void(PpoOptions&)> choose = {};  // further options
  bool adapted = false;  // policy and critic are adapters on one base, the reference is that base
};

// The base of adapters, and the reference.
Transformer base_of() { return random_transformer(sampler(4).config(), 53, 0.4); }

Model policy_of(const Setup& s) {
  Model language = sampler(4);
  ModelConfig config = language.config();
  config.shared_value = s.shared;
  if (s.adapted)
    return Model{random_adapted(base_of(), config, adapter_of(5, 7, {"c_attn", "attn.c_proj", "c_fc"}), 54, 0.4),
                 std::move(language.tokenizer), "", language.eos};
  return Model{random_transformer(config, 51, 0.4), std::move(language.tokenizer), "", language.eos};
}

// `policy`: on whose base an adapter is.
Model critic_of(const Setup& s, const Model& policy) {
  Model language = sampler(4);
  ModelConfig config = s.wide_critic ? shape_of(3, 1, 50, 70, 257, 90) : language.config();
  config.head = HeadKind::kScore;
  if (s.adapted)
    return Model{
        random_adapted(policy.transformer, config, adapter_of(3, 3, {"c_attn", "c_proj"}, HeadKind::kScore), 55, 0.4),
        std::move(language.tokenizer),
        "",
        {}};
  return Model{random_transformer(config, 52, 0.6), std::move(language.tokenizer), "", {}};
}

// Sampled by the policy, with a reference's log-probs and rewards.
std::vector<Trajectory> sample(const Setup& s) {
  KeepSettings keep;
  set_thread_count(1);
  const Model policy = policy_of(s);
  const auto asked = requests();
  const auto sampled = Generator(policy, options_with(s.temperature, 4, 14)).run(asked);
  const Transformer reference = base_of();
  std::vector<Trajectory> all;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Trajectory t;
    t.id = asked[i].id;
    t.where = "records: record " + std::to_string(i);
    t.prompt_ids = asked[i].prompt;
    t.response_ids = sampled[i].ids;
    t.logprobs = sampled[i].logprobs;
    t.temperature = s.temperature;
    t.reward = static_cast<float>(normal(8, 1, i));
    if (i % 3 == 1) t.token_rewards.assign(t.response_ids.size(), 0.05f);
    all.push_back(t);
  }
  for (Trajectory& t : all) {
    const ResponseView view = t.view();
    t.ref_logprobs = ResponseEvaluator(1).stats(reference, {&view, 1}).logprobs;
  }
  return all;
}

// In groups of two, with a third of the tokens masked, whose log-probs are not compared.
void mask_some(std::vector<Trajectory>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].group = std::to_string(i / 2);
    const std::size_t n = all[i].response_ids.size();
    for (std::size_t k = 0; k < n; ++k) {
      all[i].mask.push_back(n == 1 || (i + k) % 3 != 1);
      if (all[i].mask[k] == 0) all[i].logprobs[k] = -7;
    }
  }
}

// Those of a setup, sampled once: how is test_sampling's matter.
std::vector<Trajectory> trajectories(const Setup& s) {
  static std::map<std::tuple<bool, float, bool>, std::vector<Trajectory>> known;
  auto& found = known[{s.shared, s.temperature, s.adapted}];
  if (found.empty()) found = sample(s);
  return found;
}

void append(Floats& to, std::span<const float> from) { to.insert(to.end(), from.begin(), from.end()); }

PpoOptions options_of(const Setup& s, std::int64_t micro, std::int64_t groups = 1) {
  PpoOptions o;
  o.groups = groups;
  o.objective = s.objective;
  o.kl_estimate = s.kl_estimate;
  o.c2 = s.c2;
  o.kl_loss = s.kl_loss;
  o.bootstrap = s.bootstrap;
  o.micro_tokens = micro;
  o.epochs = 2;
  o.minibatch = 4;
  o.rate = o.critic_rate = 1e-3;
  if (s.advantage != Advantage::kGae) o.advantage = s.advantage, o.critic = false, o.group_deviation = true;
  if (s.choose) s.choose(o);
  return s.objective == Objective::kReinforce ? textbook_reinforce(o) : o;
}

// All that one iteration computes: the batch, the gradient of a minibatch when the policy has moved away from the one
// that sampled, and weights and metrics after all epochs. `order` puts the records into another order.
Floats iteration(const Setup& s, std::int64_t micro, const std::function<void(std::vector<Trajectory>&)>& order = {},
                 std::int64_t groups = 1) {
  Model policy = policy_of(s), critic = critic_of(s, policy);
  auto records = trajectories(s);
  if (s.masked) mask_some(records);
  for (std::size_t i = 0; i < records.size(); ++i) records[i].stopped = !s.bootstrap || i % 2 == 0;
  for (std::size_t i = 0; s.stale && i < records.size(); ++i)
    for (std::size_t k = 0; k < records[i].logprobs.size(); ++k)
      records[i].logprobs[k] += static_cast<float>(0.4 * normal(9, i, k));
  if (order) order(records);
  Adam adam(policy.transformer.trained(), {}), critic_adam(critic.transformer.trained(), {});
  const bool own = !s.shared && options_of(s, micro).critic;
  Transformer reference = s.adapted ? policy.transformer.without_adapter() : base_of();
  Ppo ppo(policy, own ? &critic : nullptr, adam, own ? &critic_adam : nullptr, options_of(s, micro, groups),
          &reference);
  const PpoBatch batch = ppo.prepare(records, 0.1, s.stale);
  CHECK((batch.first_ratio_min == 1.0f) == !s.stale);
  CHECK((batch.first_ratio_max == 1.0f) == !s.stale);
  Floats numbers;
  for (const Floats* v : {&batch.new_logprobs, &batch.entropies, &batch.values, &batch.after, &batch.rewards,
                          &batch.advantages, &batch.returns, &batch.weights})
    append(numbers, *v);
  Metrics metrics;
  ppo.train(batch, 0, 0.2, metrics);
  const std::vector<std::int64_t> minibatch{7, 0, 3, 9, 4, 1};
  const LossStatistics f = ppo.accumulate(batch, minibatch, 0.2);
  for (double x : {f.policy_loss, f.value_loss, f.entropy, f.approxkl, f.ratio, f.kl, f.kl_loss, f.loss})
    numbers.push_back(static_cast<float>(x));
  CHECK(f.ratio != 1);
  append(numbers, ppo.policy_gradient().span());
  if (own) append(numbers, ppo.critic_gradient().span());
  numbers.push_back(static_cast<float>(ppo.current_kl(batch)));
  const auto trained = [](const Transformer& t) {
    return std::span(t.trained_values(), static_cast<std::size_t>(t.trained().size));
  };
  append(numbers, trained(policy.transformer));
  if (own) append(numbers, trained(critic.transformer));
  for (char c : metrics.json()) numbers.push_back(static_cast<float>(c));
  return numbers;
}

void check(const Setup& s) {
  const std::int64_t limits[] = {1, 7, 64, 1 << 20};
  const Floats expected = iteration(s, 64);
  std::size_t n = 0;
  at_every_setting([&] {  // with micro-batches that change from one setting to the next
    const std::int64_t micro = limits[n++ % 4];
    INFO("at most " << micro << " tokens");
    CHECK(same_bits(iteration(s, micro), expected));
  });
  CHECK(same_bits(iteration(s, 64, [](auto& r) { std::reverse(r.begin(), r.end()); }), expected));
  CHECK(same_bits(iteration(s, 30, [](auto& r) { std::rotate(r.begin(), r.begin() + 3, r.end()); }), expected));
  same_on_every_machine(expected);
}

}  // namespace

namespace {

Setup adapted() {
  Setup s;
  s.adapted = true;
  return s;
}

}  // namespace

TEST_CASE("the clipped objective obeys the law") { check({}); }
TEST_CASE("the clipped objective with a shared critic obeys the law") { check({Objective::kClip, true}); }
TEST_CASE("the clipped objective with a critic of another shape obeys the law") {
  check({Objective::kClip, false, true});
}
TEST_CASE("the clipped objective with a KL term in the loss obeys the law, at temperature 0.7") {
  check({Objective::kClip, false, false, false, 0.01, 0.3, 0.7f});
}
TEST_CASE("the clipped objective of masked responses obeys the law") {
  Setup s;
  s.masked = true;
  check(s);
}
TEST_CASE("the clipped objective with the advantages of masked groups obeys the law") {
  Setup s;
  s.masked = true, s.advantage = Advantage::kGroup;
  check(s);
}
TEST_CASE("the clipped objective with values after cut and masked responses obeys the law") {
  Setup s;
  s.wide_critic = s.masked = s.bootstrap = true;
  check(s);
}
TEST_CASE("adapters of policy and critic on one base obey the law") { check(adapted()); }
TEST_CASE("an adapter with a shared critic and the exact KL to its base obeys the law") {
  Setup s = adapted();
  s.shared = true;
  s.choose = [](PpoOptions& o) { o.kl_loss = 0.3, o.kl_loss_kind = KlLossKind::kExact; };
  check(s);
}
TEST_CASE("the objective with the exact KL obeys the law") { check({Objective::kKl}); }
TEST_CASE("the objective with the exact KL and a shared critic obeys the law") { check({Objective::kKl, true}); }
TEST_CASE("the objective with the estimated KL obeys the law") { check({Objective::kKl, false, false, true}); }
TEST_CASE("importance sampling obeys the law") { check({Objective::kIs}); }
TEST_CASE("reinforce obeys the law") { check({Objective::kReinforce}); }

namespace {

Setup with(Objective objective, std::function<void(PpoOptions&)> choose, bool stale = false) {
  Setup s;
  s.objective = objective, s.choose = std::move(choose), s.stale = stale;
  return s;
}

const Setup kSequenceRatio = with(Objective::kClip, [](PpoOptions& o) {
  o.sequence_ratio = true, o.advantage = Advantage::kReturn, o.loss_mean = LossMean::kSequences;
  o.clip_low = o.clip_high = 0.01;
});
const Setup kExactReference = with(Objective::kKl, [](PpoOptions& o) {
  o.kl_loss = 0.3, o.kl_loss_kind = KlLossKind::kExact, o.loss_mean = LossMean::kConstant, o.loss_constant = 14;
});
const Setup kTruncated = with(
    Objective::kCispo,
    [](PpoOptions& o) {
      o.correct = {Correction::kTruncate, false, 0, 1.2};
      o.kl_loss = 0.3, o.kl_loss_kind = KlLossKind::kK2;
    },
    true);
const Setup kMasked = with(
    Objective::kClip,
    [](PpoOptions& o) {
      o.correct = {Correction::kMask, true, 0.2, 3};
      o.dual_clip = 1.1;
    },
    true);

}  // namespace

TEST_CASE("a sequence's ratio with the mean over sequences obeys the law") { check(kSequenceRatio); }
TEST_CASE("the exact KL to the reference with a constant's mean obeys the law") { check(kExactReference); }
TEST_CASE("cispo with truncated weights and k2 obeys the law") { check(kTruncated); }
TEST_CASE("the dual clip with masked weights of sequences obeys the law") { check(kMasked); }

namespace {

void check_groups(const Setup& s) {
  KeepSettings keep;
  trajectories(s);  // not by ranks
  const Floats expected = iteration(s, 64, {}, 4);
  CHECK_FALSE(same_bits(expected, iteration(s, 64)));
  std::int64_t micro = 7;
  for (int ranks : {2, 4}) {
    CAPTURE(ranks);
    set_thread_count(3 - ranks / 2);
    for (const Floats& found : in_world(ranks, [&] { return iteration(s, micro, {}, 4); }))
      CHECK(same_bits(found, expected));
    micro = 1 << 20;
  }
}

}  // namespace

TEST_CASE("the clipped objective in groups obeys the law, for any ranks") { check_groups({}); }
TEST_CASE("with adapters of policy and critic, too") { check_groups(adapted()); }
TEST_CASE("with a shared critic, too") { check_groups({Objective::kClip, true}); }
TEST_CASE("with a critic of another shape and a KL term, too") {
  check_groups({Objective::kClip, false, true, false, 0.01, 0.3});
}
TEST_CASE("with masks and values after cut responses, too") {
  Setup s;
  s.masked = s.bootstrap = true;
  check_groups(s);
}
TEST_CASE("with advantages of groups, too") {
  Setup s;
  s.advantage = Advantage::kRloo, s.masked = true;
  check_groups(s);
}
TEST_CASE("the exact KL in groups obeys the law, for any ranks") { check_groups({Objective::kKl}); }
TEST_CASE("the estimated KL in groups obeys the law, for any ranks") {
  check_groups({Objective::kKl, false, false, true});
}
TEST_CASE("importance sampling in groups obeys the law, for any ranks") { check_groups({Objective::kIs}); }
TEST_CASE("reinforce in groups obeys the law, for any ranks") { check_groups({Objective::kReinforce}); }
TEST_CASE("a sequence's ratio in groups obeys the law, for any ranks") { check_groups(kSequenceRatio); }
TEST_CASE("the exact KL to the reference in groups obeys the law, for any ranks") { check_groups(kExactReference); }
TEST_CASE("corrected samples in groups obey the law, for any ranks") { check_groups(kMasked); }

TEST_CASE("the objectives of these tests give different gradients") {
  std::vector<Floats> all;
  for (const Setup& s : {Setup{}, Setup{Objective::kKl}, Setup{Objective::kKl, false, false, true},
                         Setup{Objective::kIs}, Setup{Objective::kReinforce}, Setup{Objective::kClip, true},
                         kSequenceRatio, kExactReference, kTruncated, kMasked}) {
    const Floats found = iteration(s, 64);
    for (const Floats& other : all) CHECK_FALSE(same_bits(found, other));
    all.push_back(found);
  }
}

TEST_CASE("a log-prob that is off by one bit is refused, or kept as the ratio's denominator") {
  const Setup s;
  Model policy = policy_of(s), critic = critic_of(s, policy);
  auto records = trajectories(s);
  Adam adam(policy.transformer.layout(), {}), critic_adam(critic.transformer.layout(), {});
  Ppo ppo(policy, &critic, adam, &critic_adam, options_of(s, 64));
  float& changed = records[4].logprobs[2];
  changed = std::nextafter(changed, -1000.0f);
  CHECK_THROWS_WITH_AS(ppo.prepare(records, 0.1, false),
                       "records: record 4: the log-prob of response token 2 is not the one that this policy gives",
                       Error);
  changed -= 0.01f;
  const PpoBatch batch = ppo.prepare(records, 0.1, true);
  CHECK(batch.first_ratio_max == doctest::Approx(std::exp(0.01)).epsilon(1e-5));
  CHECK(batch.first_ratio_min == 1.0f);
}

namespace {

std::int64_t calls_until_stop = 0;  // of leave_if_stopped(); 0: never

// The weights after all epochs where a stop interrupts the `stop`th micro-batch, and another run, which has what a
// checkpoint has, goes on. Whether one was interrupted is in `stopped`.
Floats interrupted(const Setup& s, std::int64_t stop, bool& stopped) {
  Model policy = policy_of(s), critic = critic_of(s, policy);
  const auto records = trajectories(s);
  Adam adam(policy.transformer.trained(), {}), critic_adam(critic.transformer.trained(), {});
  Record state("state");
  Metrics metrics;
  stopped = false;
  {
    Ppo ppo(policy, &critic, adam, &critic_adam, options_of(s, 16));
    const PpoBatch batch = ppo.prepare(records, 0.1, false);
    calls_until_stop = stop;
    let_stops_interrupt([] { return calls_until_stop > 0 && --calls_until_stop == 0; });
    try {
      ppo.train(batch, 0, 0, metrics);
    } catch (const StopRequested&) {
      stopped = true;
    }
    let_stops_interrupt(nullptr);
    StateFields writing(state, StateFields::kWrite);
    ppo.visit_progress(writing);
  }
  if (stopped) {
    Model before = policy_of(s), critic_before = critic_of(s, before);  // what prepares the batch
    Adam unused(before.transformer.trained(), {}), critic_unused(critic_before.transformer.trained(), {});
    const PpoBatch batch =
        Ppo(before, &critic_before, unused, &critic_unused, options_of(s, 16)).prepare(records, 0.1, false);
    Ppo ppo(policy, &critic, adam, &critic_adam, options_of(s, 16));
    StateFields reading(state, StateFields::kRead);
    ppo.visit_progress(reading);
    ppo.train(batch, 0, 0, metrics);
  }
  Floats numbers;
  for (const Transformer* t : {&policy.transformer, &critic.transformer})
    append(numbers, {t->trained_values(), static_cast<std::size_t>(t->trained().size)});
  for (char c : metrics.json()) numbers.push_back(static_cast<float>(c));
  return numbers;
}

}  // namespace

TEST_CASE("an iteration that a stop interrupts before any micro-batch goes on to the same bits") {
  for (const bool warm_up : {false, true}) {
    CAPTURE(warm_up);
    Setup s;
    s.choose = [warm_up](PpoOptions& o) { o.critic_only = warm_up; };
    bool stopped = false;
    const Floats expected = interrupted(s, 0, stopped);
    REQUIRE(!stopped);
    std::int64_t stop = 1;
    for (;; ++stop) {
      const Floats found = interrupted(s, stop, stopped);
      if (!stopped) break;
      CAPTURE(stop);
      CHECK(same_bits(found, expected));
    }
    CHECK(stop > 20);  // micro-batches of policy and critic, in both epochs
  }
}

TEST_CASE("the policy is told to be final before its critic's last update, and once") {
  Setup s;
  Model policy = policy_of(s), critic = critic_of(s, policy);
  const auto records = trajectories(s);
  Adam adam(policy.transformer.trained(), {}), critic_adam(critic.transformer.trained(), {});
  Ppo ppo(policy, &critic, adam, &critic_adam, options_of(s, 64));
  const PpoBatch batch = ppo.prepare(records, 0.1, false);
  const auto weights = [](const Model& m) {
    const Transformer& t = m.transformer;
    return Floats(t.trained_values(), t.trained_values() + t.trained().size);
  };
  Metrics metrics;
  Floats told, critic_then;
  std::int64_t updates = 0, calls = 0;
  ppo.train(
      batch, 0, 0, metrics, [&](std::int64_t n, const auto&, const auto&) { updates = n; },
      [&] { ++calls, told = weights(policy), critic_then = weights(critic); });
  CHECK(calls == 1);
  CHECK(updates == ppo.planned_updates(std::ssize(batch.trajectories)));
  CHECK(same_bits(told, weights(policy)));
  CHECK(!same_bits(critic_then, weights(critic)));
}
