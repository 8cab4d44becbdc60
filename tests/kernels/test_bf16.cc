// bf16: rounding, and the product in the tile's arithmetic.
#include "tests/kernels/bf16_tools.h"
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("rounding to bf16 is to the nearest, ties to even") {
  // All upper halves with the lower halves around a tie and at the ends.
  Floats x;
  for (std::uint32_t high = 0; high < 0x10000; ++high)
    for (std::uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      x.push_back(std::bit_cast<float>(high << 16 | low));
  for (const Kernels* k : levels()) {
    FlushDenormals flush;
    Floats y(x.size());
    k->round_to_bf16(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      float wanted = 0;
      {
        // The oracle has to see denormals.
        const unsigned saved = _mm_getcsr();
        _mm_setcsr(saved & ~0x8040u);
        wanted = nearest_bf16(x[i]);
        _mm_setcsr(saved);
      }
      INFO("x = ", std::bit_cast<std::uint32_t>(x[i]));
      if (std::isnan(x[i])) REQUIRE(std::isnan(y[i]));
      else REQUIRE(std::bit_cast<std::uint32_t>(y[i]) == std::bit_cast<std::uint32_t>(wanted));
      REQUIRE((std::bit_cast<std::uint32_t>(y[i]) & 0xffff) == 0);
    }
  }
}
