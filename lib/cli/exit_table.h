// What each exit status means and what to do about it: for the man pages and the line of advice under
// an error that brings none of its own.
#pragma once

#include <span>
#include <string>

#include "lib/base/exit_status.h"

namespace nudge {

struct ExitMeaning {
  Exit status;
  const char* meaning;  // for a man page's table
  const char* advice;   // under an error without advice of its own; advice_on() knows more
};

std::span<const ExitMeaning> exit_table();
const ExitMeaning& exit_meaning(Exit status);

// What to do about an error without advice of its own: peek looks into files of records, and into no others.
std::string advice_on(Exit status, const std::string& message);

}  // namespace nudge
