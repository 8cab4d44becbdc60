// Text that may be longer than the screen, with the keys that it offers always in sight.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "lib/cli/terminal.h"

namespace nudge {

struct PagedText {
  std::function<std::vector<std::string>(std::size_t columns)> lines;  // at most `columns` wide each
  std::string keys;                                                    // what stands below the text
  std::string answers;                                                 // the bytes that end paged_key()
  std::size_t first = 0;                                               // the topmost line in sight
};

// The lines in sight and the keys, in at most `size.rows` rows. Where not all lines fit, the last row but the keys tells
// which are shown, and how to go on. Moves text.first to where it shows something. `page`: lines in sight.
std::string page_of(PagedText& text, Terminal::Size size, std::size_t& page);

// Shows the text until a key of `answers` is typed, and returns it, or kEnd. Space, f and page down show what follows,
// b and page up what stands before; j, k and the arrows move by a line. A window that changes its size is drawn again.
// In one too small for a line of text and the keys only q, if it is an answer, means anything.
int paged_key(Terminal& terminal, PagedText& text);

}  // namespace nudge
