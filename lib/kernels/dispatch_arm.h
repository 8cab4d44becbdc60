// The levels of 64-bit Arm, and what a processor must have for them. Included by dispatch.cc alone.
#pragma once

#include <sys/auxv.h>

#include "lib/base/parallel.h"
#include "lib/kernels/dispatch.h"

namespace nudge {

namespace neon {
extern const Kernels table;
}
namespace neonbf16 {
PackBf16 pack_bf16;
PackTransposeBf16 pack_transpose_bf16;
GemmBf16 gemm_bf16;
extern const LeftKernels left_bf16;
bool instructions_are_known();
}  // namespace neonbf16

namespace {

// What -march=armv8.2-a lets the compiler use beyond the first Arm of 64 bits. NEON and its FMA all have.
bool has_armv8_2() {
  constexpr unsigned long kCrc32 = 1ul << 7, kAtomics = 1ul << 8, kRounding = 1ul << 12;
  constexpr unsigned long kNeeded = kCrc32 | kAtomics | kRounding;
  return (getauxval(AT_HWCAP) & kNeeded) == kNeeded;
}

// The instructions, and that they round as our chains do, with denormals flushed.
bool has_bf16() {
  constexpr unsigned long kBf16 = 1ul << 14;
  if ((getauxval(AT_HWCAP2) & kBf16) == 0) return false;
  static const bool known = [] {
    const FlushDenormals as_in_parallel_loops;
    return neonbf16::instructions_are_known();
  }();
  return known;
}

const Kernels& neonbf16_table() {
  static const Kernels table = with_products(neon::table, "neonbf16", neonbf16::pack_bf16,
                                             neonbf16::pack_transpose_bf16, neonbf16::gemm_bf16, neonbf16::left_bf16);
  return table;
}

// From the best down.
constexpr Level kLevels[] = {
    {"neonbf16", " (FEAT_BF16)", &ProcessorLevels::neonbf16, neonbf16_table},
    {"neon", "", &ProcessorLevels::neon, []() -> const Kernels& { return neon::table; }},
};

constexpr char kTooOld[] = "this processor lacks Armv8.2; nudge needs it";
constexpr char kOldEnough[] = "Arm's processors since Cortex-A55 and A75, Graviton2, Altra and Apple's M1 have it";

}  // namespace

ProcessorLevels processor_levels() {
  const bool neon = has_armv8_2();
  return {.neon = neon, .neonbf16 = neon && has_bf16()};
}

}  // namespace nudge
