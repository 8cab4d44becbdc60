// The levels of x86-64, and what a processor must have for them. Included by dispatch.cc alone.
#pragma once

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/kernels/dispatch.h"

namespace nudge {

namespace v3 {
extern const Kernels table;
}
namespace v4 {
extern const Kernels table;
}

namespace v4bf16 {
PackBf16 pack_bf16;
PackTransposeBf16 pack_transpose_bf16;
GemmBf16 gemm_bf16;
extern const LeftKernels left_bf16;
bool instructions_are_known();
}  // namespace v4bf16
namespace amx {
GemmBf16 gemm_bf16;
extern const LeftKernels left_bf16;
}  // namespace amx

namespace {

// Of x86-64-v3, what clang 14's __builtin_cpu_supports doesn't know. -march=x86-64-v3 lets the compiler use it all,
// and virtual machines mask single features.
bool has_movbe_f16c_lzcnt() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_MOVBE) == 0 || (c & bit_F16C) == 0) return false;
  return __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c & bit_LZCNT) != 0;
}

// The instructions, and that they round as our chains and our bf16 do.
bool has_dot() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAvx512Bf16 = 1u << 5;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) == 0 || (a & kAvx512Bf16) == 0) return false;
  static const bool known = v4bf16::instructions_are_known();
  return known;
}

// The tiles' state is large: the system hands it out on request, to the whole process.
bool has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kBf16) == 0 || (d & kTile) == 0) return false;
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}

const Kernels& v4bf16_table() {
  static const Kernels table = with_products(v4::table, "v4bf16", v4bf16::pack_bf16, v4bf16::pack_transpose_bf16,
                                             v4bf16::gemm_bf16, v4bf16::left_bf16);
  return table;
}
const Kernels& amx_table() {
  const Kernels& v4 = v4::table;
  static const Kernels table =
      with_products(v4, "amx", v4.pack_bf16, v4.pack_transpose_bf16, amx::gemm_bf16, amx::left_bf16);
  return table;
}

// From the best down.
constexpr Level kLevels[] = {
    {"amx", "", &ProcessorLevels::amx, amx_table},
    {"v4bf16", " (AVX512_BF16)", &ProcessorLevels::v4bf16, v4bf16_table},
    {"v4", " (AVX-512)", &ProcessorLevels::v4, []() -> const Kernels& { return v4::table; }},
    {"v3", "", &ProcessorLevels::v3, []() -> const Kernels& { return v3::table; }},
};

constexpr char kTooOld[] = "this processor lacks AVX2/FMA; nudge needs x86-64-v3";
constexpr char kOldEnough[] = "Intel's processors since Haswell and AMD's since Excavator have them";

}  // namespace

ProcessorLevels processor_levels() {
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2") && has_movbe_f16c_lzcnt();
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return {.v3 = v3, .v4 = v3 && v4, .v4bf16 = v3 && v4 && has_dot(), .amx = v3 && v4 && has_tiles()};
}

}  // namespace nudge
