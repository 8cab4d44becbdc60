// SwiGLU's gated product against double precision, and its gradients against central differences.
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

double silu(double x) { return x / (1 + std::exp(-x)); }

Floats ramp() {
  Floats x;
  for (int i = -4000; i <= 4000; ++i) x.push_back(static_cast<float>(i) / 200);  // -20 .. 20
  return x;
}

}  // namespace

TEST_CASE("the gated product agrees with double precision") {
  const Floats g = ramp(), u = normals(static_cast<std::int64_t>(g.size()), 95);
  for (const Kernels* k : levels()) {
    Floats y(g.size());
    k->silu_gate(g.data(), u.data(), y.data(), static_cast<std::int64_t>(g.size()));
    for (std::size_t i = 0; i < g.size(); ++i) REQUIRE(near(y[i], silu(double(g[i])) * double(u[i]), 5e-7, 1e-12));
  }
}

TEST_CASE("the gradients of the gated product agree with central differences") {
  const Floats g = ramp(), u = normals(static_cast<std::int64_t>(g.size()), 96);
  const Floats dy = normals(static_cast<std::int64_t>(g.size()), 97);
  for (const Kernels* k : levels()) {
    Floats dg(g.size()), du(g.size());
    k->silu_gate_backward(g.data(), u.data(), dy.data(), dg.data(), du.data(), static_cast<std::int64_t>(g.size()));
    for (std::size_t i = 0; i < g.size(); ++i) {
      const double h = 1e-5, at = double(g[i]), d = double(dy[i]);
      const double derivative = (silu(at + h) - silu(at - h)) / (2 * h) * double(u[i]);
      REQUIRE(near(dg[i], d * derivative, 1e-6, 1e-6 * std::abs(d * double(u[i]))));
      REQUIRE(near(du[i], d * silu(at), 5e-7, 1e-12));
    }
  }
}

TEST_CASE("the gated product does not depend on size, place or alignment, and works in place") {
  const Floats g = normals(2100, 98, 3), u = normals(2100, 99), dy = normals(2100, 100);
  for (const Kernels* k : levels()) {
    FlushDenormals flush;
    Floats all(g.size()), all_dg(g.size()), all_du(g.size());
    const auto size = static_cast<std::int64_t>(g.size());
    k->silu_gate(g.data(), u.data(), all.data(), size);
    k->silu_gate_backward(g.data(), u.data(), dy.data(), all_dg.data(), all_du.data(), size);
    for (std::int64_t n : sizes()) {
      const auto cut = [n](const Floats& x) { return Floats(x.begin() + 5, x.begin() + 5 + n); };
      Guarded a(cut(g), static_cast<int>(n % 7)), b(cut(u), 2), d(cut(dy), static_cast<int>(n % 3)), y(n, 3);
      k->silu_gate(a.data(), b.data(), y.data(), n);
      CHECK(same_bits(y.values(), cut(all)));
      k->silu_gate_backward(a.data(), b.data(), d.data(), d.data(), b.data(), n);
      CHECK(same_bits(d.values(), cut(all_dg)));
      CHECK(same_bits(b.values(), cut(all_du)));
      Guarded in(cut(g), 1), up(cut(u), 4);
      k->silu_gate(in.data(), up.data(), in.data(), n);
      CHECK(same_bits(in.values(), cut(all)));
      CHECK((a.intact() && b.intact() && d.intact() && y.intact() && in.intact() && up.intact()));
    }
  }
}

TEST_CASE("the gate and its slope are finite and flat far from 0") {
  for (const Kernels* k : levels()) {
    FlushDenormals flush;
    for (float x : {150.0f, 1e10f, 3e19f, FLT_MAX}) {
      const float minus = -x, one = 1.0f;
      float y = 0, dg = 0, du = 0;
      k->silu_gate(&x, &one, &y, 1);
      CHECK(y == x);
      k->silu_gate(&minus, &one, &y, 1);
      CHECK(y == 0.0f);
      k->silu_gate_backward(&x, &one, &one, &dg, &du, 1);
      CHECK((dg == 1.0f && du == x));
      k->silu_gate_backward(&minus, &one, &one, &dg, &du, 1);
      CHECK((dg == 0.0f && du == 0.0f));
    }
  }
}
