// f32x16: sixteen floats, the one vector that kernels are written over. AVX-512 holds it in one register, AVX2 in two, NEON
// (simd_neon.h) in four. Every operation gives the same bits in all (IEEE operations lane by lane, with denormals flushed;
// sums over lanes in one fixed tree), so one source serves all levels.
//
// Each level compiles this file into a namespace of its own (NUDGE_LEVEL), so levels share no symbol. Include no
// templates of the standard library here: an inline function that two levels compile is one symbol. Intrinsics stand
// here and in simd_neon.h, dot_pairs.h and amx_tiles.h.
#pragma once

#if !defined(__aarch64__)
#include <immintrin.h>
#endif
#include <stdint.h>

#ifndef NUDGE_LEVEL
#error "lib/kernels is compiled once per level, with -DNUDGE_LEVEL=v3, v4, v4bf16, amx, neon or neonbf16"
#endif

#define NUDGE_INLINE static inline __attribute__((always_inline))
#define NUDGE_LAMBDA __attribute__((always_inline))

namespace nudge::NUDGE_LEVEL {

constexpr int64_t kLanes = 16;

// f(0), f(1), ... f(N - 1) with constants: a loop that is unrolled before the compiler decides what lives in
// registers (g++ keeps a tile in memory around the loop over k where a pragma unrolls).
template <int i>
struct Index {
  constexpr operator int() const { return i; }
};
template <int N, int i = 0, class F>
NUDGE_INLINE void each(const F& f) {
  if constexpr (i < N) {
    f(Index<i>());
    each<N, i + 1>(f);
  }
}

// Floats from p to the next cache line's begin, in [0, 16).
NUDGE_INLINE int64_t lanes_to_line(const float* p) {
  return static_cast<int64_t>((0 - reinterpret_cast<uintptr_t>(p)) % 64 / sizeof(float));
}
// After stores by stream, before another thread may read them.
NUDGE_INLINE void finish_streams() {
#if !defined(__aarch64__)
  _mm_sfence();
#endif
}
// Asks for the cache line at p, for the first-level cache or the second's; any address will do.
template <int level = 1>
NUDGE_INLINE void fetch(const void* p) {
  __builtin_prefetch(p, 0, 4 - level);
}

}  // namespace nudge::NUDGE_LEVEL

#if defined(__aarch64__)
#include "lib/kernels/simd_neon.h"
#endif

namespace nudge::NUDGE_LEVEL {

#if defined(__aarch64__)  // simd_neon.h has it all
#elif defined(__AVX512F__)

struct f32x16 {
  __m512 v;
};
struct i32x16 {
  __m512i v;
};
struct mask16 {
  __mmask16 v;
};

// Some operations are written with a zeroing mask of all lanes: GCC 12's plain forms name an undefined
// vector, about which it then warns. The instruction is the same.
constexpr __mmask16 kAll = 0xffff;

NUDGE_INLINE f32x16 broadcast(float x) { return {_mm512_set1_ps(x)}; }
NUDGE_INLINE f32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
NUDGE_INLINE void store(float* p, f32x16 a) { _mm512_storeu_ps(p, a.v); }
// Past the caches, to a whole cache line.
NUDGE_INLINE void stream(float* p, f32x16 a) { _mm512_stream_ps(p, a.v); }
// The first n lanes (0 <= n <= 16); the others are 0 and their memory isn't touched.
NUDGE_INLINE f32x16 load_first(const float* p, int64_t n) {
  return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p)};
}
NUDGE_INLINE void store_first(float* p, f32x16 a, int64_t n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), a.v);
}
NUDGE_INLINE mask16 first(int64_t n) { return {static_cast<__mmask16>((1u << n) - 1)}; }

NUDGE_INLINE f32x16 operator+(f32x16 a, f32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
NUDGE_INLINE f32x16 operator-(f32x16 a, f32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
NUDGE_INLINE f32x16 operator*(f32x16 a, f32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
NUDGE_INLINE f32x16 operator/(f32x16 a, f32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
NUDGE_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
NUDGE_INLINE f32x16 fnma(f32x16 a, f32x16 b, f32x16 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
// max and min return b where either is NaN, as the instruction does in AVX2 and AVX-512.
NUDGE_INLINE f32x16 max(f32x16 a, f32x16 b) { return {_mm512_maskz_max_ps(kAll, a.v, b.v)}; }
NUDGE_INLINE f32x16 min(f32x16 a, f32x16 b) { return {_mm512_maskz_min_ps(kAll, a.v, b.v)}; }
NUDGE_INLINE f32x16 sqrt(f32x16 a) { return {_mm512_maskz_sqrt_ps(kAll, a.v)}; }
NUDGE_INLINE f32x16 round_to_even(f32x16 a) {
  return {_mm512_maskz_roundscale_ps(kAll, a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

NUDGE_INLINE i32x16 broadcast_int(int32_t x) { return {_mm512_set1_epi32(x)}; }
NUDGE_INLINE i32x16 bits_of(f32x16 a) { return {_mm512_castps_si512(a.v)}; }
NUDGE_INLINE f32x16 float_of_bits(i32x16 a) { return {_mm512_castsi512_ps(a.v)}; }
NUDGE_INLINE i32x16 to_int(f32x16 a) { return {_mm512_maskz_cvtps_epi32(kAll, a.v)}; }
NUDGE_INLINE f32x16 to_float(i32x16 a) { return {_mm512_maskz_cvtepi32_ps(kAll, a.v)}; }
// a 2^n for whole n in [-150, 128], rounded once.
NUDGE_INLINE f32x16 times_power_of_2(f32x16 a, f32x16 n) { return {_mm512_maskz_scalef_ps(kAll, a.v, n.v)}; }
NUDGE_INLINE i32x16 operator+(i32x16 a, i32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
NUDGE_INLINE i32x16 operator-(i32x16 a, i32x16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
NUDGE_INLINE i32x16 operator&(i32x16 a, i32x16 b) { return {_mm512_and_si512(a.v, b.v)}; }
NUDGE_INLINE i32x16 operator|(i32x16 a, i32x16 b) { return {_mm512_or_si512(a.v, b.v)}; }
NUDGE_INLINE i32x16 operator^(i32x16 a, i32x16 b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int n>
NUDGE_INLINE i32x16 shift_left(i32x16 a) {
  return {_mm512_maskz_slli_epi32(kAll, a.v, n)};
}
template <int n>
NUDGE_INLINE i32x16 shift_right_signed(i32x16 a) {
  return {_mm512_maskz_srai_epi32(kAll, a.v, n)};
}
template <int n>
NUDGE_INLINE i32x16 shift_right(i32x16 a) {
  return {_mm512_maskz_srli_epi32(kAll, a.v, n)};
}
// Of each four lanes the third, the first, the fourth, the second.
NUDGE_INLINE i32x16 chains_of_fours(i32x16 a) { return {_mm512_maskz_shuffle_epi32(kAll, a.v, _MM_PERM_BDAC)}; }
// Sixteen numbers of 16 bits as the low halves of the lanes, and back.
NUDGE_INLINE i32x16 load_halves(const uint16_t* p) {
  return {_mm512_maskz_cvtepu16_epi32(kAll, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
NUDGE_INLINE void store_halves(uint16_t* p, i32x16 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_maskz_cvtepi32_epi16(kAll, a.v));
}

NUDGE_INLINE mask16 operator<(f32x16 a, f32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
NUDGE_INLINE mask16 operator<=(f32x16 a, f32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
NUDGE_INLINE mask16 operator==(f32x16 a, f32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
NUDGE_INLINE mask16 is_nan(f32x16 a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
NUDGE_INLINE mask16 operator&(mask16 a, mask16 b) { return {static_cast<__mmask16>(a.v & b.v)}; }
NUDGE_INLINE mask16 operator|(mask16 a, mask16 b) { return {static_cast<__mmask16>(a.v | b.v)}; }
// a where the mask is set, else b.
NUDGE_INLINE f32x16 select(mask16 m, f32x16 a, f32x16 b) { return {_mm512_mask_blend_ps(m.v, b.v, a.v)}; }

NUDGE_INLINE __m256 low_half(f32x16 a) { return _mm512_maskz_extractf32x8_ps(0xff, a.v, 0); }
NUDGE_INLINE __m256 high_half(f32x16 a) { return _mm512_maskz_extractf32x8_ps(0xff, a.v, 1); }

// Sixteen rows become sixteen columns.
NUDGE_INLINE __m512 low_pairs(__m512 a, __m512 b) {
  return _mm512_castpd_ps(_mm512_maskz_unpacklo_pd(0xff, _mm512_castps_pd(a), _mm512_castps_pd(b)));
}
NUDGE_INLINE __m512 high_pairs(__m512 a, __m512 b) {
  return _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(0xff, _mm512_castps_pd(a), _mm512_castps_pd(b)));
}
template <int order>
NUDGE_INLINE __m512 quarters(__m512 a, __m512 b) {
  return _mm512_maskz_shuffle_f32x4(kAll, a, b, order);
}
NUDGE_INLINE void transpose(f32x16 (&r)[16]) {
  __m512 t[16];
  for (int i = 0; i < 16; i += 4) {  // within each four rows and each quarter
    const __m512 a = _mm512_maskz_unpacklo_ps(kAll, r[i].v, r[i + 1].v);
    const __m512 b = _mm512_maskz_unpackhi_ps(kAll, r[i].v, r[i + 1].v);
    const __m512 c = _mm512_maskz_unpacklo_ps(kAll, r[i + 2].v, r[i + 3].v);
    const __m512 d = _mm512_maskz_unpackhi_ps(kAll, r[i + 2].v, r[i + 3].v);
    t[i] = low_pairs(a, c), t[i + 1] = high_pairs(a, c), t[i + 2] = low_pairs(b, d), t[i + 3] = high_pairs(b, d);
  }
  for (int i = 0; i < 4; ++i) {  // column 4 j + i is quarter j of t[i], t[4 + i], t[8 + i] and t[12 + i]
    const __m512 a = quarters<0x88>(t[i], t[i + 4]), b = quarters<0xdd>(t[i], t[i + 4]);
    const __m512 c = quarters<0x88>(t[i + 8], t[i + 12]), d = quarters<0xdd>(t[i + 8], t[i + 12]);
    r[i].v = quarters<0x88>(a, c), r[i + 4].v = quarters<0x88>(b, d);
    r[i + 8].v = quarters<0xdd>(a, c), r[i + 12].v = quarters<0xdd>(b, d);
  }
}

#else  // AVX2

struct f32x16 {
  __m256 lo, hi;
};
struct i32x16 {
  __m256i lo, hi;
};
struct mask16 {
  __m256 lo, hi;
};

NUDGE_INLINE f32x16 broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
NUDGE_INLINE f32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
NUDGE_INLINE void store(float* p, f32x16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
// Past the caches, to a whole cache line.
NUDGE_INLINE void stream(float* p, f32x16 a) {
  _mm256_stream_ps(p, a.lo);
  _mm256_stream_ps(p + 8, a.hi);
}
NUDGE_INLINE __m256i first_mask8(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
NUDGE_INLINE f32x16 load_first(const float* p, int64_t n) {
  return {_mm256_maskload_ps(p, first_mask8(n)), _mm256_maskload_ps(p + 8, first_mask8(n - 8))};
}
NUDGE_INLINE void store_first(float* p, f32x16 a, int64_t n) {
  _mm256_maskstore_ps(p, first_mask8(n), a.lo);
  _mm256_maskstore_ps(p + 8, first_mask8(n - 8), a.hi);
}
NUDGE_INLINE mask16 first(int64_t n) {
  return {_mm256_castsi256_ps(first_mask8(n)), _mm256_castsi256_ps(first_mask8(n - 8))};
}

NUDGE_INLINE f32x16 operator+(f32x16 a, f32x16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
NUDGE_INLINE f32x16 operator-(f32x16 a, f32x16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
NUDGE_INLINE f32x16 operator*(f32x16 a, f32x16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
NUDGE_INLINE f32x16 operator/(f32x16 a, f32x16 b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
NUDGE_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
NUDGE_INLINE f32x16 fnma(f32x16 a, f32x16 b, f32x16 c) {
  return {_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}
NUDGE_INLINE f32x16 max(f32x16 a, f32x16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
NUDGE_INLINE f32x16 min(f32x16 a, f32x16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
NUDGE_INLINE f32x16 sqrt(f32x16 a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
NUDGE_INLINE f32x16 round_to_even(f32x16 a) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.lo, kMode), _mm256_round_ps(a.hi, kMode)};
}

NUDGE_INLINE i32x16 broadcast_int(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
NUDGE_INLINE i32x16 bits_of(f32x16 a) { return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
NUDGE_INLINE f32x16 float_of_bits(i32x16 a) { return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)}; }
NUDGE_INLINE i32x16 to_int(f32x16 a) { return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)}; }
NUDGE_INLINE f32x16 to_float(i32x16 a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
NUDGE_INLINE i32x16 operator+(i32x16 a, i32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
NUDGE_INLINE i32x16 operator-(i32x16 a, i32x16 b) {
  return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}
NUDGE_INLINE i32x16 operator&(i32x16 a, i32x16 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
NUDGE_INLINE i32x16 operator|(i32x16 a, i32x16 b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
NUDGE_INLINE i32x16 operator^(i32x16 a, i32x16 b) {
  return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};
}
template <int n>
NUDGE_INLINE i32x16 shift_left(i32x16 a) {
  return {_mm256_slli_epi32(a.lo, n), _mm256_slli_epi32(a.hi, n)};
}
template <int n>
NUDGE_INLINE i32x16 shift_right_signed(i32x16 a) {
  return {_mm256_srai_epi32(a.lo, n), _mm256_srai_epi32(a.hi, n)};
}
template <int n>
NUDGE_INLINE i32x16 shift_right(i32x16 a) {
  return {_mm256_srli_epi32(a.lo, n), _mm256_srli_epi32(a.hi, n)};
}
NUDGE_INLINE i32x16 chains_of_fours(i32x16 a) {
  return {_mm256_shuffle_epi32(a.lo, 0x72), _mm256_shuffle_epi32(a.hi, 0x72)};
}
NUDGE_INLINE i32x16 load_halves(const uint16_t* p) {
  const auto* at = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtepu16_epi32(_mm_loadu_si128(at)), _mm256_cvtepu16_epi32(_mm_loadu_si128(at + 1))};
}
NUDGE_INLINE void store_halves(uint16_t* p, i32x16 a) {
  const __m256i mixed = _mm256_packus_epi32(a.lo, a.hi);  // the quarters in the order 0, 2, 1, 3
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(mixed, 0xd8));
}

// As two factors, because one exponent can't hold such an n; the first product is exact.
NUDGE_INLINE f32x16 times_power_of_2(f32x16 a, f32x16 n) {
  const i32x16 whole = to_int(n), half = shift_right_signed<1>(whole), bias = broadcast_int(127);
  const f32x16 one = float_of_bits(shift_left<23>(half + bias));
  return a * one * float_of_bits(shift_left<23>(whole - half + bias));
}

NUDGE_INLINE mask16 operator<(f32x16 a, f32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}
NUDGE_INLINE mask16 operator<=(f32x16 a, f32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LE_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LE_OQ)};
}
NUDGE_INLINE mask16 operator==(f32x16 a, f32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ)};
}
NUDGE_INLINE mask16 is_nan(f32x16 a) {
  return {_mm256_cmp_ps(a.lo, a.lo, _CMP_UNORD_Q), _mm256_cmp_ps(a.hi, a.hi, _CMP_UNORD_Q)};
}
NUDGE_INLINE mask16 operator&(mask16 a, mask16 b) { return {_mm256_and_ps(a.lo, b.lo), _mm256_and_ps(a.hi, b.hi)}; }
NUDGE_INLINE mask16 operator|(mask16 a, mask16 b) { return {_mm256_or_ps(a.lo, b.lo), _mm256_or_ps(a.hi, b.hi)}; }
NUDGE_INLINE f32x16 select(mask16 m, f32x16 a, f32x16 b) {
  return {_mm256_blendv_ps(b.lo, a.lo, m.lo), _mm256_blendv_ps(b.hi, a.hi, m.hi)};
}

NUDGE_INLINE void transpose_8(__m256 (&r)[8]) {
  __m256 t[8];
  for (int i = 0; i < 8; i += 4) {
    const __m256 a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
    const __m256 c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
    t[i] = _mm256_shuffle_ps(a, c, 0x44), t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
    t[i + 2] = _mm256_shuffle_ps(b, d, 0x44), t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
    r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
  }
}
// Sixteen rows become sixteen columns: the quarters are transposed, two of them swapped.
NUDGE_INLINE void transpose(f32x16 (&r)[16]) {
  __m256 a[8], b[8], c[8], d[8];
  for (int i = 0; i < 8; ++i) a[i] = r[i].lo, b[i] = r[i].hi, c[i] = r[i + 8].lo, d[i] = r[i + 8].hi;
  transpose_8(a), transpose_8(b), transpose_8(c), transpose_8(d);
  for (int i = 0; i < 8; ++i) r[i] = {a[i], c[i]}, r[i + 8] = {b[i], d[i]};
}

NUDGE_INLINE __m256 low_half(f32x16 a) { return a.lo; }
NUDGE_INLINE __m256 high_half(f32x16 a) { return a.hi; }

#endif

// bf16 is the upper half of a float. Rounding is to nearest even; denormal numbers become 0 with their sign, and a NaN
// stays one, made quiet.
NUDGE_INLINE i32x16 bf16_of(f32x16 x) {
  const i32x16 bits = bits_of(x), sign = bits & broadcast_int(INT32_MIN), magnitude = bits ^ sign;
  const i32x16 odd = shift_right<16>(bits) & broadcast_int(1);
  f32x16 rounded = float_of_bits(magnitude + odd + broadcast_int(0x7fff));
  rounded = select(float_of_bits(magnitude) < broadcast(1.17549435e-38f), broadcast(0), rounded);
  rounded = select(is_nan(x), float_of_bits(magnitude | broadcast_int(0x400000)), rounded);
  return shift_right<16>(bits_of(rounded) | sign);
}
NUDGE_INLINE f32x16 load_bf16(const uint16_t* p) { return float_of_bits(shift_left<16>(load_halves(p))); }
NUDGE_INLINE void store_bf16(uint16_t* p, f32x16 x) { store_halves(p, bf16_of(x)); }
// x rounded to bf16, as a float.
NUDGE_INLINE f32x16 round_to_bf16(f32x16 x) { return float_of_bits(shift_left<16>(bf16_of(x))); }

#if !defined(__aarch64__)

// The fixed tree of law (b): lane i + lane i+8, then i + i+4, then i + i+2, then 0 + 1.
NUDGE_INLINE float sum_lanes(f32x16 a) {
  const __m256 eight = _mm256_add_ps(low_half(a), high_half(a));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
NUDGE_INLINE float max_lanes(f32x16 a) {
  const __m256 eight = _mm256_max_ps(low_half(a), high_half(a));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// Of single floats. On Arm these need care where results are denormal (simd_neon.h).
NUDGE_INLINE float quotient_of(float a, float b) { return a / b; }
NUDGE_INLINE float product_of(float a, float b) { return a * b; }

// Whether a denormal is flushed before it is rounded. If so, fma_unless_tiny is wrong where a result is, underflowed()
// tells, and it must be fma.
constexpr bool kFlushesEarly = false;
NUDGE_INLINE f32x16 fma_unless_tiny(f32x16 a, f32x16 b, f32x16 c) { return fma(a, b, c); }
NUDGE_INLINE void settle(f32x16&) {}
NUDGE_INLINE bool underflowed() { return false; }

#endif

}  // namespace nudge::NUDGE_LEVEL
