// The choice of a level, asked for as tests do.
#pragma once

#include <string>

#include "lib/base/error.h"
#include "lib/kernels/dispatch.h"
#include "tests/harness/levels.h"

namespace nudge::test {

inline std::string name_of(const char* wanted, ProcessorLevels has) { return choose_kernels(wanted, has).name; }

struct Refusal {
  Exit status = Exit::kDone;
  std::string message, advice;
};
inline Refusal refusal_of(const char* wanted, ProcessorLevels has) {
  try {
    choose_kernels(wanted, has);
  } catch (const Error& e) {
    return {e.status(), e.what(), e.advice()};
  }
  return {};
}

// Whether kernels() of a new process gives `outcome`, a level's name or an error's message, under NUDGE_KERNELS=`level`.
bool agrees(const char* level, const char* outcome);

}  // namespace nudge::test
