// The policy's losses against their formulas (docs/mathematics.md, 1, 2, 7, 11, 12), written once more in double, and
// their derivatives against central differences. No model.
#include "lib/rl/policy_loss.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "lib/base/rng.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

using Floats = std::vector<float>;

struct Tokens {
  Floats now, old, ref, advantage;
  explicit Tokens(std::size_t n = 0) {
    for (std::uint64_t i = 0; i < n; ++i) {
      old.push_back(static_cast<float>(-3 + normal(21, 1, i)));
      now.push_back(static_cast<float>(double(old.back()) + 0.3 * normal(21, 2, i)));
      ref.push_back(static_cast<float>(double(old.back()) + 0.5 * normal(21, 3, i)));
      advantage.push_back(static_cast<float>(normal(21, 4, i)));
    }
  }
  PolicyTokens view() const { return {now, old, ref, advantage}; }
};

// One token: log pi, log pi_old, log pi_ref, A.
using Formula = std::function<double(double now, double old, double ref, double A)>;

double k3(double x) { return std::exp(x) - 1 - x; }
double clip_loss(double now, double old, double A, double low, double high) {
  const double r = std::exp(now - old);
  return std::max(-A * r, -A * std::min(std::max(r, 1 - low), 1 + high));
}
double is_loss(double now, double old, double A) { return -A * std::exp(now - old); }

bool near(float found, double expected, double relative, double absolute) {
  return std::abs(double(found) - expected) <= relative * std::abs(expected) + absolute;
}

// `loss` is the objective's term and `whole` all that is descended. `corner`: where the slope jumps.
void check(
    const PolicyLossOptions& options, double beta, const Formula& loss, const Formula& whole,
    const std::function<bool(double ratio)>& corner = [](double) { return false; }) {
  for (const std::size_t n : {0, 1, 15, 16, 17, 100, 1000}) {
    const Tokens t(n);
    const PolicyLoss found = policy_loss(t.view(), options, beta);
    for (const auto* array : {&found.ratio, &found.loss, &found.dlogprob, &found.clipped}) REQUIRE(array->size() == n);
    REQUIRE(found.kl_old.size() == n);
    for (std::size_t i = 0; i < n; ++i) {
      const double now = t.now[i], old = t.old[i], ref = t.ref[i], A = t.advantage[i], h = 1e-6;
      REQUIRE(near(found.ratio[i], std::exp(now - old), 1e-6, 0));
      REQUIRE(near(found.loss[i], loss(now, old, ref, A), 1e-6, 0));
      REQUIRE(near(static_cast<float>(found.kl_old[i]), k3(now - old), 1e-6, 1e-9));
      if (corner(std::exp(now - old))) continue;
      const double slope = (whole(now + h, old, ref, A) - whole(now - h, old, ref, A)) / (2 * h);
      REQUIRE(near(found.dlogprob[i], slope, 2e-6, 1e-6));
    }
  }
}

PolicyLossOptions of(Objective objective) {
  PolicyLossOptions o;
  o.objective = objective;
  return o;
}
const std::vector<Objective> kAll = {Objective::kClip, Objective::kKl, Objective::kIs, Objective::kReinforce};

// A single token.
PolicyLoss one(const PolicyLossOptions& options, double log_ratio, float A, double beta = 0) {
  Tokens t;
  t.old = {0}, t.now = {static_cast<float>(log_ratio)}, t.ref = {0}, t.advantage = {A};
  return policy_loss(t.view(), options, beta);
}

}  // namespace

TEST_CASE("the clipped surrogate and its derivative are the formula's, with bounds of their own") {
  PolicyLossOptions o = of(Objective::kClip);
  o.clip_low = 0.2, o.clip_high = 0.28;
  const Formula f = [](double now, double old, double, double A) { return clip_loss(now, old, A, 0.2, 0.28); };
  check(o, 5, f, f, [](double r) { return std::abs(r - 0.8) < 1e-5 || std::abs(r - 1.28) < 1e-5; });
}

TEST_CASE("importance sampling and its derivative are the formula's") {
  const Formula f = [](double now, double old, double, double A) { return is_loss(now, old, A); };
  check(of(Objective::kIs), 5, f, f);
}

TEST_CASE("the policy gradient's loss and derivative are the formula's") {
  const Formula f = [](double now, double, double, double A) { return -A * now; };
  check(of(Objective::kReinforce), 5, f, f);
}

TEST_CASE("the penalised objective leaves the exact KL to the head, and adds k3 of the samples itself") {
  const Formula f = [](double now, double old, double, double A) { return is_loss(now, old, A); };
  PolicyLossOptions o = of(Objective::kKl);
  check(o, 0.7, f, f);
  o.kl_estimate = true;
  check(o, 0.7, f,
        [&](double now, double old, double ref, double A) { return f(now, old, ref, A) + 0.7 * k3(now - old); });
}

TEST_CASE("k3 to the reference is added to any objective") {
  const std::vector<Formula> formulas = {
      [](double now, double old, double, double A) { return clip_loss(now, old, A, 0.2, 0.2); },
      [](double now, double old, double, double A) { return is_loss(now, old, A) + 0.7 * k3(now - old); },
      [](double now, double old, double, double A) { return is_loss(now, old, A); },
      [](double now, double, double, double A) { return -A * now; }};
  const Tokens t(200);
  for (std::size_t k = 0; k < kAll.size(); ++k) {
    PolicyLossOptions o = of(kAll[k]);
    o.kl_loss = 0.3;
    o.kl_estimate = true;  // which only kKl reads
    const PolicyLoss found = policy_loss(t.view(), o, 0.7);
    for (std::size_t i = 0; i < t.now.size(); ++i) {
      const double now = t.now[i], ref = t.ref[i], h = 1e-6, r = std::exp(now - double(t.old[i]));
      REQUIRE(near(static_cast<float>(found.kl_ref[i]), k3(ref - now), 1e-6, 1e-9));
      if (std::abs(r - 0.8) < 1e-5 || std::abs(r - 1.2) < 1e-5) continue;
      const auto whole = [&](double x) {
        return formulas[k](x, double(t.old[i]), ref, double(t.advantage[i])) + 0.3 * k3(ref - x);
      };
      REQUIRE(near(found.dlogprob[i], (whole(now + h) - whole(now - h)) / (2 * h), 2e-6, 1e-6));
    }
  }
}

TEST_CASE("a reference is read with its term alone") {
  Tokens t(3);
  t.ref.clear();
  for (const Objective objective : kAll) CHECK(policy_loss(t.view(), of(objective), 1).kl_ref.empty());
}

TEST_CASE("the ratio of equal log-probs is exactly 1, where every ratio's loss is -A with the slope -A") {
  Tokens t(100);
  t.now = t.old;
  for (const Objective objective : {Objective::kClip, Objective::kKl, Objective::kIs}) {
    const PolicyLoss found = policy_loss(t.view(), of(objective), 1);
    for (std::size_t i = 0; i < t.now.size(); ++i) {
      CHECK((found.ratio[i] == 1.0f && found.clipped[i] == 0.0f && found.kl_old[i] == 0));
      CHECK((found.loss[i] == -t.advantage[i] && found.dlogprob[i] == -t.advantage[i]));
    }
  }
}

TEST_CASE("a ratio on its bound is not clipped") {
  PolicyLossOptions o = of(Objective::kClip);
  o.clip_low = o.clip_high = 0;
  for (const float A : {1.0f, -1.0f}) {
    const PolicyLoss found = one(o, 0, A);
    CHECK((found.clipped[0] == 0.0f && found.loss[0] == -A && found.dlogprob[0] == -A));
  }
}

TEST_CASE("the two bounds of the ratio are separate") {
  PolicyLossOptions o = of(Objective::kClip);
  o.clip_low = 0.2, o.clip_high = 0.6;
  CHECK(one(o, std::log(1.5), 1).clipped[0] == 0.0f);
  const PolicyLoss low = one(o, std::log(0.5), -1);
  CHECK((low.clipped[0] == 1.0f && low.dlogprob[0] == 0.0f && near(low.loss[0], 0.8, 1e-6, 0)));
  o.clip_low = 0.6, o.clip_high = 0.2;
  CHECK(one(o, std::log(0.5), -1).clipped[0] == 0.0f);
  const PolicyLoss high = one(o, std::log(1.5), 1);
  CHECK((high.clipped[0] == 1.0f && high.dlogprob[0] == 0.0f && near(high.loss[0], -1.2, 1e-6, 0)));
}

TEST_CASE("a ratio outside its bounds is not clipped where the plain loss is the larger") {
  const PolicyLoss up = one(of(Objective::kClip), std::log(2), -1), down = one(of(Objective::kClip), std::log(0.25), 1);
  CHECK((up.clipped[0] == 0.0f && near(up.dlogprob[0], 2, 1e-6, 0)));
  CHECK((down.clipped[0] == 0.0f && near(down.dlogprob[0], -0.25, 1e-6, 0)));
}

TEST_CASE("an advantage of 0 leaves nothing of the objective, and KL terms as they are") {
  for (const Objective objective : kAll) {
    const PolicyLoss found = one(of(objective), 0.5, 0);
    CHECK((found.loss[0] == 0.0f && found.dlogprob[0] == 0.0f && found.clipped[0] == 0.0f));
  }
  PolicyLossOptions o = of(Objective::kKl);
  o.kl_estimate = true;
  CHECK(near(one(o, 0.5, 0, 2).dlogprob[0], 2 * (std::exp(0.5) - 1), 1e-6, 0));
  PolicyLossOptions with_reference = of(Objective::kClip);
  with_reference.kl_loss = 2;
  CHECK(near(one(with_reference, 0.5, 0).dlogprob[0], 2 * (1 - std::exp(-0.5)), 1e-6, 0));
}

TEST_CASE("importance sampling has no bound, however large the ratio") {
  for (const Objective objective : {Objective::kIs, Objective::kKl}) {
    const PolicyLoss found = one(of(objective), 80, 1);
    CHECK((near(found.loss[0], -std::exp(80.0), 1e-5, 0) && found.dlogprob[0] == found.loss[0]));
    CHECK(found.clipped[0] == 0.0f);
  }
}

TEST_CASE("no tokens have no loss") {
  PolicyLossOptions o = of(Objective::kKl);
  o.kl_estimate = true, o.kl_loss = 1;
  const PolicyLoss none = policy_loss({}, o, 1);
  CHECK((none.ratio.empty() && none.loss.empty() && none.clipped.empty() && none.dlogprob.empty()));
  CHECK((none.kl_old.empty() && none.kl_ref.empty()));
}

TEST_CASE("a log-prob that is not a number gives a loss that is none") {
  for (const Objective objective : kAll) {
    const PolicyLoss found = one(of(objective), std::numeric_limits<double>::quiet_NaN(), 1);
    CHECK((std::isnan(found.ratio[0]) && std::isnan(found.loss[0]) && found.clipped[0] == 0.0f));
    CHECK(std::isnan(found.dlogprob[0]) == (objective != Objective::kReinforce));
  }
}

TEST_CASE("where the advantage is negative, the dual clip bounds the loss, which is flat there") {
  PolicyLossOptions o = of(Objective::kClip);
  o.dual_clip = 1.5;
  const Formula f = [](double now, double old, double, double A) {
    const double clipped = clip_loss(now, old, A, 0.2, 0.2);
    return A < 0 ? std::min(clipped, -1.5 * A) : clipped;
  };
  check(o, 0, f, f,
        [](double r) { return std::abs(r - 0.8) < 1e-5 || std::abs(r - 1.2) < 1e-5 || std::abs(r - 1.5) < 1e-5; });
  const PolicyLoss bound = one(o, std::log(2), -1), below = one(o, std::log(1.4), -1), positive = one(o, 1.0, 1);
  CHECK((bound.loss[0] == 1.5f && bound.dlogprob[0] == 0.0f && bound.clipped[0] == 1.0f));
  CHECK((near(below.loss[0], 1.4, 1e-6, 0) && below.clipped[0] == 0.0f));
  CHECK(positive.loss[0] == one(of(Objective::kClip), 1.0, 1).loss[0]);
}

TEST_CASE("cispo's weight is the clipped ratio, through which no gradient goes") {
  PolicyLossOptions o = of(Objective::kCispo);
  o.clip_low = 0.2, o.clip_high = 0.28;
  const Tokens t(300);
  const PolicyLoss found = policy_loss(t.view(), o, 5);
  int bound = 0;
  for (std::size_t i = 0; i < t.now.size(); ++i) {
    const double now = t.now[i], A = t.advantage[i], r = std::exp(now - double(t.old[i])), h = 1e-6;
    const double held = std::min(std::max(r, 0.8), 1.28);
    const auto loss = [&](double x) { return -held * A * x; };
    REQUIRE(near(found.loss[i], loss(now), 1e-6, 0));
    REQUIRE(near(found.dlogprob[i], (loss(now + h) - loss(now - h)) / (2 * h), 2e-6, 1e-6));
    if (std::abs(r - 0.8) > 1e-5 && std::abs(r - 1.28) > 1e-5) CHECK(found.clipped[i] == float(r < 0.8 || r > 1.28));
    bound += found.clipped[i] == 1.0f;
  }
  CHECK((bound > 50 && bound < 250));
  const PolicyLoss none = one(o, std::numeric_limits<double>::quiet_NaN(), 1);
  CHECK((std::isnan(none.loss[0]) && std::isnan(none.dlogprob[0]) && none.clipped[0] == 0.0f));
}

TEST_CASE("k2 to the reference is the formula's, and the exact KL is the head's") {
  const Tokens t(200);
  PolicyLossOptions o = of(Objective::kIs);
  o.kl_loss = 0.3, o.kl_loss_kind = KlLossKind::kK2;
  const PolicyLoss found = policy_loss(t.view(), o, 0);
  for (std::size_t i = 0; i < t.now.size(); ++i) {
    const double now = t.now[i], ref = t.ref[i], h = 1e-6;
    REQUIRE(near(static_cast<float>(found.kl_ref[i]), 0.5 * (now - ref) * (now - ref), 1e-6, 1e-9));
    const auto whole = [&](double x) {
      return is_loss(x, double(t.old[i]), double(t.advantage[i])) + 0.15 * (x - ref) * (x - ref);
    };
    REQUIRE(near(found.dlogprob[i], (whole(now + h) - whole(now - h)) / (2 * h), 2e-6, 1e-6));
  }
  o.kl_loss_kind = KlLossKind::kExact;
  const PolicyLoss without = policy_loss(t.view(), o, 0), plain = policy_loss(t.view(), of(Objective::kIs), 0);
  CHECK((without.kl_ref.empty() && without.dlogprob == plain.dlogprob));
}

TEST_CASE("importance weights multiply the objective's term, and no KL") {
  const Tokens t(50);
  Floats weights;
  for (std::uint64_t i = 0; i < 50; ++i) weights.push_back(i % 7 == 0 ? 0.0f : float(0.1 + uniform(22, 1, i)));
  PolicyTokens weighed = t.view();
  weighed.weights = weights;
  for (const Objective objective : {Objective::kClip, Objective::kIs, Objective::kReinforce, Objective::kCispo}) {
    const PolicyLoss with = policy_loss(weighed, of(objective), 0), without = policy_loss(t.view(), of(objective), 0);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      CHECK(with.loss[i] == weights[i] * without.loss[i]);
      CHECK(with.dlogprob[i] == weights[i] * without.dlogprob[i]);
    }
    CHECK((with.clipped == without.clipped && with.kl_old == without.kl_old));
  }
  PolicyLossOptions o = of(Objective::kKl);
  o.kl_estimate = true, o.kl_loss = 0.2;
  Floats zeros(50, 0.0f);
  weighed.weights = zeros;
  const PolicyLoss kl_alone = policy_loss(weighed, o, 0.5);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double r = std::exp(double(t.now[i]) - double(t.old[i])), q = std::exp(double(t.ref[i]) - double(t.now[i]));
    CHECK(near(kl_alone.dlogprob[i], 0.5 * (r - 1) + 0.2 * (1 - q), 2e-6, 1e-6));
  }
}

namespace {

const std::vector<std::size_t> kOffsets = {7, 8, 13, 15, 35};  // counted from anywhere

// The sum of all tokens' losses with the ratio of sequences, as a function of all log-probs. cispo holds its ratio.
double sum_by_sequence(const Tokens& t, const PolicyLossOptions& o, const std::vector<double>& now, const Floats& w) {
  double sum = 0;
  for (std::size_t q = 0; q + 1 < kOffsets.size(); ++q) {
    double moved = 0, held = 0;
    const std::size_t begin = kOffsets[q] - 7, end = kOffsets[q + 1] - 7;
    for (std::size_t i = begin; i < end; ++i)
      moved += now[i] - double(t.old[i]), held += double(t.now[i]) - double(t.old[i]);
    const double s = std::exp(moved / double(end - begin)), s_held = std::exp(held / double(end - begin));
    for (std::size_t i = begin; i < end; ++i) {
      const double A = t.advantage[i], clipped = std::min(std::max(s, 0.95), 1.05);
      const double held_clipped = std::min(std::max(s_held, 0.95), 1.05);
      const double term = o.objective == Objective::kClip    ? std::max(-A * s, -A * clipped)
                          : o.objective == Objective::kCispo ? -held_clipped * A * now[i]
                                                             : -A * s;
      sum += term * double(w[i]);
      if (o.objective == Objective::kKl) sum += 0.7 * k3(now[i] - double(t.old[i]));
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("with a sequence's ratio the loss and its derivatives are the formula's") {
  Tokens t(28);
  for (std::size_t q = 0; q + 1 < kOffsets.size(); ++q)
    for (std::size_t i = kOffsets[q] - 7; i < kOffsets[q + 1] - 7; ++i) t.advantage[i] = q % 2 == 0 ? 0.8f : -1.2f;
  Floats weights;
  for (std::uint64_t i = 0; i < 28; ++i) weights.push_back(float(0.5 + uniform(23, 1, i)));
  PolicyTokens tokens = t.view();
  tokens.weights = weights, tokens.offsets = kOffsets;
  for (const Objective objective : {Objective::kClip, Objective::kIs, Objective::kKl, Objective::kCispo}) {
    PolicyLossOptions o = of(objective);
    o.sequence_ratio = o.kl_estimate = true;
    o.clip_low = o.clip_high = 0.05;
    INFO("objective ", int(objective));
    const PolicyLoss found = policy_loss(tokens, o, 0.7);
    std::vector<double> now(t.now.begin(), t.now.end());
    double sum = 0;
    for (std::size_t i = 0; i < now.size(); ++i)
      sum += double(found.loss[i]) + (objective == Objective::kKl ? 0.7 * found.kl_old[i] : 0);
    CHECK(std::abs(sum - sum_by_sequence(t, o, now, weights)) < 1e-4);
    for (std::size_t i = 0; i < now.size(); ++i) {
      const double h = 1e-6, at = now[i];
      now[i] = at + h;
      const double up = sum_by_sequence(t, o, now, weights);
      now[i] = at - h;
      const double down = sum_by_sequence(t, o, now, weights);
      now[i] = at;
      CHECK(near(found.dlogprob[i], (up - down) / (2 * h), 1e-5, 1e-5));
    }
    for (std::size_t i = 1; i < 6; ++i) CHECK(found.ratio[i] == found.ratio[1]);
    CHECK(found.ratio[0] != found.ratio[1]);
  }
}

TEST_CASE("the ratio of a sequence of one token is the token's") {
  const Tokens t(20);
  std::vector<std::size_t> offsets;
  for (std::size_t i = 0; i <= 20; ++i) offsets.push_back(i);
  PolicyTokens tokens = t.view();
  tokens.offsets = offsets;
  PolicyLossOptions o = of(Objective::kClip), by_sequence = o;
  by_sequence.sequence_ratio = true;
  const PolicyLoss a = policy_loss(t.view(), o, 0), b = policy_loss(tokens, by_sequence, 0);
  CHECK((a.ratio == b.ratio && a.loss == b.loss && a.dlogprob == b.dlogprob && a.clipped == b.clipped));
}
