// Denormals are flushed once they are rounded: what rounds up to the least normal number, 2^-126, is that, also where the
// processor flushes before it rounds.
#include "tests/kernels/product.h"

using namespace nudge;
using namespace nudge::test;

namespace {

constexpr float kLeast = 0x1p-126f;

// `exact` rounded to 24 bits, as if the exponent had no limit, then flushed.
float flushed(double exact) {
  const double rounded = static_cast<float>(exact * 0x1p64);
  return static_cast<float>(std::fabs(rounded) < 0x1p-62 ? std::copysign(0.0, exact) : rounded * 0x1p-64);
}

// Factors whose products lie within some units of 2^-126, of both signs.
struct Factors {
  Floats a, b;
};
Factors factors_of_least(std::int64_t n) {
  Factors f;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto stream = static_cast<std::uint64_t>(i);
    f.a.push_back(static_cast<float>(1 + uniform(3, 1, stream)));
    float b = static_cast<float>(0x1p-126 / f.a.back() * (1 + (uniform(3, 2, stream) - 0.5) * 0x1p-22));
    if (b < kLeast) f.a.back() *= 0.5f, b *= 2;
    f.b.push_back(i % 3 == 0 ? -b : b);
  }
  return f;
}

// How many results are at the edge: 2^-126, though the exact one is less.
template <class Exact>
std::int64_t reached(std::int64_t n, const Exact& exact) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) count += std::fabs(exact(i)) < kLeast && flushed(exact(i)) != 0;
  return count;
}

}  // namespace

TEST_CASE("products that round up to the least normal number are it") {
  const std::int64_t n = 4099;
  const Factors factors = factors_of_least(n);
  const Floats &a = factors.a, &b = factors.b;
  const auto exact = [&](std::int64_t i) { return double{a[at(i)]} * double{b[at(i)]}; };
  REQUIRE(reached(n, exact) > 100);
  Floats wanted;
  for (std::int64_t i = 0; i < n; ++i) wanted.push_back(flushed(exact(i)));
  for (const Kernels* k : levels()) {
    INFO("level ", k->name);
    FlushDenormals flush;
    Floats y(at(n)), scaled(b);
    k->multiply(a.data(), b.data(), y.data(), n);
    CHECK(same_bits(y, wanted));
    for (std::int64_t i = 0; i < n; ++i) k->scale(a[at(i)], &scaled[at(i)], 1);
    CHECK(same_bits(scaled, wanted));
  }
}

TEST_CASE("quotients that round up to the least normal number are it") {
  for (const float divisor : {1.5f, 1.2345678f, 3.75f}) {
    const std::int64_t n = 40;
    Floats x, wanted, maxima;
    for (std::int64_t i = 0; i < n; ++i) {
      float numerator = static_cast<float>(divisor * 0x1p-126);
      for (std::int64_t step = 0; step < n / 2; ++step) numerator = std::nextafter(numerator, 0.0f);
      for (std::int64_t step = 0; step < i; ++step) numerator = std::nextafter(numerator, 1.0f);
      x.push_back(i % 2 == 0 ? numerator : -numerator);
      // A quotient of floats is never so near to the middle of two that rounding it to a double first matters.
      maxima.push_back(flushed(double{x.back()} / divisor));
      wanted.push_back(flushed(double{divisor} * double{maxima.back()}));
    }
    for (const Kernels* k : levels()) {
      INFO("level ", k->name);
      FlushDenormals flush;
      Floats y = x;
      k->soft_cap(divisor, y.data(), n);  // tanh of so little is it
      CHECK(same_bits(y, wanted));
      for (std::int64_t i = 0; i < n; ++i) {
        RowStats stats;
        k->row_stats(&x[at(i)], 1, divisor, 0, &stats);
        CHECK(same_bits(stats.max, maxima[at(i)]));
      }
    }
  }
}

TEST_CASE("FMAs that round up to the least normal number are it") {
  const std::int64_t n = 200;
  Floats x, c, added, turned;
  const float s = 0x1p-75f;
  const auto exact = [&](std::int64_t i, int sign) { return double{c[at(i)]} + sign * (double{s} * double{x[at(i)]}); };
  for (std::int64_t i = 0; i < n; ++i) {
    x.push_back(static_cast<float>((i % 2 == 0 ? -0x1p-82 : 0x1p-82) * static_cast<double>(i)));
    c.push_back(static_cast<float>(i % 4 < 2 ? 0x1p-126 : -0x1p-126));
    added.push_back(flushed(exact(i, 1))), turned.push_back(flushed(exact(i, -1)));
  }
  REQUIRE(reached(n, [&](std::int64_t i) { return exact(i, 1); }) > 20);
  REQUIRE(reached(n, [&](std::int64_t i) { return exact(i, -1); }) > 20);
  for (const Kernels* k : levels()) {
    INFO("level ", k->name);
    FlushDenormals flush;
    Floats y = c, head = c;
    k->add_scaled(s, x.data(), y.data(), n);
    CHECK(same_bits(y, added));
    head.insert(head.end(), x.begin(), x.end());
    const Floats cosine(at(n), 1.0f), sine(at(n), s);
    k->rotary(head.data(), 1, 2 * n, cosine.data(), sine.data(), n, false);
    head.resize(at(n));
    CHECK(same_bits(head, turned));
  }
}

TEST_CASE("chains of products that round up to the least normal number are it, in both arithmetics") {
  for (const std::int64_t M : {1, 2, 5, 61}) {
    Product p(M, 41, 300);
    std::fill(p.a.begin(), p.a.end(), 0.0f), std::fill(p.b.begin(), p.b.end(), 0.0f);
    Floats wanted(at(M * p.N));
    // Each element is 2^-126 from k = 260 on and less some 2^-151 from k = 262 on, in one chain of either arithmetic.
    for (std::int64_t m = 0; m < M; ++m) p.a[at(m * p.K + 260)] = 0x1p-63f, p.a[at(m * p.K + 262)] = -0x1p-75f;
    for (std::int64_t n = 0; n < p.N; ++n) {
      const double little = 0x1p-80 * static_cast<double>(n);
      p.b[at(260 * p.N + n)] = 0x1p-63f, p.b[at(262 * p.N + n)] = static_cast<float>(little);
      for (std::int64_t m = 0; m < M; ++m) wanted[at(m * p.N + n)] = flushed(0x1p-126 - 0x1p-75 * little);
    }
    REQUIRE(wanted[16] == kLeast);
    REQUIRE(wanted[17] == 0);
    for (const bool transposed : {false, true}) {
      for (const bool bf16 : {false, true}) {
        p.transposed = transposed, p.bf16 = bf16;
        for (const Kernels* k : levels()) {
          INFO("level ", k->name, ", ", M, " rows, transposed ", transposed, ", bf16 ", bf16);
          FlushDenormals flush;
          CHECK(same_bits(p.run(*k), wanted));
        }
      }
    }
  }
}
