// The dot product of pairs of bf16, and, where a file is compiled without the instruction (the tests do so, to compare
// results on processors that lack it), what it computes.
#pragma once

#include "lib/kernels/simd.h"

namespace nudge::NUDGE_LEVEL {

constexpr int32_t kHighHalf = INT32_MIN >> 15;

NUDGE_INLINE i32x16 broadcast_bits(const float* p) {
  int32_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return broadcast_int(bits);
}

// sum + a b of the high halves, rounded, then of the low halves.
NUDGE_INLINE f32x16 two_fmas(i32x16 a, i32x16 b, f32x16 sum) {
  const i32x16 high = broadcast_int(kHighHalf);
  sum = fma(float_of_bits(a & high), float_of_bits(b & high), sum);
  return fma(float_of_bits(shift_left<16>(a)), float_of_bits(shift_left<16>(b)), sum);
}

// Whether dot(a, b, sum) is that, by numbers of like size, of which each step rounds.
template <class Dot> bool is_two_fmas(const Dot& dot) {
  uint32_t state = 1;
  const auto next = [&](uint32_t kept) {
    state = state * 1664525u + 1013904223u;  // Knuth's generator, for want of the standard library's
    return static_cast<int32_t>((state & kept) | 0x3f803f80u);
  };
  const auto vector = [](const int32_t* from) { return load(reinterpret_cast<const float*>(from)); };
  for (int round = 0; round < 64; ++round) {
    int32_t a[16], b[16], sum[16], difference[16];
    for (int i = 0; i < 16; ++i) a[i] = next(0x807f807fu), b[i] = next(0x807f807fu), sum[i] = next(0x80ffffffu);
    const i32x16 x = bits_of(vector(a)), y = bits_of(vector(b));
    const i32x16 one = bits_of(dot(x, y, vector(sum))), two = bits_of(two_fmas(x, y, vector(sum)));
    store(reinterpret_cast<float*>(difference), float_of_bits(one ^ two));
    for (const int32_t bits : difference)
      if (bits != 0) return false;
  }
  return true;
}

#if defined(__AVX512BF16__)
// So Intel documents it, and so AMD's Zen 5 was found to compute it. No document binds others' processors, and an
// emulator may add the two products first: dispatch.cc asks is_two_fmas.
NUDGE_INLINE f32x16 dot_pairs(i32x16 a, i32x16 b, f32x16 sum) {
  return {_mm512_dpbf16_ps(sum.v, __builtin_bit_cast(__m512bh, a.v), __builtin_bit_cast(__m512bh, b.v))};
}
#else
NUDGE_INLINE f32x16 dot_pairs(i32x16 a, i32x16 b, f32x16 sum) { return two_fmas(a, b, sum); }
#endif

}  // namespace nudge::NUDGE_LEVEL
