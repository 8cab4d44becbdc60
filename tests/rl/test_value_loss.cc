// The critic's loss against its formula (docs/mathematics.md, 8) in double, its derivative against central differences.
#include "lib/rl/value_loss.h"

#include <cmath>
#include <limits>

#include "lib/base/rng.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

using Floats = std::vector<float>;

Floats normals(std::size_t n, std::uint64_t stream) {
  Floats x;
  for (std::uint64_t i = 0; i < n; ++i) x.push_back(static_cast<float>(normal(22, stream, i)));
  return x;
}

double formula(double v, double old, double target, double c) {
  const double near_old = std::min(std::max(v, old - c), old + c);
  return std::max((v - target) * (v - target), (near_old - target) * (near_old - target));
}

bool near(float found, double expected) {
  return std::abs(double(found) - expected) <= 2e-6 * (1 + std::abs(expected));
}

}  // namespace

TEST_CASE("the clipped value loss and its derivative agree with the formula's central differences") {
  for (const std::size_t n : {1, 17, 1000}) {
    const Floats v = normals(n, 1), old = normals(n, 2), target = normals(n, 3);
    const ValueLoss found = value_loss(v, old, target, 0.3);
    for (std::size_t i = 0; i < n; ++i) {
      const auto at = [&](double by) { return formula(double(v[i]) + by, old[i], target[i], 0.3); };
      const double h = 1e-6, below = (at(0) - at(-h)) / h, above = (at(h) - at(0)) / h;
      REQUIRE(near(found.loss[i], at(0)));
      if (std::abs(above - below) > 1e-4) continue;  // a corner
      REQUIRE(near(found.dvalue[i], (below + above) / 2));
      const double plain = (double(v[i]) - double(target[i])) * (double(v[i]) - double(target[i]));
      if (std::abs(plain - at(0)) < 1e-6 && plain != at(0)) continue;
      REQUIRE(found.clipped[i] == (at(0) > plain ? 1.0f : 0.0f));
    }
  }
}

TEST_CASE("the value is clipped only where that makes the loss strictly larger") {
  // V passes the bound towards the target, away from it, stays inside, and mirrors it to an equal loss.
  const Floats v = {1, 1, 0.25f, 1}, old = {0, 0, 0, 0}, target = {2, -2, 2, 0.75f};
  const ValueLoss found = value_loss(v, old, target, 0.5);
  CHECK(found.clipped == Floats{1, 0, 0, 0});
  CHECK(found.loss == Floats{2.25f, 9, 3.0625f, 0.0625f});
  CHECK(found.dvalue == Floats{0, 6, -3.5f, 0.5f});
}

TEST_CASE("a value on its bound is not clipped") {
  const Floats v = {0.5f, -0.5f}, old = {0, 0}, target = {2, -2};
  const ValueLoss found = value_loss(v, old, target, 0.5);
  CHECK((found.clipped == Floats{0, 0} && found.dvalue == Floats{-3, 3}));
}

TEST_CASE("a bound of 0 holds the value where it was") {
  const Floats v = {1}, old = {0}, target = {2};
  const ValueLoss found = value_loss(v, old, target, 0);
  CHECK((found.loss[0] == 4.0f && found.dvalue[0] == 0.0f && found.clipped[0] == 1.0f));
}

TEST_CASE("a negative bound means no clipping, and no old value is read") {
  const Floats v = {1, -3}, target = {2, 1};
  const ValueLoss found = value_loss(v, {}, target, -1);
  CHECK((found.loss == Floats{1, 16} && found.dvalue == Floats{-2, -8} && found.clipped == Floats{0, 0}));
}

TEST_CASE("no tokens have no loss, and no number none that is one") {
  const ValueLoss none = value_loss({}, {}, {}, 0.2);
  CHECK((none.loss.empty() && none.dvalue.empty() && none.clipped.empty()));
  const Floats v = {std::numeric_limits<float>::quiet_NaN()}, old = {0}, target = {1};
  const ValueLoss found = value_loss(v, old, target, 0.2);
  CHECK((std::isnan(found.loss[0]) && std::isnan(found.dvalue[0]) && found.clipped[0] == 0.0f));
}
