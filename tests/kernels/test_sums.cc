// Sums over a row and over rows.
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("the sum of squares and the dot product agree with double precision at every size") {
  const Floats x = normals(3000, 11), y = normals(3000, 12);
  for (const Kernels* k : levels()) {
    for (std::int64_t n : sizes()) {
      Guarded a(Floats(x.begin(), x.begin() + n), static_cast<int>(n % 11)), b(Floats(y.begin(), y.begin() + n), 5);
      double squares = 0, product = 0, size = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        squares += double(x[i]) * x[i];
        product += double(x[i]) * y[i];
        size += std::abs(double(x[i]) * y[i]);
      }
      CHECK(near(k->sum_squares(a.data(), n), squares, 1e-6, 0));
      CHECK(near(k->dot(a.data(), b.data(), n), product, 0, 1e-6 * size));
    }
  }
}

TEST_CASE("sums have the same bits wherever their row lies") {
  const Floats x = normals(50257, 13), y = normals(50257, 14);
  const std::int64_t n = 50257;
  for (const Kernels* k : levels()) {
    const float squares = k->sum_squares(x.data(), n), product = k->dot(x.data(), y.data(), n);
    for (int shift = 0; shift < 16; ++shift) {
      Guarded a(x, shift), b(y, 15 - shift);
      CHECK(same_bits(k->sum_squares(a.data(), n), squares));
      CHECK(same_bits(k->dot(a.data(), b.data(), n), product));
    }
  }
}

TEST_CASE("a sum over millions of elements keeps its digits") {
  const Floats x(1 << 24, 1.1f);
  const double truth = double(1.1f) * double(1.1f) * (1 << 24);
  for (const Kernels* k : levels()) CHECK(near(k->sum_squares(x.data(), 1 << 24), truth, 1e-6, 0));
}

TEST_CASE("sums are 16 lanes by position and one fixed tree") {
  // Up to a block of 1024 the order is spelled out here.
  const Floats x = normals(777, 15), y = normals(777, 16);
  float lanes[16] = {};
  for (std::size_t i = 0; i < x.size(); ++i) lanes[i % 16] = std::fma(x[i], y[i], lanes[i % 16]);
  for (int half : {8, 4, 2, 1}) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  for (const Kernels* k : levels()) CHECK(same_bits(k->dot(x.data(), y.data(), 777), lanes[0]));
}

TEST_CASE("rows are added one after the other, through memory") {
  for (std::int64_t C : {1, 15, 16, 17, 63, 64, 65, 150}) {
    const std::int64_t T = 9, ld = C + 3;
    const Floats x = normals(T * ld, 17), start = normals(C, 18);
    Floats expected = start;
    for (std::int64_t t = 0; t < T; ++t) {
      for (std::int64_t c = 0; c < C; ++c) expected[std::size_t(c)] += x[std::size_t(t * ld + c)];
    }
    for (const Kernels* k : levels()) {
      Guarded whole(start, 1), paused(start, 2);
      k->add_rows(x.data(), ld, T, C, whole.data());
      k->add_rows(x.data(), ld, 4, C, paused.data());
      k->add_rows(x.data() + 4 * ld, ld, T - 4, C, paused.data());
      CHECK(same_bits(whole.values(), expected));
      CHECK(same_bits(paused.values(), expected));
      CHECK((whole.intact() && paused.intact()));
    }
  }
}
