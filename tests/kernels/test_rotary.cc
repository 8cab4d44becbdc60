// RoPE: rotated pairs of channels, against double precision and central differences.
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Case {
  std::int64_t heads, step, half;
  Floats x, cosine, sine;
};

// `rest` channels of a head do not turn, and `gap` floats lie between heads.
Case make(std::int64_t heads, std::int64_t half, std::int64_t rest, std::int64_t gap) {
  const std::int64_t step = 2 * half + rest + gap;
  Case c{heads, step, half, normals(heads * step, 91, 2), {}, {}};
  for (std::int64_t i = 0; i < half; ++i) {
    const double angle = 7 * normal(17, 92, std::uint64_t(i));
    c.cosine.push_back(static_cast<float>(std::cos(angle)));
    c.sine.push_back(static_cast<float>(std::sin(angle)));
  }
  return c;
}

Doubles turned(const Case& c, const Doubles& x, double sign) {
  Doubles y = x;
  for (std::int64_t h = 0; h < c.heads; ++h) {
    for (std::int64_t i = 0; i < c.half; ++i) {
      const auto a = std::size_t(h * c.step + i), b = a + std::size_t(c.half), at = std::size_t(i);
      const double cosine = double(c.cosine[at]), sine = sign * double(c.sine[at]);
      y[a] = x[a] * cosine - x[b] * sine;
      y[b] = x[b] * cosine + x[a] * sine;
    }
  }
  return y;
}

Floats run(const Kernels& k, const Case& c, const Floats& x, bool back, int shift = 0) {
  Guarded y(x, shift), cosine(c.cosine, 2), sine(c.sine, 5);
  k.rotary(y.data(), c.heads, c.step, cosine.data(), sine.data(), c.half, back);
  CHECK(y.intact());
  return y.values();
}

}  // namespace

TEST_CASE("rotation agrees with double precision at every size and alignment, forward and back") {
  for (const Kernels* k : levels()) {
    for (std::int64_t half : sizes()) {
      const Case c = make(half > 100 ? 1 : 3, half, half % 4 * 2, half % 5);
      for (bool back : {false, true}) {
        const Floats y = run(*k, c, c.x, back, int(half % 13));
        const Doubles truth = turned(c, doubles(c.x), back ? -1 : 1);
        for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(near(y[i], truth[i], 2e-7, 1e-6));
      }
    }
  }
}

TEST_CASE("channels that do not turn and what lies between heads keep their bits") {
  const Case c = make(4, 5, 6, 3);
  for (const Kernels* k : levels()) {
    const Floats y = run(*k, c, c.x, false);
    for (std::int64_t i = 0; i < c.heads * c.step; ++i) {
      if (i % c.step >= 2 * c.half) CHECK(same_bits(y[std::size_t(i)], c.x[std::size_t(i)]));
    }
  }
}

TEST_CASE("position 0 turns nothing, and turning back undoes a turn") {
  for (const Kernels* k : levels()) {
    Case c = make(2, 19, 0, 0);
    const Floats there = run(*k, c, c.x, false), again = run(*k, c, there, true);
    for (std::size_t i = 0; i < again.size(); ++i) CHECK(near(again[i], c.x[i], 0, 2e-6));
    for (std::size_t i = 0; i < c.cosine.size(); ++i) c.cosine[i] = 1, c.sine[i] = 0;
    CHECK(same_bits(run(*k, c, c.x, false), c.x));
  }
}

TEST_CASE("turning back is the gradient of turning") {
  const Case c = make(2, 7, 4, 2);
  const Floats dy = normals(c.heads * c.step, 93);
  const auto loss = [&](const Doubles& x) {
    const Doubles y = turned(c, x, 1);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * double(dy[i]);
    return sum;
  };
  for (const Kernels* k : levels()) {
    const Floats dx = run(*k, c, dy, true);
    for (std::size_t i = 0; i < dx.size(); ++i) CHECK(near(dx[i], slope(loss, doubles(c.x), i), 1e-6, 1e-6));
  }
}

TEST_CASE("heads turn alike, one after the other or each alone") {
  const Case c = make(5, 18, 0, 4);
  for (const Kernels* k : levels()) {
    const Floats all = run(*k, c, c.x, false);
    Floats each = c.x;
    for (std::int64_t h = 0; h < c.heads; ++h) {
      k->rotary(each.data() + h * c.step, 1, 1, c.cosine.data(), c.sine.data(), c.half, false);
    }
    CHECK(same_bits(each, all));
  }
}
