// Bradley-Terry, the clipped policy loss and the clipped value loss, with their gradients.
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Pairs {
  Floats loss, dchosen;
};

Pairs pairs_of(const Kernels& k, const Floats& chosen, const Floats& rejected, const Floats& margin) {
  FlushDenormals flush;
  const std::int64_t n = std::int64_t(chosen.size());
  Guarded loss(n, 1), dchosen(n, 2);
  k.bradley_terry(chosen.data(), rejected.data(), margin.empty() ? nullptr : margin.data(), n, loss.data(),
                  dchosen.data());
  CHECK((loss.intact() && dchosen.intact()));
  return {loss.values(), dchosen.values()};
}

double bradley_terry(double difference) {
  return difference > 0 ? std::log1p(std::exp(-difference)) : std::log1p(std::exp(difference)) - difference;
}

struct Policy {
  Floats ratio, loss, dlogprob, clipped;
};

Policy policy_of(const Kernels& k, const Floats& now, const Floats& old, const Floats& advantage, float low,
                 float high) {
  FlushDenormals flush;
  const std::int64_t n = std::int64_t(now.size());
  Guarded ratio(n, 1), loss(n, 2), d(n, 3), clipped(n, 4);
  k.policy_clip(now.data(), old.data(), advantage.data(), n, low, high, ratio.data(), loss.data(), d.data(),
                clipped.data());
  CHECK((ratio.intact() && loss.intact() && d.intact() && clipped.intact()));
  return {ratio.values(), loss.values(), d.values(), clipped.values()};
}

double policy_loss(double now, double old, double a, double low, double high) {
  const double r = std::exp(now - old);
  return std::max(-a * r, -a * std::min(std::max(r, 1 - low), 1 + high));
}

struct Value {
  Floats loss, dvalue, clipped;
};

Value value_of(const Kernels& k, const Floats& v, const Floats& old, const Floats& target, float c) {
  const std::int64_t n = std::int64_t(v.size());
  Guarded loss(n, 1), d(n, 2), clipped(n, 3);
  k.value_clip(v.data(), old.empty() ? nullptr : old.data(), target.data(), n, c, loss.data(), d.data(),
               clipped.data());
  CHECK((loss.intact() && d.intact() && clipped.intact()));
  return {loss.values(), d.values(), clipped.values()};
}

double value_loss(double v, double old, double target, double c) {
  const double near_old = std::min(std::max(v, old - c), old + c);
  return std::max((v - target) * (v - target), (near_old - target) * (near_old - target));
}

}  // namespace

TEST_CASE("Bradley-Terry's loss and gradient agree with central differences at every size") {
  for (const Kernels* k : levels()) {
    for (std::int64_t n : sizes()) {
      const Floats w = normals(n, 51, 3), l = normals(n, 52, 3), m = normals(n, 53);
      const Pairs with = pairs_of(*k, w, l, m), without = pairs_of(*k, w, l, {});
      for (std::size_t i = 0; i < w.size(); ++i) {
        const double d = double(w[i]) - l[i], h = 1e-5;
        const double slope_with = (bradley_terry(d - m[i] + h) - bradley_terry(d - m[i] - h)) / (2 * h);
        const double slope_without = (bradley_terry(d + h) - bradley_terry(d - h)) / (2 * h);
        REQUIRE(near(with.loss[i], bradley_terry(d - m[i]), 2e-6, 1e-7));
        REQUIRE(near(without.loss[i], bradley_terry(d), 2e-6, 1e-7));
        REQUIRE(near(with.dchosen[i], slope_with, 2e-6, 1e-7));
        REQUIRE(near(without.dchosen[i], slope_without, 2e-6, 1e-7));
      }
    }
  }
}

TEST_CASE("Bradley-Terry's loss is finite where the sigmoid is 0 and keeps its digits where it is 1") {
  for (const Kernels* k : levels()) {
    const Pairs p = pairs_of(*k, {-500, 30, 0}, {500, 0, 0}, {});
    CHECK((p.loss[0] == 1000.0f && p.dchosen[0] == -1.0f));
    CHECK(near(p.loss[1], std::exp(-30.0), 1e-6, 0));
    CHECK(near(p.dchosen[1], -std::exp(-30.0), 1e-6, 0));
    CHECK((p.dchosen[2] == -0.5f && near(p.loss[2], std::log(2.0), 1e-7, 0)));
  }
}

TEST_CASE("the ratio of equal log-probabilities is exactly 1") {
  const Floats logprob = normals(100, 54, 20), a = normals(100, 55);
  for (const Kernels* k : levels()) {
    const Policy p = policy_of(*k, logprob, logprob, a, 0.2f, 0.2f);
    for (std::size_t i = 0; i < a.size(); ++i) {
      CHECK((p.ratio[i] == 1.0f && p.loss[i] == -a[i] && p.dlogprob[i] == -a[i] && p.clipped[i] == 0.0f));
    }
  }
}

TEST_CASE("the clipped policy loss and its gradient agree with central differences at every size") {
  for (const Kernels* k : levels()) {
    for (std::int64_t n : sizes()) {
      const Floats old = normals(n, 56, 2), step = normals(n, 57, 0.3), a = normals(n, 58);
      Floats now = old;
      for (std::size_t i = 0; i < now.size(); ++i) now[i] += step[i];
      const Policy p = policy_of(*k, now, old, a, 0.2f, 0.28f);
      for (std::size_t i = 0; i < now.size(); ++i) {
        const double h = 1e-6, r = std::exp(double(now[i]) - old[i]);
        if (std::abs(r - 0.8) < 1e-5 || std::abs(r - 1.28) < 1e-5) continue;  // no slope at the corner
        const double slope_there =
            (policy_loss(now[i] + h, old[i], a[i], 0.2, 0.28) - policy_loss(now[i] - h, old[i], a[i], 0.2, 0.28)) /
            (2 * h);
        REQUIRE(near(p.ratio[i], r, 1e-6, 0));
        REQUIRE(near(p.loss[i], policy_loss(now[i], old[i], a[i], 0.2, 0.28), 1e-6, 0));
        REQUIRE(near(p.dlogprob[i], slope_there, 2e-6, 1e-8));
        const bool clips = (a[i] > 0 && r > 1.28) || (a[i] < 0 && r < 0.8);
        REQUIRE(p.clipped[i] == (clips ? 1.0f : 0.0f));
      }
    }
  }
}

TEST_CASE("the two bounds of the policy's ratio are separate") {
  for (const Kernels* k : levels()) {
    const float up = std::log(1.5f), down = std::log(0.5f);
    // A positive advantage meets the upper bound, a negative one the lower.
    const Policy wide_above = policy_of(*k, {up, down}, {0, 0}, {1, -1}, 0.2f, 0.6f);
    CHECK((wide_above.clipped == Floats{0, 1} && wide_above.dlogprob[1] == 0.0f));
    CHECK(near(wide_above.loss[1], 0.8, 1e-6, 0));
    const Policy wide_below = policy_of(*k, {up, down}, {0, 0}, {1, -1}, 0.6f, 0.2f);
    CHECK((wide_below.clipped == Floats{1, 0} && wide_below.dlogprob[0] == 0.0f));
    CHECK(near(wide_below.loss[0], -1.2, 1e-6, 0));
  }
}

TEST_CASE("a ratio outside its bounds is not clipped where the plain loss is the larger or as large") {
  for (const Kernels* k : levels()) {
    const float up = std::log(2.0f), down = std::log(0.25f);
    const Policy p = policy_of(*k, {up, down, up}, {0, 0, 0}, {-1, 1, 0}, 0.2f, 0.2f);
    CHECK(p.clipped == Floats{0, 0, 0});
    CHECK((near(p.dlogprob[0], 2, 1e-6, 0) && near(p.dlogprob[1], -0.25, 1e-6, 0) && p.dlogprob[2] == 0.0f));
  }
}

TEST_CASE("a log-probability that is not a number gives a loss that is none") {
  for (const Kernels* k : levels()) {
    const Policy p = policy_of(*k, {kNan}, {0}, {1}, 0.2f, 0.2f);
    CHECK((std::isnan(p.ratio[0]) && std::isnan(p.loss[0]) && std::isnan(p.dlogprob[0]) && p.clipped[0] == 0.0f));
    const Value v = value_of(*k, {kNan}, {0}, {1}, 0.2f);
    CHECK((std::isnan(v.loss[0]) && std::isnan(v.dvalue[0])));
  }
}

TEST_CASE("the clipped value loss and its gradient agree with central differences at every size") {
  for (const Kernels* k : levels()) {
    for (std::int64_t n : sizes()) {
      const Floats v = normals(n, 61), old = normals(n, 62), target = normals(n, 63);
      const Value y = value_of(*k, v, old, target, 0.3f);
      for (std::size_t i = 0; i < v.size(); ++i) {
        const double h = 1e-6, c = double(0.3f);
        REQUIRE(near(y.loss[i], value_loss(v[i], old[i], target[i], c), 1e-6, 1e-6));
        const double below = (value_loss(v[i], old[i], target[i], c) - value_loss(v[i] - h, old[i], target[i], c)) / h;
        const double above = (value_loss(v[i] + h, old[i], target[i], c) - value_loss(v[i], old[i], target[i], c)) / h;
        if (std::abs(above - below) > 1e-4) continue;  // a corner
        REQUIRE(near(y.dvalue[i], (below + above) / 2, 2e-6, 2e-6));
        const double plain = (double(v[i]) - target[i]) * (double(v[i]) - target[i]);
        const double bounded = value_loss(v[i], old[i], target[i], c);
        if (std::abs(plain - bounded) < 1e-6 && plain != bounded) continue;
        REQUIRE(y.clipped[i] == (bounded > plain ? 1.0f : 0.0f));
      }
    }
  }
}

TEST_CASE("the value is clipped only where that makes the loss strictly larger") {
  for (const Kernels* k : levels()) {
    // V passes the bound towards the target, away from it, stays inside, and mirrors it to an equal loss.
    const Value y = value_of(*k, {1, 1, 0.25f, 1}, {0, 0, 0, 0}, {2, -2, 2, 0.75f}, 0.5f);
    CHECK(y.clipped == Floats{1, 0, 0, 0});
    CHECK(y.loss == Floats{2.25f, 9, 3.0625f, 0.0625f});
    CHECK(y.dvalue == Floats{0, 6, -3.5f, 0.5f});
  }
}

TEST_CASE("a negative bound means no clipping of the value, and no old value is read") {
  for (const Kernels* k : levels()) {
    const Value y = value_of(*k, {1, -3}, {}, {2, 1}, -1.0f);
    CHECK((y.loss == Floats{1, 16} && y.dvalue == Floats{-2, -8} && y.clipped == Floats{0, 0}));
  }
}

TEST_CASE("a bound of 0 holds the value where it was") {
  for (const Kernels* k : levels()) {
    const Value y = value_of(*k, {1}, {0}, {2}, 0.0f);
    CHECK((y.loss[0] == 4.0f && y.dvalue[0] == 0.0f && y.clipped[0] == 1.0f));
  }
}
