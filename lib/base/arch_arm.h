// 64-bit Arm. See arch.h.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace nudge::arch {

// This thread's control of floating-point operations.
using FloatControl = std::uint64_t;
inline FloatControl float_control() {
  FloatControl control;
  asm volatile("mrs %0, fpcr" : "=r"(control) : : "memory");
  return control;
}
inline void set_float_control(FloatControl control) { asm volatile("msr fpcr, %0" : : "r"(control) : "memory"); }
// FZ: denormal operands become 0, and so do results that are denormal before they are rounded. x86-64 looks at them
// rounded; lib/kernels/simd_neon.h makes up for it.
constexpr FloatControl kFlushDenormals = FloatControl{1} << 24;

// Tells the processor that this thread spins.
inline void pause() { asm volatile("isb" : : : "memory"); }

// Sixteen bytes of text; bit i of a mask is for byte i.
using Bytes16 = uint8x16_t;
inline Bytes16 load_bytes(const char* p) { return vld1q_u8(reinterpret_cast<const std::uint8_t*>(p)); }
inline unsigned mask_of(uint8x16_t found) {
  constexpr std::uint8_t kBits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t bits = vandq_u8(found, vld1q_u8(kBits));
  return vaddv_u8(vget_low_u8(bits)) | static_cast<unsigned>(vaddv_u8(vget_high_u8(bits))) << 8;
}
inline unsigned equal_to(Bytes16 text, char c) {
  return mask_of(vceqq_u8(text, vdupq_n_u8(static_cast<std::uint8_t>(c))));
}
inline unsigned digits_of(Bytes16 text) { return mask_of(vcltq_u8(vsubq_u8(text, vdupq_n_u8('0')), vdupq_n_u8(10))); }

// Four floats, to a multiple of 16 bytes. Arm's processors find out themselves what is not worth a cache.
inline void stream(float* p, const float* from) { vst1q_f32(p, vld1q_f32(from)); }
inline void finish_streams() {}

}  // namespace nudge::arch
