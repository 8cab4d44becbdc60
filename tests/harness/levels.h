// The levels of the kernels that tests compare.
#pragma once

#include <vector>

#include "lib/kernels/kernels.h"

namespace nudge::test {

// Of every architecture, its least level first.
inline constexpr const char* kLevelNames[] = {"v3", "v4", "v4bf16", "amx", "neon", "neonbf16"};

// Those that this processor has.
inline std::vector<const Kernels*> levels() {
  std::vector<const Kernels*> all;
  for (const char* name : kLevelNames) {
    if (const Kernels* k = kernels_of_level(name)) all.push_back(k);
  }
  return all;
}

}  // namespace nudge::test
