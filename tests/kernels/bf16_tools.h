// bf16 by its definition, for tests.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

namespace nudge::test {

// The bf16 number nearest to x, the one with an even last bit of two: its 8 bits of significand are whole numbers of
// 2^-7 of x's power of two.
inline float nearest_bf16(float x) {
  if (std::isnan(x) || std::isinf(x)) return x;
  if (std::fabs(x) < FLT_MIN) return std::copysign(0.0f, x);
  int exponent = 0;
  const double significand = std::frexp(static_cast<double>(x), &exponent);  // in [1/2, 1)
  const double whole = std::nearbyint(significand * 256);                    // to even
  return static_cast<float>(std::ldexp(whole, exponent - 8));                // infinite where it leaves float's range
}

}  // namespace nudge::test
