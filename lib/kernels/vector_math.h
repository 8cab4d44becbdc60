// Elementary functions of f32x16, built from IEEE operations and explicit FMAs alone, so that every
// level and compiler gives the same bits. tests/kernels/test_functions.cc holds the error allowed for each.
// Denormal arguments count as 0 and denormal results are 0 (the kernels run with both flushed).
//
// The polynomials are minimax fits of this project (Remez' exchange in 120 bits, coefficients rounded to
// float one after the other from the lowest, the others fitted again after each). tests/kernels/minimax.py measures each
// against the best of its form: 1.02 to 1.20 times the least error.
#pragma once

#include "lib/kernels/simd.h"

namespace nudge::NUDGE_LEVEL {

NUDGE_INLINE f32x16 abs(f32x16 x) { return float_of_bits(bits_of(x) & broadcast_int(0x7fffffff)); }
NUDGE_INLINE f32x16 negate(f32x16 x) { return float_of_bits(bits_of(x) ^ broadcast_int(INT32_MIN)); }
// The magnitude of a, which is not negative, with the sign of b.
NUDGE_INLINE f32x16 with_sign(f32x16 a, f32x16 b) {
  return float_of_bits(bits_of(a) | (bits_of(b) & broadcast_int(INT32_MIN)));
}
NUDGE_INLINE float first_lane(f32x16 x) {
  float lanes[kLanes];
  store(lanes, x);
  return lanes[0];
}

// Below this, exp is 0: half of the smallest denormal.
constexpr float kExpZero = -104.0f;
// And above this infinity.
constexpr float kExpMost = 89.0f;

// exp(x), with exp(0) exactly 1, 0 below the smallest normal number, infinity on overflow. exp_within is for x from
// kExpZero to kExpMost, or NaN. A vector's steps are one long chain: of N vectors each makes a step before the next.
template <int N>
NUDGE_INLINE void exp_within(f32x16 (&x)[N]) {
  f32x16 n[N], q[N];
  each<N>([&](auto i) NUDGE_LAMBDA { n[i] = round_to_even(x[i] * broadcast(1.44269504f)); });
  // ln 2 in two parts, the first of 9 bits.
  each<N>([&](auto i) NUDGE_LAMBDA { x[i] = fnma(n[i], broadcast(0.693359375f), x[i]); });
  each<N>([&](auto i) NUDGE_LAMBDA { x[i] = fnma(n[i], broadcast(-2.12194440e-4f), x[i]); });
  each<N>([&](auto i) NUDGE_LAMBDA { q[i] = fma(broadcast(0.00140361849f), x[i], broadcast(0.00837230403f)); });
  each<N>([&](auto i) NUDGE_LAMBDA { q[i] = fma(q[i], x[i], broadcast(0.0416655503f)); });
  each<N>([&](auto i) NUDGE_LAMBDA { q[i] = fma(q[i], x[i], broadcast(0.166664883f)); });
  each<N>([&](auto i) NUDGE_LAMBDA { q[i] = fma(q[i], x[i], broadcast(0.5f)); });
  each<N>([&](auto i) NUDGE_LAMBDA { q[i] = broadcast(1.0f) + fma(x[i] * x[i], q[i], x[i]); });
  each<N>([&](auto i) NUDGE_LAMBDA { x[i] = times_power_of_2(q[i], n[i]); });
}
NUDGE_INLINE f32x16 exp_within(f32x16 x) {
  f32x16 one[1] = {x};
  exp_within(one);
  return one[0];
}
NUDGE_INLINE f32x16 exp(f32x16 x) {
  return exp_within(max(broadcast(kExpZero), min(broadcast(kExpMost), x)));  // in this order of operands a NaN stays
}

// k ln 2 + log(1 + f) for f in [1/sqrt(2) - 1, sqrt(2) - 1].
NUDGE_INLINE f32x16 log_reduced(f32x16 f, f32x16 k) {
  f32x16 p = broadcast(-0.0764301792f);
  p = fma(p, f, broadcast(0.127668813f));
  p = fma(p, f, broadcast(-0.131594911f));
  p = fma(p, f, broadcast(0.142009467f));
  p = fma(p, f, broadcast(-0.166233346f));
  p = fma(p, f, broadcast(0.200012609f));
  p = fma(p, f, broadcast(-0.250008225f));
  p = fma(p, f, broadcast(0.333333313f));
  const f32x16 square = f * f;
  f32x16 y = fma(square * f, p, k * broadcast(-2.12194440e-4f));
  y = fnma(square, broadcast(0.5f), y);
  return fma(k, broadcast(0.693359375f), f + y);
}

// log(x): -infinity at 0, NaN below.
NUDGE_INLINE f32x16 log(f32x16 x) {
  constexpr float kInfinity = __builtin_inff();
  const i32x16 bits = bits_of(x);
  const i32x16 k = shift_right_signed<23>(bits - broadcast_int(0x3f3504f3));  // from sqrt(1/2)
  const f32x16 f = float_of_bits(bits - shift_left<23>(k)) - broadcast(1.0f);
  f32x16 y = log_reduced(f, to_float(k));
  y = select(x < broadcast(1.17549435e-38f), broadcast(-kInfinity), y);
  y = select(x <= broadcast(-1.17549435e-38f), broadcast(__builtin_nanf("")), y);
  return select(is_nan(x) | (x == broadcast(kInfinity)), x, y);
}

// log(1 + t) for t in [0, 1], accurate relative to t.
NUDGE_INLINE f32x16 log1p_unit(f32x16 t) {
  const mask16 small = t < broadcast(0.41421356f);
  const f32x16 f = select(small, t, (t - broadcast(1.0f)) * broadcast(0.5f));
  return log_reduced(f, select(small, broadcast(0.0f), broadcast(1.0f)));
}

// 1 / (1 + exp(-x)), accurate relative to the result on both sides.
NUDGE_INLINE f32x16 sigmoid(f32x16 x) {
  const f32x16 e = exp(negate(abs(x)));
  return select(x < broadcast(0.0f), e, broadcast(1.0f)) / (broadcast(1.0f) + e);
}

// log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|)).
NUDGE_INLINE f32x16 log_sigmoid(f32x16 x) { return min(broadcast(0.0f), x) - log1p_unit(exp(negate(abs(x)))); }

NUDGE_INLINE f32x16 tanh(f32x16 x) {
  const f32x16 s = x * x;
  f32x16 p = broadcast(-0.00569229666f);
  p = fma(p, s, broadcast(0.0206281673f));
  p = fma(p, s, broadcast(-0.0537365153f));
  p = fma(p, s, broadcast(0.133314058f));
  p = fma(p, s, broadcast(-0.333332807f));
  const f32x16 a = abs(x);
  const f32x16 small = fma(a * s, p, a);
  // Away from 0: 1 - 2 / (exp(2|x|) + 1), which an infinite exp takes to 1.
  const f32x16 large = broadcast(1.0f) - broadcast(2.0f) / (exp(a + a) + broadcast(1.0f));
  return with_sign(select(a < broadcast(0.625f), small, large), x);
}

NUDGE_INLINE f32x16 erf(f32x16 x) {
  const f32x16 s = x * x;
  f32x16 p = broadcast(-0.00059945049f);
  p = fma(p, s, broadcast(0.00499403803f));
  p = fma(p, s, broadcast(-0.0267673489f));
  p = fma(p, s, broadcast(0.112818435f));
  p = fma(p, s, broadcast(-0.376124978f));
  p = fma(p, s, broadcast(0.128379151f));
  const f32x16 small = fma(x, p, x);
  // Away from 0: 1 - exp(t q(t)) with t q(t) = log erfc(t) on [0.9, 4]; beyond, erf rounds to 1.
  const f32x16 t = min(broadcast(4.0f), abs(x));
  f32x16 q = broadcast(0.00021459056f);
  q = fma(q, t, broadcast(-0.00321993325f));
  q = fma(q, t, broadcast(0.0229058787f));
  q = fma(q, t, broadcast(-0.105286598f));
  q = fma(q, t, broadcast(-0.63569957f));
  q = fma(q, t, broadcast(-1.12851989f));
  const f32x16 large = broadcast(1.0f) - exp(t * q);
  return select(abs(x) < broadcast(0.921875f), small, with_sign(large, x));
}

}  // namespace nudge::NUDGE_LEVEL
