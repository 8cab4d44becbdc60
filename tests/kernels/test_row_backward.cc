// The gradient by a row of logits against central differences of the definitions.
#include "tests/kernels/softmax_truth.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Case {
  Floats logits, old_logits;
  float temperature;
  int chosen;
  RowGradient g;
  Floats ref_logits = {};
};

double loss_of(const Case& c, const Doubles& logits) {
  const Doubles log_p = log_softmax(logits, c.temperature);
  double loss = double(c.g.entropy) * entropy(log_p);
  if (c.chosen >= 0) loss += double(c.g.logprob) * log_p[std::size_t(c.chosen)];
  if (!c.old_logits.empty()) {
    loss += double(c.g.kl_old) * divergence(log_softmax(doubles(c.old_logits), c.temperature), log_p);
  }
  if (!c.ref_logits.empty()) {
    loss += double(c.g.kl_ref) * divergence(log_p, log_softmax(doubles(c.ref_logits), c.temperature));
  }
  return loss;
}

Floats gradient_of(const Kernels& k, const Case& c, int shift = 0) {
  FlushDenormals flush;
  const std::int64_t V = std::int64_t(c.logits.size());
  const RowStats s = stats_of(k, c.logits, c.temperature, c.chosen);
  RowStats old = {}, ref = {};
  OtherRow old_row, ref_row;
  if (!c.old_logits.empty()) {
    old = stats_of(k, c.old_logits, c.temperature);
    old_row = {c.old_logits.data(), &old};
  }
  if (!c.ref_logits.empty()) {
    ref = stats_of(k, c.ref_logits, c.temperature);
    ref_row = {c.ref_logits.data(), &ref, k.row_kl(c.logits.data(), &s, c.ref_logits.data(), &ref, V, c.temperature)};
  }
  Guarded out(V, shift);
  k.row_backward(c.logits.data(), V, c.temperature, &s, c.chosen, c.g, old_row, ref_row, out.data());
  CHECK(out.intact());
  return out.values();
}

void check_gradient(const Case& c) {
  const auto loss = [&c](const Doubles& x) { return loss_of(c, x); };
  for (const Kernels* k : levels()) {
    const Floats d = gradient_of(*k, c);
    for (std::size_t i = 0; i < d.size(); ++i) {
      INFO("level ", k->name, ", logit ", i, " of ", d.size(), ", temperature ", c.temperature);
      CHECK(near(d[i], slope(loss, doubles(c.logits), i), 3e-6, 2e-6));
    }
  }
}

Case make(std::int64_t V, float temperature, RowGradient g, bool with_old) {
  return {normals(V, 41, 2), with_old ? normals(V, 42, 2) : Floats(), temperature, int(V / 2), g};
}

}  // namespace

TEST_CASE("the gradient of a log-probability agrees with central differences") {
  for (int V : {1, 2, 15, 16, 17, 33}) check_gradient(make(V, 1.0f, {-1.5f, 0, 0}, false));
}

TEST_CASE("the gradient of the entropy agrees with central differences") {
  for (int V : {1, 2, 15, 16, 17, 33}) check_gradient(make(V, 1.0f, {0, 0.8f, 0}, false));
}

TEST_CASE("the gradient of the divergence from the old row agrees with central differences") {
  for (int V : {1, 2, 15, 16, 17, 33}) check_gradient(make(V, 1.0f, {0, 0, 1.3f}, true));
}

TEST_CASE("the gradient of the divergence from the row to the reference's agrees with central differences") {
  for (float temperature : {1.0f, 0.6f, 3.0f}) {
    for (int V : {1, 2, 15, 16, 17, 33}) {
      Case c = make(V, temperature, {0, 0, 0, 1.3f}, false);
      c.ref_logits = normals(V, 43, 2);
      check_gradient(c);
      c = make(V, temperature, {0.7f, -0.4f, 1.1f, 0.6f}, true);
      c.ref_logits = normals(V, 43, 2);
      check_gradient(c);
    }
  }
}

TEST_CASE("a reference that is the row itself has no gradient, and one that excludes a token has none that is finite") {
  for (const Kernels* k : levels()) {
    Case c = make(20, 1.0f, {0, 0, 0, 2}, false);
    c.ref_logits = c.logits;
    for (float d : gradient_of(*k, c)) CHECK(d == 0.0f);
    c.ref_logits[3] = -kInf;
    for (float d : gradient_of(*k, c)) CHECK_FALSE(std::isfinite(d));
    c.logits[3] = -kInf;  // impossible for both
    CHECK(gradient_of(*k, c)[3] == 0.0f);
  }
}

TEST_CASE("the gradient by what a soft cap was applied to agrees with central differences") {
  constexpr float kCap = 5;
  for (float temperature : {1.0f, 0.6f}) {
    for (int V : {1, 2, 15, 16, 17, 33}) {
      Case c = make(V, temperature, {0.7f, -0.4f, 1.1f, 0.6f, kCap}, true);
      c.ref_logits = normals(V, 43, 2);
      const Floats raw = normals(V, 44, 4);
      const auto capped = [](double x) { return double(kCap) * std::tanh(x / double(kCap)); };
      for (std::size_t i = 0; i < raw.size(); ++i) c.logits[i] = static_cast<float>(capped(double(raw[i])));
      const auto loss = [&](Doubles x) {
        for (double& l : x) l = capped(l);
        return loss_of(c, x);
      };
      for (const Kernels* k : levels()) {
        const Floats d = gradient_of(*k, c);
        for (std::size_t i = 0; i < d.size(); ++i) CHECK(near(d[i], slope(loss, doubles(raw), i), 3e-6, 2e-6));
      }
    }
  }
}

TEST_CASE("the three terms add up, at any temperature") {
  for (float temperature : {1.0f, 0.6f, 3.0f}) {
    for (int V : {2, 16, 35}) check_gradient(make(V, temperature, {0.7f, -0.4f, 1.1f}, true));
  }
}

TEST_CASE("no token need be chosen where its term is 0") {
  Case c = make(21, 1.0f, {0, 0.5f, 0.25f}, true);
  c.chosen = -1;
  check_gradient(c);
}

TEST_CASE("the gradient by a whole vocabulary agrees with the formula in double precision") {
  const Case c = make(50257, 0.9f, {0.7f, -0.4f, 1.1f}, true);
  const Doubles log_p = log_softmax(doubles(c.logits), c.temperature);
  const Doubles log_old = log_softmax(doubles(c.old_logits), c.temperature);
  const double h = entropy(log_p), t = c.temperature;
  for (const Kernels* k : levels()) {
    const Floats d = gradient_of(*k, c);
    for (std::size_t i = 0; i < d.size(); ++i) {
      const double p = std::exp(log_p[i]), one = int(i) == c.chosen ? 1 : 0;
      const double truth = (double(c.g.logprob) * (one - p) - double(c.g.entropy) * p * (log_p[i] + h) +
                            double(c.g.kl_old) * (p - std::exp(log_old[i]))) /
                           t;
      REQUIRE(near(d[i], truth, 3e-6, 3e-6 * (p + std::exp(log_old[i]))));
    }
  }
}

TEST_CASE("the gradient may be written over the logits, wherever they lie") {
  for (int V : {1, 7, 16, 33, 1500}) {
    const Case c = make(V, 0.8f, {0.7f, -0.4f, 1.1f}, true);
    for (const Kernels* k : levels()) {
      const Floats apart = gradient_of(*k, c);
      const RowStats s = stats_of(*k, c.logits, c.temperature, c.chosen);
      const RowStats old = stats_of(*k, c.old_logits, c.temperature);
      for (int shift : {0, 1, 7, 13}) {
        FlushDenormals flush;
        Guarded row(c.logits, shift);
        k->row_backward(row.data(), V, c.temperature, &s, c.chosen, c.g, {c.old_logits.data(), &old}, {}, row.data());
        CHECK(same_bits(row.values(), apart));
        CHECK(row.intact());
      }
    }
  }
}

TEST_CASE("a logit of minus infinity has gradient 0, chosen or not, and the others are as without it") {
  for (const Kernels* k : levels()) {
    Case c = make(20, 1.0f, {0.7f, -0.4f, 1.1f}, true), without = c;
    c.logits[3] = c.old_logits[3] = -kInf;
    without.logits.erase(without.logits.begin() + 3);
    without.old_logits.erase(without.old_logits.begin() + 3);
    without.chosen = c.chosen - 1;
    const Floats d = gradient_of(*k, c), expected = gradient_of(*k, without);
    CHECK(d[3] == 0.0f);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(near(d[i < 3 ? i : i + 1], expected[i], 1e-6, 1e-7));
    }
    c.chosen = 3;
    CHECK(gradient_of(*k, c)[3] == 0.0f);
    c.old_logits[3] = 1.0f;  // possible before, impossible now
    CHECK(gradient_of(*k, c)[3] == 0.0f);
  }
}

TEST_CASE("a row that is not a number has no gradient that looks like one") {
  for (const Kernels* k : levels()) {
    Case c = make(20, 1.0f, {0.7f, 0, 0}, false);
    c.logits[19] = kNan;
    for (float d : gradient_of(*k, c)) CHECK(std::isnan(d));
  }
}
