// Reads a command line into a table of options. The only file that includes CLI11 is its .cc: every
// other one would pay seconds of compile time for it.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "lib/cli/option.h"

namespace nudge {

// What was asked for besides work.
struct Requests {
  bool help = false, version = false, man = false;
};

// Splits argv by the table; of an option given twice the last one wins, "--" ends the options, "-" is an
// argument. Values are assigned, and checked, only where none of the requests was made. Throws usage
// errors: unknown options (with the nearest name as advice), missing values, bounds, combinations.
Requests read_command_line(std::deque<Option>& options, int argc, const char* const* argv);

// The name in `known` that is nearest to `word`, or "" where none is near.
std::string nearest_name(const std::string& word, const std::vector<std::string>& known);

}  // namespace nudge
