// Text of unknown origin, shown: it can neither drive a terminal nor break a line.
#pragma once

#include <string>
#include <string_view>

namespace nudge {

struct VisibleBlanks {  // what stands for them
  std::string_view newline = "\\n", tab = "\\t";
};

// Control characters (C0, DEL, C1) and bytes that are no UTF-8 as \x1b; newline and tab as `blanks` has them.
std::string visible(std::string_view text, VisibleBlanks blanks = {});

}  // namespace nudge
