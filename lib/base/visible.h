// Text of unknown origin made safe to print: it can neither control a terminal nor break a line.
#pragma once

#include <string>
#include <string_view>

namespace nudge {

struct VisibleBlanks {  // replacements for these two
  std::string_view newline = "\\n", tab = "\\t";
};

// Escapes control characters (C0, DEL, C1) and invalid UTF-8 like \x1b, and replaces newlines and tabs by `blanks`.
std::string visible(std::string_view text, VisibleBlanks blanks = {});

}  // namespace nudge
