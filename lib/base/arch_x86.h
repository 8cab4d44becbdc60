// x86-64, of which every processor has SSE2. See arch.h.
#pragma once

#include <emmintrin.h>

namespace nudge::arch {

// This thread's control of floating-point operations.
using FloatControl = unsigned;
inline FloatControl float_control() { return _mm_getcsr(); }
inline void set_float_control(FloatControl control) { _mm_setcsr(control); }
// Denormal results become 0 (FTZ), and so do denormal operands (DAZ).
constexpr FloatControl kFlushDenormals = 0x8040;

// Tells the processor that this thread spins.
inline void pause() { _mm_pause(); }

// Sixteen bytes of text; bit i of a mask is for byte i.
using Bytes16 = __m128i;
inline Bytes16 load_bytes(const char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline unsigned equal_to(Bytes16 text, char c) {
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8(c))));
}
inline unsigned digits_of(Bytes16 text) {
  // Shifted so that '0' is the least signed byte.
  const __m128i shifted = _mm_add_epi8(text, _mm_set1_epi8(128 - '0'));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpgt_epi8(_mm_set1_epi8(-128 + 10), shifted)));
}

// Four floats past the caches, to a multiple of 16 bytes; finish_streams before another thread reads them.
inline void stream(float* p, const float* from) { _mm_stream_ps(p, _mm_loadu_ps(from)); }
inline void finish_streams() { _mm_sfence(); }

}  // namespace nudge::arch
