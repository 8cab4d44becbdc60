// Elementwise kernels: sizes, alignment, working in place, GELU and its gradients.
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Kernel = void (*Kernels::*)(const float*, float*, std::int64_t);
using Backward = void (*Kernels::*)(const float*, const float*, float*, std::int64_t);

const Kernel unary[] = {&Kernels::exp,     &Kernels::log,          &Kernels::tanh,      &Kernels::erf,
                        &Kernels::sigmoid, &Kernels::log_sigmoid,  &Kernels::gelu_tanh, &Kernels::gelu_erf,
                        &Kernels::relu,    &Kernels::round_to_bf16};
const Backward backward[] = {&Kernels::gelu_tanh_backward, &Kernels::gelu_erf_backward, &Kernels::relu_backward};

double gelu_tanh(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
double gelu_erf(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

Floats ramp() {
  Floats x;
  for (int i = -4000; i <= 4000; ++i) x.push_back(static_cast<float>(i) / 320);  // -12.5 .. 12.5
  return x;
}

void check_gelu(Kernel kernel, double (*truth)(double)) {
  const Floats x = ramp();
  for (const Kernels* k : levels()) {
    FlushDenormals flush;
    Floats y(x.size());
    (k->*kernel)(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double at = x[i];
      REQUIRE(near(y[i], truth(at), 4e-7, 1.2e-7 * std::abs(at)));
    }
  }
}

void check_gelu_backward(Backward kernel, double (*truth)(double)) {
  const Floats x = ramp(), dy = normals(static_cast<std::int64_t>(x.size()), 3);
  for (const Kernels* k : levels()) {
    FlushDenormals flush;
    Floats dx(x.size());
    (k->*kernel)(x.data(), dy.data(), dx.data(), static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double h = 1e-5, at = x[i];
      const double derivative = (truth(at + h) - truth(at - h)) / (2 * h);
      REQUIRE(near(dx[i], dy[i] * derivative, 1e-6, 1e-6 * std::abs(dy[i])));
    }
  }
}

}  // namespace

TEST_CASE("an element's function does not depend on size, place or alignment") {
  const Floats x = normals(2100, 1, 3);
  for (const Kernels* k : levels()) {
    for (Kernel f : unary) {
      FlushDenormals flush;
      Floats all(x.size());
      (k->*f)(x.data(), all.data(), static_cast<std::int64_t>(x.size()));
      for (std::int64_t n : sizes()) {
        const int shift = static_cast<int>(n % 7);
        Guarded in(Floats(x.begin() + 5, x.begin() + 5 + n), shift), out(n, 3);
        (k->*f)(in.data(), out.data(), n);
        CHECK(same_bits(out.values(), Floats(all.begin() + 5, all.begin() + 5 + n)));
        CHECK((in.intact() && out.intact()));
        (k->*f)(in.data(), in.data(), n);
        CHECK(same_bits(in.values(), out.values()));
        CHECK(in.intact());
      }
    }
  }
}

TEST_CASE("add and scale work at every size and alignment and leave their neighbours alone") {
  const Floats x = normals(2100, 4), y = normals(2100, 5);
  for (const Kernels* k : levels()) {
    for (std::int64_t n : sizes()) {
      Guarded a(Floats(x.begin(), x.begin() + n), 1), b(Floats(y.begin(), y.begin() + n), static_cast<int>(n % 5));
      k->add(a.data(), b.data(), n);
      const Floats sum = b.values();
      k->scale(1.7f, b.data(), n);
      const Floats scaled = b.values();
      for (std::size_t i = 0; i < sum.size(); ++i) {
        REQUIRE(sum[i] == x[i] + y[i]);
        REQUIRE(scaled[i] == (x[i] + y[i]) * 1.7f);
      }
      CHECK((a.intact() && b.intact()));
    }
  }
}

TEST_CASE("products and scaled sums work at every size and alignment and leave their neighbours alone") {
  const Floats x = normals(2100, 6), y = normals(2100, 7);
  for (const Kernels* k : levels()) {
    for (std::int64_t n : sizes()) {
      Guarded a(Floats(x.begin(), x.begin() + n), 1), b(Floats(y.begin(), y.begin() + n), static_cast<int>(n % 5)),
          c(n, 2);
      k->multiply(a.data(), b.data(), c.data(), n);
      const Floats product = c.values();
      k->add_scaled(0.7f, a.data(), b.data(), n);
      const Floats sum = b.values();
      k->multiply(a.data(), a.data(), a.data(), n);
      const Floats square = a.values();
      for (std::size_t i = 0; i < product.size(); ++i) {
        REQUIRE(product[i] == x[i] * y[i]);
        REQUIRE(square[i] == x[i] * x[i]);
        REQUIRE(sum[i] == std::fma(0.7f, x[i], y[i]));
      }
      CHECK((a.intact() && b.intact() && c.intact()));
    }
  }
}

TEST_CASE("a soft cap agrees with double precision at every size and alignment") {
  const Floats x = normals(2100, 8, 40);
  for (const Kernels* k : levels()) {
    FlushDenormals flush;
    for (std::int64_t n : sizes()) {
      Guarded a(Floats(x.begin(), x.begin() + n), static_cast<int>(n % 5));
      k->soft_cap(30, a.data(), n);
      const Floats capped = a.values();
      for (std::size_t i = 0; i < capped.size(); ++i)
        REQUIRE(near(capped[i], 30 * std::tanh(double(x[i]) / 30), 4e-7, 0));
      CHECK(a.intact());
    }
    Floats far{-kInf, -FLT_MAX, 0, FLT_MAX, kInf, kNan};
    k->soft_cap(2, far.data(), 6);
    CHECK((far[0] == -2 && far[1] == -2 && far[2] == 0 && far[3] == 2 && far[4] == 2 && std::isnan(far[5])));
  }
}

TEST_CASE("ReLU and its gradient are 0 up to 0, and a NaN stays one") {
  const Floats x{-kInf, -2.5f, -0.0f, 0.0f, FLT_MIN, 3.25f, kInf, kNan}, dy{1, 2, 3, 4, 5, 6, 7, 8};
  for (const Kernels* k : levels()) {
    Floats y(8), dx(8);
    k->relu(x.data(), y.data(), 8);
    k->relu_backward(x.data(), dy.data(), dx.data(), 8);
    CHECK(same_bits(y, Floats{0, 0, 0, 0, FLT_MIN, 3.25f, kInf, kNan}));
    CHECK(same_bits(dx, Floats{0, 0, 0, 0, 5, 6, 7, 8}));
  }
}

TEST_CASE("the tanh form of GELU agrees with double precision") { check_gelu(&Kernels::gelu_tanh, gelu_tanh); }
TEST_CASE("the erf form of GELU agrees with double precision") { check_gelu(&Kernels::gelu_erf, gelu_erf); }

TEST_CASE("the gradient of GELU's tanh form agrees with central differences") {
  check_gelu_backward(&Kernels::gelu_tanh_backward, gelu_tanh);
}
TEST_CASE("the gradient of GELU's erf form agrees with central differences") {
  check_gelu_backward(&Kernels::gelu_erf_backward, gelu_erf);
}

TEST_CASE("GELU's forms differ from each other as their definitions do") {
  const float x = 2.0f;
  for (const Kernels* k : levels()) {
    float tanh_form = 0, erf_form = 0;
    k->gelu_tanh(&x, &tanh_form, 1);
    k->gelu_erf(&x, &erf_form, 1);
    CHECK(near(tanh_form - erf_form, gelu_tanh(2) - gelu_erf(2), 0, 3e-7));
    CHECK(std::abs(tanh_form - erf_form) > 5e-5f);
  }
}

TEST_CASE("GELU and its gradient are finite and flat far from 0") {
  for (const Kernels* k : levels()) {
    FlushDenormals flush;
    for (float x : {30.0f, 150.0f, 1e10f, 3e19f, FLT_MAX}) {
      const float minus = -x, unit = 1.0f;
      float y = 0;
      for (Kernel f : {&Kernels::gelu_tanh, &Kernels::gelu_erf}) {
        (k->*f)(&x, &y, 1);
        CHECK(y == x);
        (k->*f)(&minus, &y, 1);
        CHECK(y == 0.0f);
      }
      for (Backward f : backward) {
        (k->*f)(&x, &unit, &y, 1);
        CHECK(y == 1.0f);
        (k->*f)(&minus, &unit, &y, 1);
        CHECK(y == 0.0f);
      }
    }
  }
}

TEST_CASE("a backward GELU works in place of its gradient at every size and alignment") {
  const Floats x = normals(2100, 6, 2), dy = normals(2100, 7);
  for (const Kernels* k : levels()) {
    for (Backward f : backward) {
      FlushDenormals flush;
      Floats all(x.size());
      (k->*f)(x.data(), dy.data(), all.data(), static_cast<std::int64_t>(x.size()));
      for (std::int64_t n : sizes()) {
        Guarded in(Floats(x.begin(), x.begin() + n), 2), d(Floats(dy.begin(), dy.begin() + n), static_cast<int>(n % 3));
        (k->*f)(in.data(), d.data(), d.data(), n);
        CHECK(same_bits(d.values(), Floats(all.begin(), all.begin() + n)));
        CHECK(d.intact());
      }
    }
  }
}
