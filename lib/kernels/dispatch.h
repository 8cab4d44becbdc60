// How a level is chosen, apart from the environment and the processor that the program runs on.
#pragma once

#include "lib/kernels/kernels.h"

namespace nudge {

// The levels that a processor can run.
struct ProcessorLevels {
  bool v3;      // AVX2, FMA and BMI
  bool v4;      // AVX-512 F, BW, CD, DQ and VL
  bool v4bf16;  // v4 and AVX512_BF16, whose dot product rounds as two FMAs do
  bool amx;     // v4 and tiles of bf16, which the system lets this process use
};
ProcessorLevels processor_levels();

// The level called `wanted` ("" or null: the best of `has`). Throws Error: kUsage for a name that is no level
// or a level that is lacking, kInternal where there is not even v3.
const Kernels& choose_kernels(const char* wanted, ProcessorLevels has);

}  // namespace nudge
