// f32x16 as four NEON registers: included by simd.h, which says what each operation is.
//
// Flushed denormals are where Arm and x86-64 differ. x86-64 flushes a result that is below the least normal number 2^-126
// once rounded to 24 bits, Arm (FPCR.FZ) one that is below it before: a product, quotient or FMA from
// 2^-126 (1 - 2^-25) up to 2^-126 is 2^-126 there and 0 here. So each of these operations is computed twice, the second
// time 2^64 times as large, where nothing is flushed and the rounding to 24 bits is the same: if that is 2^-62, the
// result is 2^-126. Sums and differences need no such care (one that is denormal is exact), nor do square roots.
// Where that would cost too much, in the chains of products, operations ending in _unless_tiny are used, and underflowed()
// says afterwards whether any result was flushed, by the processor's own flag.
#pragma once

#include <arm_neon.h>

namespace nudge::NUDGE_LEVEL {

struct f32x16 {
  float32x4_t q0, q1, q2, q3;
};
struct i32x16 {
  int32x4_t q0, q1, q2, q3;
};
struct mask16 {
  uint32x4_t q0, q1, q2, q3;
};

// Of a vector type V: f of each quarter of one, two or three vectors.
template <class V, class F, class A>
NUDGE_INLINE V quarters(const F& f, const A& a) {
  return {f(a.q0), f(a.q1), f(a.q2), f(a.q3)};
}
template <class V, class F, class A, class B>
NUDGE_INLINE V quarters(const F& f, const A& a, const B& b) {
  return {f(a.q0, b.q0), f(a.q1, b.q1), f(a.q2, b.q2), f(a.q3, b.q3)};
}
template <class V, class F, class A, class B, class C>
NUDGE_INLINE V quarters(const F& f, const A& a, const B& b, const C& c) {
  return {f(a.q0, b.q0, c.q0), f(a.q1, b.q1, c.q1), f(a.q2, b.q2, c.q2), f(a.q3, b.q3, c.q3)};
}

using Floats = float32x4_t;
using Ints = int32x4_t;
using Bits = uint32x4_t;

NUDGE_INLINE f32x16 broadcast(float x) {
  const Floats q = vdupq_n_f32(x);
  return {q, q, q, q};
}
NUDGE_INLINE f32x16 load(const float* p) {
  return {vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)};
}
NUDGE_INLINE void store(float* p, f32x16 a) {
  vst1q_f32(p, a.q0), vst1q_f32(p + 4, a.q1), vst1q_f32(p + 8, a.q2), vst1q_f32(p + 12, a.q3);
}
NUDGE_INLINE void stream(float* p, f32x16 a) { store(p, a); }
// Through memory, since Arm's loads have no mask.
NUDGE_INLINE f32x16 load_first(const float* p, int64_t n) {
  if (n == 16) return load(p);
  float all[16] = {};
  for (int64_t i = 0; i < n; ++i) all[i] = p[i];
  return load(all);
}
NUDGE_INLINE void store_first(float* p, f32x16 a, int64_t n) {
  if (n == 16) return store(p, a);
  float all[16];
  store(all, a);
  for (int64_t i = 0; i < n; ++i) p[i] = all[i];
}
NUDGE_INLINE mask16 first(int64_t n) {
  constexpr int32_t kNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const Ints end = vdupq_n_s32(static_cast<int32_t>(n));
  return {vcltq_s32(vld1q_s32(kNumbers), end), vcltq_s32(vld1q_s32(kNumbers + 4), end),
          vcltq_s32(vld1q_s32(kNumbers + 8), end), vcltq_s32(vld1q_s32(kNumbers + 12), end)};
}

// `result`, but 2^-126 with its sign where `scaled`, 2^64 times as large, says that rounding reaches it.
NUDGE_INLINE Floats mended(Floats result, Floats scaled) {
  const Bits reached = vceqq_f32(vabsq_f32(scaled), vdupq_n_f32(0x1p-62f));
  return vbslq_f32(reached, vmulq_n_f32(scaled, 0x1p-64f), result);
}
// A factor that overflows has a product or quotient that isn't tiny, and then `scaled` isn't 2^-62 either.
NUDGE_INLINE Floats scaled_up(Floats a) { return vmulq_n_f32(a, 0x1p32f); }

NUDGE_INLINE f32x16 operator+(f32x16 a, f32x16 b) {
  return quarters<f32x16>([](Floats x, Floats y) NUDGE_LAMBDA { return vaddq_f32(x, y); }, a, b);
}
NUDGE_INLINE f32x16 operator-(f32x16 a, f32x16 b) {
  return quarters<f32x16>([](Floats x, Floats y) NUDGE_LAMBDA { return vsubq_f32(x, y); }, a, b);
}
NUDGE_INLINE f32x16 operator*(f32x16 a, f32x16 b) {
  return quarters<f32x16>([](Floats x, Floats y)
                              NUDGE_LAMBDA { return mended(vmulq_f32(x, y), vmulq_f32(scaled_up(x), scaled_up(y))); },
                          a, b);
}
NUDGE_INLINE f32x16 operator/(f32x16 a, f32x16 b) {
  return quarters<f32x16>([](Floats x, Floats y)
                              NUDGE_LAMBDA { return mended(vdivq_f32(x, y), vdivq_f32(scaled_up(scaled_up(x)), y)); },
                          a, b);
}
NUDGE_INLINE f32x16 fma_unless_tiny(f32x16 a, f32x16 b, f32x16 c) {
  return quarters<f32x16>([](Floats x, Floats y, Floats z) NUDGE_LAMBDA { return vfmaq_f32(z, x, y); }, a, b, c);
}
NUDGE_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
  return quarters<f32x16>(
      [](Floats x, Floats y, Floats z) NUDGE_LAMBDA {
        return mended(vfmaq_f32(z, x, y), vfmaq_f32(scaled_up(scaled_up(z)), scaled_up(x), scaled_up(y)));
      },
      a, b, c);
}
NUDGE_INLINE f32x16 fnma(f32x16 a, f32x16 b, f32x16 c) {
  return quarters<f32x16>(
      [](Floats x, Floats y, Floats z) NUDGE_LAMBDA {
        return mended(vfmsq_f32(z, x, y), vfmsq_f32(scaled_up(scaled_up(z)), scaled_up(x), scaled_up(y)));
      },
      a, b, c);
}
// FMULX by 1 flushes denormals, as x86-64's max and min do; a compiler would take a plain product by 1 away.
NUDGE_INLINE f32x16 max(f32x16 a, f32x16 b) {
  return quarters<f32x16>([](Floats x, Floats y)
                              NUDGE_LAMBDA { return vmulxq_f32(vbslq_f32(vcgtq_f32(x, y), x, y), vdupq_n_f32(1.0f)); },
                          a, b);
}
NUDGE_INLINE f32x16 min(f32x16 a, f32x16 b) {
  return quarters<f32x16>([](Floats x, Floats y)
                              NUDGE_LAMBDA { return vmulxq_f32(vbslq_f32(vcltq_f32(x, y), x, y), vdupq_n_f32(1.0f)); },
                          a, b);
}
NUDGE_INLINE f32x16 sqrt(f32x16 a) {
  return quarters<f32x16>([](Floats x) NUDGE_LAMBDA { return vsqrtq_f32(x); }, a);
}
NUDGE_INLINE f32x16 round_to_even(f32x16 a) {
  return quarters<f32x16>([](Floats x) NUDGE_LAMBDA { return vrndnq_f32(x); }, a);
}

NUDGE_INLINE i32x16 broadcast_int(int32_t x) {
  const Ints q = vdupq_n_s32(x);
  return {q, q, q, q};
}
NUDGE_INLINE i32x16 bits_of(f32x16 a) {
  return quarters<i32x16>([](Floats x) NUDGE_LAMBDA { return vreinterpretq_s32_f32(x); }, a);
}
NUDGE_INLINE f32x16 float_of_bits(i32x16 a) {
  return quarters<f32x16>([](Ints x) NUDGE_LAMBDA { return vreinterpretq_f32_s32(x); }, a);
}
NUDGE_INLINE i32x16 to_int(f32x16 a) {
  return quarters<i32x16>([](Floats x) NUDGE_LAMBDA { return vcvtnq_s32_f32(x); }, a);
}
NUDGE_INLINE f32x16 to_float(i32x16 a) {
  return quarters<f32x16>([](Ints x) NUDGE_LAMBDA { return vcvtq_f32_s32(x); }, a);
}
NUDGE_INLINE i32x16 operator+(i32x16 a, i32x16 b) {
  return quarters<i32x16>([](Ints x, Ints y) NUDGE_LAMBDA { return vaddq_s32(x, y); }, a, b);
}
NUDGE_INLINE i32x16 operator-(i32x16 a, i32x16 b) {
  return quarters<i32x16>([](Ints x, Ints y) NUDGE_LAMBDA { return vsubq_s32(x, y); }, a, b);
}
NUDGE_INLINE i32x16 operator&(i32x16 a, i32x16 b) {
  return quarters<i32x16>([](Ints x, Ints y) NUDGE_LAMBDA { return vandq_s32(x, y); }, a, b);
}
NUDGE_INLINE i32x16 operator|(i32x16 a, i32x16 b) {
  return quarters<i32x16>([](Ints x, Ints y) NUDGE_LAMBDA { return vorrq_s32(x, y); }, a, b);
}
NUDGE_INLINE i32x16 operator^(i32x16 a, i32x16 b) {
  return quarters<i32x16>([](Ints x, Ints y) NUDGE_LAMBDA { return veorq_s32(x, y); }, a, b);
}
template <int n>
NUDGE_INLINE i32x16 shift_left(i32x16 a) {
  return quarters<i32x16>([](Ints x) NUDGE_LAMBDA { return vshlq_n_s32(x, n); }, a);
}
template <int n>
NUDGE_INLINE i32x16 shift_right_signed(i32x16 a) {
  return quarters<i32x16>([](Ints x) NUDGE_LAMBDA { return vshrq_n_s32(x, n); }, a);
}
template <int n>
NUDGE_INLINE i32x16 shift_right(i32x16 a) {
  return quarters<i32x16>(
      [](Ints x) NUDGE_LAMBDA { return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(x), n)); }, a);
}
NUDGE_INLINE i32x16 chains_of_fours(i32x16 a) {
  constexpr uint8_t kOrder[16] = {8, 9, 10, 11, 0, 1, 2, 3, 12, 13, 14, 15, 4, 5, 6, 7};
  const uint8x16_t order = vld1q_u8(kOrder);
  return quarters<i32x16>(
      [&](Ints x) NUDGE_LAMBDA { return vreinterpretq_s32_u8(vqtbl1q_u8(vreinterpretq_u8_s32(x), order)); }, a);
}
NUDGE_INLINE i32x16 load_halves(const uint16_t* p) {
  const uint16x8_t low = vld1q_u16(p), high = vld1q_u16(p + 8);
  return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))), vreinterpretq_s32_u32(vmovl_high_u16(low)),
          vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))), vreinterpretq_s32_u32(vmovl_high_u16(high))};
}
NUDGE_INLINE void store_halves(uint16_t* p, i32x16 a) {
  const auto halves = [](Ints x) NUDGE_LAMBDA { return vreinterpretq_u16_s32(x); };
  vst1q_u16(p, vuzp1q_u16(halves(a.q0), halves(a.q1))), vst1q_u16(p + 8, vuzp1q_u16(halves(a.q2), halves(a.q3)));
}

// As two factors, as in AVX2. A power of 2 rounds nothing, so nothing has to be mended.
NUDGE_INLINE f32x16 times_power_of_2(f32x16 a, f32x16 n) {
  const auto times = [](Floats x, Floats y) NUDGE_LAMBDA { return vmulq_f32(x, y); };
  const i32x16 whole = to_int(n), half = shift_right_signed<1>(whole), bias = broadcast_int(127);
  const f32x16 one = float_of_bits(shift_left<23>(half + bias));
  return quarters<f32x16>(times, quarters<f32x16>(times, a, one), float_of_bits(shift_left<23>(whole - half + bias)));
}

NUDGE_INLINE mask16 operator<(f32x16 a, f32x16 b) {
  return quarters<mask16>([](Floats x, Floats y) NUDGE_LAMBDA { return vcltq_f32(x, y); }, a, b);
}
NUDGE_INLINE mask16 operator<=(f32x16 a, f32x16 b) {
  return quarters<mask16>([](Floats x, Floats y) NUDGE_LAMBDA { return vcleq_f32(x, y); }, a, b);
}
NUDGE_INLINE mask16 operator==(f32x16 a, f32x16 b) {
  return quarters<mask16>([](Floats x, Floats y) NUDGE_LAMBDA { return vceqq_f32(x, y); }, a, b);
}
NUDGE_INLINE mask16 is_nan(f32x16 a) {
  return quarters<mask16>([](Floats x) NUDGE_LAMBDA { return vmvnq_u32(vceqq_f32(x, x)); }, a);
}
NUDGE_INLINE mask16 operator&(mask16 a, mask16 b) {
  return quarters<mask16>([](Bits x, Bits y) NUDGE_LAMBDA { return vandq_u32(x, y); }, a, b);
}
NUDGE_INLINE mask16 operator|(mask16 a, mask16 b) {
  return quarters<mask16>([](Bits x, Bits y) NUDGE_LAMBDA { return vorrq_u32(x, y); }, a, b);
}
NUDGE_INLINE f32x16 select(mask16 m, f32x16 a, f32x16 b) {
  return quarters<f32x16>([](Bits z, Floats x, Floats y) NUDGE_LAMBDA { return vbslq_f32(z, x, y); }, m, a, b);
}

// Four rows become four columns.
NUDGE_INLINE void transpose_4(Floats& a, Floats& b, Floats& c, Floats& d) {
  const auto low = [](Floats x, Floats y) NUDGE_LAMBDA {
    return vreinterpretq_f32_f64(vtrn1q_f64(vreinterpretq_f64_f32(x), vreinterpretq_f64_f32(y)));
  };
  const auto high = [](Floats x, Floats y) NUDGE_LAMBDA {
    return vreinterpretq_f32_f64(vtrn2q_f64(vreinterpretq_f64_f32(x), vreinterpretq_f64_f32(y)));
  };
  const Floats ab_even = vtrn1q_f32(a, b), ab_odd = vtrn2q_f32(a, b);
  const Floats cd_even = vtrn1q_f32(c, d), cd_odd = vtrn2q_f32(c, d);
  a = low(ab_even, cd_even), b = low(ab_odd, cd_odd), c = high(ab_even, cd_even), d = high(ab_odd, cd_odd);
}
// Sixteen rows become sixteen columns: blocks of four by four are transposed, then change places.
NUDGE_INLINE void transpose(f32x16 (&r)[16]) {
  for (int i = 0; i < 16; i += 4) {
    transpose_4(r[i].q0, r[i + 1].q0, r[i + 2].q0, r[i + 3].q0);
    transpose_4(r[i].q1, r[i + 1].q1, r[i + 2].q1, r[i + 3].q1);
    transpose_4(r[i].q2, r[i + 1].q2, r[i + 2].q2, r[i + 3].q2);
    transpose_4(r[i].q3, r[i + 1].q3, r[i + 2].q3, r[i + 3].q3);
  }
  const auto swap = [](Floats& x, Floats& y) NUDGE_LAMBDA {
    const Floats held = x;
    x = y, y = held;
  };
  for (int i = 0; i < 4; ++i) {
    swap(r[i].q1, r[4 + i].q0), swap(r[i].q2, r[8 + i].q0), swap(r[i].q3, r[12 + i].q0);
    swap(r[4 + i].q2, r[8 + i].q1), swap(r[4 + i].q3, r[12 + i].q1), swap(r[8 + i].q3, r[12 + i].q2);
  }
}

NUDGE_INLINE float sum_lanes(f32x16 a) {
  const Floats four = vaddq_f32(vaddq_f32(a.q0, a.q2), vaddq_f32(a.q1, a.q3));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
NUDGE_INLINE float max_lanes(f32x16 a) {
  const auto most = [](Floats x, Floats y) NUDGE_LAMBDA { return vbslq_f32(vcgtq_f32(x, y), x, y); };
  const Floats four = most(most(a.q0, a.q2), most(a.q1, a.q3));
  const Floats two = most(four, vextq_f32(four, four, 2));
  return vgetq_lane_f32(vmulxq_f32(most(two, vextq_f32(two, two, 1)), vdupq_n_f32(1.0f)), 0);
}
NUDGE_INLINE float quotient_of(float a, float b) { return vgetq_lane_f32((broadcast(a) / broadcast(b)).q0, 0); }
NUDGE_INLINE float product_of(float a, float b) { return vgetq_lane_f32((broadcast(a) * broadcast(b)).q0, 0); }

// What was computed with operations ending in _unless_tiny has to be computed again if any result was flushed: settle
// what they gave, then ask underflowed(). The flag may be older, which costs time alone.
constexpr bool kFlushesEarly = true;
NUDGE_INLINE void settle(f32x16& a) { asm volatile("" : "+w"(a.q0), "+w"(a.q1), "+w"(a.q2), "+w"(a.q3)); }
NUDGE_INLINE bool underflowed() {
  constexpr uint64_t kUnderflow = 8;  // FPSR.UFC
  uint64_t status;
  asm volatile("mrs %0, fpsr" : "=r"(status));
  if ((status & kUnderflow) == 0) return false;
  asm volatile("msr fpsr, %0" : : "r"(status & ~kUnderflow));
  return true;
}

}  // namespace nudge::NUDGE_LEVEL
