// AdamW against a transcription of PyTorch's single-tensor step into double precision.
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct State {
  Doubles p, m, v;
};

// torch/optim/adamw.py, _single_tensor_adamw, with amsgrad and maximize off; clipping scales the gradient before.
void pytorch_step(State& s, const Floats& gradient, const AdamStep& a, int t) {
  const double beta1 = a.beta1, beta2 = a.beta2, lr = a.lr;
  const double bias_correction1 = 1 - std::pow(beta1, t), bias_correction2 = 1 - std::pow(beta2, t);
  for (std::size_t i = 0; i < s.p.size(); ++i) {
    const double g = double(gradient[i]) * double(a.gradient_scale);
    s.p[i] *= 1 - lr * double(a.weight_decay);
    s.m[i] += (g - s.m[i]) * (1 - beta1);
    s.v[i] = s.v[i] * beta2 + (1 - beta2) * g * g;
    const double step_size = lr / bias_correction1;
    const double denominator = std::sqrt(s.v[i]) / std::sqrt(bias_correction2) + double(a.eps);
    s.p[i] -= step_size * s.m[i] / denominator;
  }
}

AdamStep at_step(AdamStep a, int t) {
  a.correction1 = float(1 - std::pow(double(a.beta1), t));
  a.correction2 = float(1 - std::pow(double(a.beta2), t));
  return a;
}

constexpr AdamStep kUsual = {1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 0, 0, 1.0f};

// Ten steps of both from the same start.
void check_steps(const AdamStep& constants, std::int64_t n) {
  for (const Kernels* k : levels()) {
    FlushDenormals flush;
    const Floats start = normals(n, 81);
    Guarded p(start, 1), m(Floats(start.size()), 2), v(Floats(start.size()), int(n % 5));
    State truth{doubles(start), Doubles(start.size()), Doubles(start.size())};
    for (int t = 1; t <= 10; ++t) {
      const Floats g = normals(n, std::uint64_t(100 + t));
      const AdamStep step = at_step(constants, t);
      k->adamw(p.data(), g.data(), m.data(), v.data(), n, &step);
      pytorch_step(truth, g, constants, t);
    }
    CHECK((p.intact() && m.intact() && v.intact()));
    for (std::int64_t j = 0; j < n; ++j) {
      const std::size_t i = std::size_t(j);
      const double moved = truth.p[i] - double(start[i]);
      REQUIRE(near(m.data()[j], truth.m[i], 1e-5, 1e-7));
      REQUIRE(near(v.data()[j], truth.v[i], 1e-5, 1e-9));
      REQUIRE(near(p.data()[j] - start[i], moved, 2e-5, 1e-6 * std::abs(double(start[i])) + 1e-7));
    }
  }
}

}  // namespace

TEST_CASE("ten steps of AdamW are PyTorch's at every size") {
  for (std::int64_t n : sizes()) check_steps(kUsual, n);
}

TEST_CASE("AdamW's learning rate, betas, eps, decay and gradient scale each do what PyTorch's do") {
  AdamStep a = kUsual;
  a.lr = 0.05f;
  check_steps(a, 40);
  a.weight_decay = 0.3f;
  check_steps(a, 40);
  a.weight_decay = 0;
  check_steps(a, 40);
  a.beta1 = 0.5f;
  check_steps(a, 40);
  a.beta2 = 0.9f;
  check_steps(a, 40);
  a.eps = 0.5f;
  check_steps(a, 40);
  a.gradient_scale = 0.125f;
  check_steps(a, 40);
}

TEST_CASE("the first step moves each parameter by the learning rate against its gradient's sign") {
  for (const Kernels* k : levels()) {
    float p[3] = {0, 0, 0}, m[3] = {}, v[3] = {};
    const float g[3] = {3.0f, -1e-3f, 0.0f};
    const AdamStep step = at_step(kUsual, 1);
    k->adamw(p, g, m, v, 3, &step);
    CHECK((near(p[0], -1e-3, 1e-5, 0) && near(p[1], 1e-3, 2e-5, 0) && p[2] == 0.0f));
  }
}

TEST_CASE("without gradient the weights only decay") {
  for (const Kernels* k : levels()) {
    float p = 2.0f, m = 0, v = 0;
    const float g = 0;
    AdamStep step = at_step(kUsual, 1);
    step.lr = 0.1f;
    step.weight_decay = 0.5f;
    k->adamw(&p, &g, &m, &v, 1, &step);
    CHECK(near(p, 2 * (1 - 0.1 * 0.5), 1e-7, 0));
  }
}

TEST_CASE("a step does not depend on alignment or on the parameter's place") {
  const Floats p = normals(100, 91), g = normals(100, 92), m = normals(100, 93), v(100, 0.3f);
  const AdamStep step = at_step(kUsual, 3);
  for (const Kernels* k : levels()) {
    Guarded p0(p, 0), m0(m, 0), v0(v, 0), p1(p, 5), m1(m, 9), v1(v, 14);
    k->adamw(p0.data(), g.data(), m0.data(), v0.data(), 100, &step);
    k->adamw(p1.data(), g.data(), m1.data(), v1.data(), 37, &step);
    k->adamw(p1.data() + 37, g.data() + 37, m1.data() + 37, v1.data() + 37, 63, &step);
    CHECK((same_bits(p0.values(), p1.values()) && same_bits(m0.values(), m1.values())));
    CHECK(same_bits(v0.values(), v1.values()));
  }
}
