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
