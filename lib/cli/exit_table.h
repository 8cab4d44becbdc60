// What each exit status means and what to do about it: for the man pages and the line of advice under
// an error that brings none of its own.
#pragma once

#include <span>

#include "lib/base/exit_status.h"

namespace nudge {

struct ExitMeaning {
  Exit status;
  const char* meaning;  // for a man page's table
  const char* advice;   // under an error without advice of its own
};

std::span<const ExitMeaning> exit_table();
const ExitMeaning& exit_meaning(Exit status);

}  // namespace nudge
