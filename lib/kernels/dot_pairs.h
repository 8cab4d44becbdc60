// The dot product of bf16 pairs, and rounding to bf16: by AVX512_BF16, or by Arm's FEAT_BF16, whose products of high and of
// low halves are FMAs of their own. A file compiled without these instructions gets emulations: tests compare results on
// processors that lack them.
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

// Pairs of which each half is rounded as bf16_of does.
NUDGE_INLINE i32x16 rounded_pairs(f32x16 low, f32x16 high) { return bf16_of(low) | shift_left<16>(bf16_of(high)); }

// Sixteen times 32 random bits, of which `kept` are taken and `always` set, by Knuth's generator, for want of the
// standard library's.
NUDGE_INLINE f32x16 random_bits(uint32_t& state, uint32_t kept, uint32_t always) {
  uint32_t bits[16];
  for (uint32_t& b : bits) b = ((state = state * 1664525u + 1013904223u) & kept) | always;
  return load(reinterpret_cast<const float*>(bits));
}
NUDGE_INLINE bool same(i32x16 a, i32x16 b) {
  int32_t difference[16], any = 0;
  store(reinterpret_cast<float*>(difference), float_of_bits(a ^ b));
  for (const int32_t bits : difference) any |= bits;
  return any == 0;
}

// Whether dot(a, b, sum) is two_fmas, by numbers of like size, of which each step rounds.
template <class Dot>
bool is_two_fmas(const Dot& dot) {
  uint32_t state = 1;
  for (int round = 0; round < 64; ++round) {
    const i32x16 a = bits_of(random_bits(state, 0x807f807fu, 0x3f803f80u));
    const i32x16 b = bits_of(random_bits(state, 0x807f807fu, 0x3f803f80u));
    const f32x16 sum = random_bits(state, 0x80ffffffu, 0x3f803f80u);
    if (!same(bits_of(dot(a, b, sum)), bits_of(two_fmas(a, b, sum)))) return false;
  }
  return true;
}
// Whether underflowed() tells of dot's tiny results, which are 0, where anything depends on that.
template <class Dot>
bool tells_of_tiny(const Dot& dot) {
  if constexpr (!kFlushesEarly) return true;
  underflowed();  // clears what was
  const i32x16 small = bits_of(broadcast(0x1p-70f));
  f32x16 sum = dot(small, small, broadcast(0));
  settle(sum);
  return underflowed() && same(bits_of(sum), broadcast_int(0));
}
// Whether pairs(low, high) is rounded_pairs, by numbers of any kind, and by such as are halfway between two of bf16.
template <class Pairs>
bool is_rounded_pairs(const Pairs& pairs) {
  uint32_t state = 1;
  for (int round = 0; round < 512; ++round) {
    const uint32_t kept = round % 2 == 0 ? ~0u : 0xffff0000u, always = round % 2 == 0 ? 0 : 0x8000u;
    const f32x16 low = random_bits(state, kept, always), high = random_bits(state, kept, always);
    if (!same(pairs(low, high), rounded_pairs(low, high))) return false;
  }
  return true;
}

#if defined(__AVX512BF16__)
// So Intel documents them, and so AMD's Zen 5 was found to compute. No document binds others' processors, and an
// emulator may add the two products first: dispatch.cc asks is_two_fmas and is_rounded_pairs.
NUDGE_INLINE f32x16 dot_pairs(i32x16 a, i32x16 b, f32x16 sum) {
  return {_mm512_dpbf16_ps(sum.v, __builtin_bit_cast(__m512bh, a.v), __builtin_bit_cast(__m512bh, b.v))};
}
NUDGE_INLINE __m512i round_both(f32x16 a, f32x16 b) {  // all of a, then all of b
  return __builtin_bit_cast(__m512i, _mm512_cvtne2ps_pbh(b.v, a.v));
}
NUDGE_INLINE i32x16 pairs_of(f32x16 low, f32x16 high) {
  const __m512i order = _mm512_set_epi64(  // the first of both, the second of both ...
      0x001f000f001e000e, 0x001d000d001c000c, 0x001b000b001a000a, 0x0019000900180008, 0x0017000700160006,
      0x0015000500140004, 0x0013000300120002, 0x0011000100100000);
  return {_mm512_maskz_permutexvar_epi16(~0u, order, round_both(low, high))};
}
// Of 32 numbers beside each other the pairs of k + 2 and k, for even k and odd k alternately.
NUDGE_INLINE void store_chain_pairs(float* p, f32x16 a, f32x16 b) {
  const __m512i order = _mm512_maskz_broadcast_i32x4(kAll, _mm_set_epi64x(0x0b0a0f0e09080d0c, 0x0302070601000504));
  store(p, float_of_bits({_mm512_maskz_shuffle_epi8(~0ul, round_both(a, b), order)}));
}
NUDGE_INLINE f32x16 dot_pairs_unless_tiny(i32x16 a, i32x16 b, f32x16 sum) { return dot_pairs(a, b, sum); }
#else
NUDGE_INLINE f32x16 dot_pairs(i32x16 a, i32x16 b, f32x16 sum) { return two_fmas(a, b, sum); }
#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
NUDGE_INLINE f32x16 dot_pairs_unless_tiny(i32x16 a, i32x16 b, f32x16 sum) {
  const auto halves = [](Ints x) NUDGE_LAMBDA { return vreinterpretq_bf16_s32(x); };
  return quarters<f32x16>(
      [&](Floats s, Ints x, Ints y)
          NUDGE_LAMBDA { return vbfmlalbq_f32(vbfmlaltq_f32(s, halves(x), halves(y)), halves(x), halves(y)); },
      sum, a, b);
}
#else
NUDGE_INLINE f32x16 dot_pairs_unless_tiny(i32x16 a, i32x16 b, f32x16 sum) {
  const i32x16 high = broadcast_int(kHighHalf);
  sum = fma_unless_tiny(float_of_bits(a & high), float_of_bits(b & high), sum);
  return fma_unless_tiny(float_of_bits(shift_left<16>(a)), float_of_bits(shift_left<16>(b)), sum);
}
#endif
NUDGE_INLINE i32x16 pairs_of(f32x16 low, f32x16 high) { return rounded_pairs(low, high); }
NUDGE_INLINE void store_chain_pairs(float* p, f32x16 a, f32x16 b) {
  auto* to = reinterpret_cast<uint16_t*>(p);
  store_halves(to, chains_of_fours(bf16_of(a))), store_halves(to + 16, chains_of_fours(bf16_of(b)));
}
#endif

}  // namespace nudge::NUDGE_LEVEL
