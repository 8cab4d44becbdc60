// RMS norm against its definition in double precision, and its gradients against central differences.
#include <utility>

#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

constexpr float kEps = 1e-5f;

struct Case {
  std::int64_t T, C;
  bool plus_one;
  Floats x, weight, dy;
};

Case make(std::int64_t T, std::int64_t C, bool plus_one = false) {
  Case c{T, C, plus_one, normals(T * C, 81, 2), normals(C, 82), normals(T * C, 83)};
  for (float& x : c.x) x += 0.25f;
  return c;
}

struct Forward {
  Floats y, rstd;
};

Forward forward(const Kernels& k, const Case& c, float eps = kEps, int shift = 0) {
  Guarded x(c.x, shift), y(c.T * c.C, shift + 1), rstd(c.T, 3);
  k.rms_norm(x.data(), c.weight.data(), c.plus_one, c.T, c.C, eps, y.data(), rstd.data());
  CHECK((y.intact() && rstd.intact()));
  return {y.values(), rstd.values()};
}

// One row's output.
Doubles normed(const Doubles& x, const Doubles& weight, bool plus_one, double eps) {
  double square = 0;
  for (double v : x) square += v * v / double(x.size());
  Doubles y;
  for (std::size_t c = 0; c < x.size(); ++c)
    y.push_back(x[c] / std::sqrt(square + eps) * (plus_one ? 1 + weight[c] : weight[c]));
  return y;
}

// The scalar whose gradient by y is dy: sum dy y over all rows.
double loss(const Case& c, const Doubles& x, const Doubles& weight) {
  double sum = 0;
  for (std::int64_t t = 0; t < c.T; ++t) {
    const Doubles y = normed(Doubles(x.begin() + t * c.C, x.begin() + (t + 1) * c.C), weight, c.plus_one, double(kEps));
    for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * double(c.dy[std::size_t(t * c.C) + i]);
  }
  return sum;
}

Floats parameters(const Kernels& k, const Case& c, std::int64_t begin, std::int64_t end, const Floats& start) {
  const Forward f = forward(k, c);
  Guarded dweight(start, 5);
  k.rms_norm_parameters(c.dy.data(), c.x.data(), f.rstd.data(), c.T, c.C, begin, end, dweight.data());
  CHECK(dweight.intact());
  return dweight.values();
}

Floats zeros(std::int64_t C) { return Floats(std::size_t(C)); }

}  // namespace

TEST_CASE("RMS norm agrees with double precision at every size and alignment") {
  const auto check = [](const Kernels* k, bool plus_one) {
    for (std::int64_t C : sizes()) {
      if (C == 0) continue;
      const Case c = make(3, C, plus_one);
      const Forward f = forward(*k, c, kEps, int(C % 13));
      for (std::int64_t t = 0; t < 3; ++t) {
        const Doubles x(c.x.begin() + t * C, c.x.begin() + (t + 1) * C);
        const Doubles y = normed(x, doubles(c.weight), c.plus_one, double(kEps));
        const double floor = c.plus_one ? 1e-6 : 1e-9;  // 1 + w rounds where w is near -1
        for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(near(f.y[std::size_t(t * C) + i], y[i], 1e-6, floor));
      }
    }
  };
  for (const Kernels* k : levels())
    for (const bool plus_one : {false, true}) check(k, plus_one);
}

TEST_CASE("RMS norm leaves each row's inverse root mean square, eps included") {
  for (const Kernels* k : levels()) {
    Case c = make(1, 4);
    c.x = {1, -3, 5, 1};
    CHECK(near(forward(*k, c, 7.0f).rstd[0], 1 / std::sqrt(9.0 + 7.0), 1e-7, 0));
  }
}

TEST_CASE("a row of zeros stays one") {
  for (const Kernels* k : levels()) {
    Case c = make(1, 37);
    for (float& x : c.x) x = 0;
    const Forward f = forward(*k, c);
    for (float y : f.y) CHECK(y == 0.0f);
    CHECK(near(f.rstd[0], 1 / std::sqrt(1e-5), 1e-6, 0));
  }
}

TEST_CASE("RMS norm may be done in place, row by row or all at once") {
  const Case c = make(5, 50);
  for (const Kernels* k : levels()) {
    const Forward f = forward(*k, c);
    Floats x = c.x, rstd(5);
    for (std::int64_t t = 0; t < 5; ++t) {
      float* row = &x[std::size_t(t * 50)];
      k->rms_norm(row, c.weight.data(), false, 1, 50, kEps, row, &rstd[std::size_t(t)]);
    }
    CHECK((same_bits(x, f.y) && same_bits(rstd, f.rstd)));
  }
}

TEST_CASE("the gradient of RMS norm by its input agrees with central differences and is added") {
  const std::pair<std::int64_t, bool> cases[] = {// of a row of one nothing but rounding is left
                                                 {2, false},  {3, false},  {15, false}, {16, false},
                                                 {17, false}, {33, false}, {65, false}, {3, true},
                                                 {16, true},  {17, true},  {34, true},  {66, true}};
  for (const auto& [size, plus_one] : cases) {
    const std::int64_t C = size;
    const Case c = make(2, C, plus_one);
    const Floats residual = normals(2 * C, 85);
    const auto f = [&c](const Doubles& x) { return loss(c, x, doubles(c.weight)); };
    for (const Kernels* k : levels()) {
      const Forward y = forward(*k, c);
      Guarded dx(residual, int(C % 7));
      k->rms_norm_backward(c.dy.data(), c.x.data(), c.weight.data(), c.plus_one, y.rstd.data(), 2, C, dx.data());
      CHECK(dx.intact());
      const Floats d = dx.values();
      for (std::size_t i = 0; i < d.size(); ++i) {
        INFO("C = ", C, ", element ", i);
        CHECK(near(d[i], slope(f, doubles(c.x), i) + double(residual[i]), 2e-6, 5e-6));
      }
    }
  }
}

TEST_CASE("the gradient of the weight agrees with central differences") {
  const auto check = [](std::int64_t C, bool plus_one) {
    const Case c = make(4, C, plus_one);
    const auto f = [&c](const Doubles& g) { return loss(c, doubles(c.x), g); };
    for (const Kernels* k : levels()) {
      const Floats d = parameters(*k, c, 0, C, zeros(C));
      for (std::size_t i = 0; i < d.size(); ++i) CHECK(near(d[i], slope(f, doubles(c.weight), i), 2e-6, 5e-6));
    }
  };
  for (std::int64_t C : {1, 15, 16, 17, 33, 64, 65, 150})
    for (const bool plus_one : {false, true}) check(C, plus_one);
}

TEST_CASE("the gradient of RMS norm's weight is one chain over rows, cut anywhere in rows or channels") {
  const std::int64_t C = 150;
  const Case c = make(9, C);
  Case head = c, tail = c;
  head.T = 4;
  tail.T = 5;
  tail.x.erase(tail.x.begin(), tail.x.begin() + 4 * C);
  tail.dy.erase(tail.dy.begin(), tail.dy.begin() + 4 * C);
  for (const Kernels* k : levels()) {
    const Floats whole = parameters(*k, c, 0, C, zeros(C));
    CHECK(same_bits(parameters(*k, tail, 0, C, parameters(*k, head, 0, C, zeros(C))), whole));
    Floats columns = zeros(C);
    for (std::int64_t begin : {0, 37, 101}) {
      columns = parameters(*k, c, begin, begin == 0 ? 37 : begin == 37 ? 101 : C, columns);
    }
    CHECK(same_bits(columns, whole));
  }
}

TEST_CASE("the gradient of RMS norm's weight leaves channels outside its range alone") {
  const Case c = make(3, 40);
  for (const Kernels* k : levels()) {
    const Floats d = parameters(*k, c, 10, 30, zeros(40));
    for (std::size_t i = 0; i < 40; ++i) CHECK((d[i] != 0.0f) == (i >= 10 && i < 30));
  }
}
