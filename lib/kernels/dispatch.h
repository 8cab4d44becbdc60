// The choice of a level, as a function of a wish and of what a processor has.
#pragma once

#include "lib/kernels/kernels.h"

namespace nudge {

// The levels a processor can run: of x86-64 the first four, of Arm the others.
struct ProcessorLevels {
  bool v3 = false;        // AVX2, FMA and BMI
  bool v4 = false;        // AVX-512 F, BW, CD, DQ and VL
  bool v4bf16 = false;    // v4 and AVX512_BF16, whose dot product rounds as two FMAs do
  bool amx = false;       // v4 and bf16 tiles, where the system lets this process use them
  bool neon = false;      // Armv8.2
  bool neonbf16 = false;  // neon and FEAT_BF16, whose products of halves round as FMAs do
};
ProcessorLevels processor_levels();

// The level named `wanted` ("" or null: the best of `has`). Throws Error kUsage for an unknown or missing level,
// kInternal without the least level of the architecture.
const Kernels& choose_kernels(const char* wanted, ProcessorLevels has);

}  // namespace nudge
