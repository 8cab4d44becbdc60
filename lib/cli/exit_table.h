// What each exit status means and what to do about it: for the man pages, and for errors without advice of their own.
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

// Advice for an error that has none of its own; peek is named only where the message names a file of records.
std::string advice_on(Exit status, const std::string& message);

}  // namespace nudge
