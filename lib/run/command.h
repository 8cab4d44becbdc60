// What the programs' mains share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/cli/tool.h"

namespace nudge {

// The line that ends a finished run: the arguments of Tool::tally.
struct Tally {
  std::vector<Count> counts;
  std::string more = {};
  bool may_be_none = false;  // 0 of the first count is no error
  std::int64_t tokens = 0;   // that this run worked on, for their rate
};

// A program's main. Command registers its options (add_to) and does the work (run), which returns no tally where the
// output had been made already.
template <class Command>
int run_command(Description about, int argc, char** argv) {
  Tool tool(std::move(about));
  Command command;
  command.add_to(tool);
  return tool.run(argc, argv, [&] {
    if (const std::optional<Tally> t = command.run(tool)) tool.tally(t->counts, t->more, t->may_be_none, t->tokens);
  });
}

}  // namespace nudge
