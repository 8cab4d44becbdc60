// Reads a command line into a table of options. Only this header's .cc includes CLI11, which costs seconds of compile
// time.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "lib/cli/option.h"

namespace nudge {

// What was asked for instead of work.
struct Requests {
  bool help = false, version = false, man = false;
  std::string completion;  // the shell: "bash" or "zsh"; "" where it was not asked for

  bool any() const { return help || version || man || !completion.empty(); }
};

// Splits argv by the table; of an option given twice the last one wins, "--" ends the options, "-" is an
// argument. Values are assigned, and checked, only where none of the requests was made. Throws usage
// errors: unknown options (with the nearest name as advice), missing values, bounds, combinations.
Requests read_command_line(std::deque<Option>& options, int argc, const char* const* argv);

// The name in `known` that is nearest to `word`, or "" where none is near.
std::string nearest_name(const std::string& word, const std::vector<std::string>& known);

}  // namespace nudge
