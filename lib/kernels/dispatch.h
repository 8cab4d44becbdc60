// The choice of a level, as a function of a wish and of what a processor has.
#pragma once

#include "lib/kernels/kernels.h"

namespace nudge {

// The levels a processor can run.
struct ProcessorLevels {
  bool v3;      // AVX2, FMA and BMI
  bool v4;      // AVX-512 F, BW, CD, DQ and VL
  bool v4bf16;  // v4 and AVX512_BF16, whose dot product rounds as two FMAs do
  bool amx;     // v4 and bf16 tiles, where the system lets this process use them
};
ProcessorLevels processor_levels();

// The level named `wanted` ("" or null: the best of `has`). Throws Error kUsage for an unknown or missing level,
// kInternal without v3.
const Kernels& choose_kernels(const char* wanted, ProcessorLevels has);

}  // namespace nudge
