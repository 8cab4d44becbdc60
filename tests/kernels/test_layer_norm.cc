// Layer norm against its definition in double precision, and its gradients against central differences.
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

constexpr float kEps = 1e-5f;

struct Case {
  std::int64_t T, C;
  Floats x, weight, bias, dy;
};

Case make(std::int64_t T, std::int64_t C) {
  Case c{T, C, normals(T * C, 71, 2), normals(C, 72), normals(C, 73), normals(T * C, 74)};
  for (float& x : c.x) x += 0.5f;
  return c;
}

struct Forward {
  Floats y, mean, rstd;
};

Forward forward(const Kernels& k, const Case& c, float eps = kEps, int shift = 0) {
  Guarded x(c.x, shift), y(c.T * c.C, shift + 1), mean(c.T, 2), rstd(c.T, 3);
  k.layer_norm(x.data(), c.weight.data(), c.bias.data(), c.T, c.C, eps, y.data(), mean.data(), rstd.data());
  CHECK((y.intact() && mean.intact() && rstd.intact()));
  return {y.values(), mean.values(), rstd.values()};
}

// One row's output.
Doubles normed(const Doubles& x, const Doubles& weight, const Doubles& bias, double eps) {
  double mean = 0, variance = 0;
  for (double v : x) mean += v / double(x.size());
  for (double v : x) variance += (v - mean) * (v - mean) / double(x.size());
  Doubles y;
  for (std::size_t c = 0; c < x.size(); ++c)
    y.push_back((x[c] - mean) / std::sqrt(variance + eps) * weight[c] + bias[c]);
  return y;
}

// The scalar whose gradient by y is dy: sum dy y over all rows.
double loss(const Case& c, const Doubles& x, const Doubles& weight, const Doubles& bias) {
  double sum = 0;
  for (std::int64_t t = 0; t < c.T; ++t) {
    const Doubles row(x.begin() + t * c.C, x.begin() + (t + 1) * c.C), y = normed(row, weight, bias, double(kEps));
    for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * double(c.dy[std::size_t(t * c.C) + i]);
  }
  return sum;
}

struct Parameters {
  Floats dweight, dbias;
};

Parameters parameters(const Kernels& k, const Case& c, std::int64_t begin, std::int64_t end, Parameters start) {
  const Forward f = forward(k, c);
  Guarded dweight(start.dweight, 5), dbias(start.dbias, 6);
  k.layer_norm_parameters(c.dy.data(), c.x.data(), f.mean.data(), f.rstd.data(), c.T, c.C, begin, end, dweight.data(),
                          dbias.data());
  CHECK((dweight.intact() && dbias.intact()));
  return {dweight.values(), dbias.values()};
}

Parameters zeros(std::int64_t C) { return {Floats(std::size_t(C)), Floats(std::size_t(C))}; }

}  // namespace

TEST_CASE("layer norm agrees with double precision at every size and alignment") {
  for (const Kernels* k : levels()) {
    for (std::int64_t C : sizes()) {
      if (C == 0) continue;
      const Case c = make(3, C);
      const Forward f = forward(*k, c, kEps, int(C % 13));
      for (std::int64_t t = 0; t < 3; ++t) {
        const Doubles y = normed(Doubles(c.x.begin() + t * C, c.x.begin() + (t + 1) * C), doubles(c.weight),
                                 doubles(c.bias), double(kEps));
        for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(near(f.y[std::size_t(t * C) + i], y[i], 1e-6, 4e-6));
      }
    }
  }
}

TEST_CASE("layer norm leaves each row's mean and inverse deviation") {
  for (const Kernels* k : levels()) {
    Case c = make(1, 4);
    c.x = {1, 3, 5, 7};
    const Forward f = forward(*k, c, 4.0f);
    CHECK(f.mean[0] == 4.0f);
    CHECK(near(f.rstd[0], 1 / std::sqrt(5.0 + 4.0), 1e-7, 0));  // biased variance 5, eps 4
  }
}

TEST_CASE("a constant row has no deviation but eps") {
  for (const Kernels* k : levels()) {
    Case c = make(1, 37);
    for (float& x : c.x) x = 8.0f;
    const Forward f = forward(*k, c);
    CHECK(same_bits(f.y, c.bias));
    CHECK(near(f.rstd[0], 1 / std::sqrt(1e-5), 1e-6, 0));
  }
}

TEST_CASE("a large mean does not swallow the deviations") {
  for (const Kernels* k : levels()) {
    Case c = make(1, 768);
    for (float& x : c.x) x = x / 4 + 1000;
    const Doubles y = normed(doubles(c.x), doubles(c.weight), doubles(c.bias), double(kEps));
    const Forward f = forward(*k, c);
    for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(near(f.y[i], y[i], 1e-3, 1e-3));
  }
}

TEST_CASE("layer norm may be done in place, row by row or all at once") {
  const Case c = make(5, 50);
  for (const Kernels* k : levels()) {
    const Forward f = forward(*k, c);
    Floats x = c.x, mean(5), rstd(5);
    for (std::int64_t t = 0; t < 5; ++t) {
      k->layer_norm(&x[std::size_t(t * 50)], c.weight.data(), c.bias.data(), 1, 50, kEps, &x[std::size_t(t * 50)],
                    &mean[std::size_t(t)], &rstd[std::size_t(t)]);
    }
    CHECK((same_bits(x, f.y) && same_bits(mean, f.mean) && same_bits(rstd, f.rstd)));
  }
}

TEST_CASE("the gradient of layer norm by its input agrees with central differences and is added") {
  for (std::int64_t C : {2, 3, 15, 16, 17, 33, 65}) {
    const Case c = make(2, C);
    const Floats residual = normals(2 * C, 75);
    const auto f = [&c](const Doubles& x) { return loss(c, x, doubles(c.weight), doubles(c.bias)); };
    for (const Kernels* k : levels()) {
      const Forward y = forward(*k, c);
      Guarded dx(residual, int(C % 7));
      k->layer_norm_backward(c.dy.data(), c.x.data(), c.weight.data(), y.mean.data(), y.rstd.data(), 2, C, dx.data());
      CHECK(dx.intact());
      const Floats d = dx.values();
      for (std::size_t i = 0; i < d.size(); ++i) {
        INFO("C = ", C, ", element ", i);
        // A row of two has a slope of nearly 0: a difference of large terms.
        CHECK(near(d[i], slope(f, doubles(c.x), i) + double(residual[i]), 2e-6, C == 2 ? 2e-5 : 5e-6));
      }
    }
  }
}

TEST_CASE("the gradients of weight and bias agree with central differences") {
  for (std::int64_t C : {1, 15, 16, 17, 33, 64, 65, 150}) {
    const Case c = make(4, C);
    const auto by_weight = [&c](const Doubles& g) { return loss(c, doubles(c.x), g, doubles(c.bias)); };
    const auto by_bias = [&c](const Doubles& b) { return loss(c, doubles(c.x), doubles(c.weight), b); };
    for (const Kernels* k : levels()) {
      const Parameters d = parameters(*k, c, 0, C, zeros(C));
      for (std::size_t i = 0; i < d.dweight.size(); ++i) {
        CHECK(near(d.dweight[i], slope(by_weight, doubles(c.weight), i), 2e-6, 5e-6));
        CHECK(near(d.dbias[i], slope(by_bias, doubles(c.bias), i), 2e-6, 5e-6));
      }
    }
  }
}

TEST_CASE("the gradients of weight and bias are one chain over rows, cut anywhere in rows or channels") {
  const std::int64_t C = 150;
  const Case c = make(9, C);
  Case head = c, tail = c;
  head.T = 4;
  tail.T = 5;
  tail.x.erase(tail.x.begin(), tail.x.begin() + 4 * C);
  tail.dy.erase(tail.dy.begin(), tail.dy.begin() + 4 * C);
  for (const Kernels* k : levels()) {
    const Parameters whole = parameters(*k, c, 0, C, zeros(C));
    const Parameters rows = parameters(*k, tail, 0, C, parameters(*k, head, 0, C, zeros(C)));
    CHECK((same_bits(rows.dweight, whole.dweight) && same_bits(rows.dbias, whole.dbias)));
    Parameters columns = zeros(C);
    for (std::int64_t begin : {0, 37, 101}) {
      columns = parameters(*k, c, begin, begin == 0 ? 37 : begin == 37 ? 101 : C, columns);
    }
    CHECK((same_bits(columns.dweight, whole.dweight) && same_bits(columns.dbias, whole.dbias)));
  }
}

TEST_CASE("the gradients of weight and bias leave channels outside their range alone") {
  const Case c = make(3, 40);
  for (const Kernels* k : levels()) {
    const Parameters d = parameters(*k, c, 10, 30, zeros(40));
    for (std::size_t i = 0; i < 40; ++i) {
      CHECK((d.dweight[i] != 0.0f) == (i >= 10 && i < 30));
      CHECK((d.dbias[i] != 0.0f) == (i >= 10 && i < 30));
    }
  }
}
