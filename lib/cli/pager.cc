#include "lib/cli/pager.h"

#include <algorithm>

namespace nudge {
namespace {

constexpr std::size_t kLeastColumns = 20, kLeastRows = 5;

bool too_small(Terminal::Size size) { return size.columns < kLeastColumns || size.rows < kLeastRows; }

std::string place_words(std::size_t first, std::size_t page, std::size_t lines) {
  const std::size_t last = std::min(first + page, lines);
  return "lines " + std::to_string(first + 1) + "-" + std::to_string(last) + " of " + std::to_string(lines) +
         (last < lines ? "  [space] on" : "") + (first > 0 ? "  [b]ack" : "");
}

// Whether the key moves the text, by `page` lines or by one.
bool moves(int key, std::size_t page, std::size_t& first) {
  switch (key) {
    case ' ':
    case 'f':
    case Terminal::kPageDown: first += page; return true;
    case 'b':
    case Terminal::kPageUp: first -= std::min(first, page); return true;
    case 'j':
    case Terminal::kDown: ++first; return true;
    case 'k':
    case Terminal::kUp: first -= std::min<std::size_t>(first, 1); return true;
    default: return false;
  }
}

}  // namespace

std::string page_of(PagedText& text, Terminal::Size size, std::size_t& page) {
  const std::vector<std::string> lines = text.lines(size.columns);
  const std::vector<std::string> keys = screen_lines(text.keys, size.columns);
  const bool whole = lines.size() + keys.size() <= size.rows;
  page = whole ? lines.size() : std::max<std::size_t>(size.rows, keys.size() + 2) - keys.size() - 1;
  text.first = std::min(text.first, lines.size() - std::min(lines.size(), page));
  std::string screen;
  for (std::size_t i = text.first; i < std::min(lines.size(), text.first + page); ++i) screen += lines[i] + "\n";
  if (!whole) screen += screen_lines(place_words(text.first, page, lines.size()), size.columns).front() + "\n";
  for (const std::string& line : keys) screen += line + (&line == &keys.back() ? " " : "\n");
  return screen;
}

int paged_key(Terminal& terminal, PagedText& text) {
  for (;;) {
    const Terminal::Size size = terminal.size();
    const bool small = too_small(size);
    std::size_t page = 0;
    terminal.show(small ? "too small: make the window larger, or [q]uit " : page_of(text, size, page));
    for (bool drawn = true; drawn;) {
      const int key = terminal.key();
      if (key == Terminal::kEnd) return key;
      if (key >= 0 && text.answers.find(static_cast<char>(key)) != std::string::npos && (!small || key == 'q'))
        return key;
      const std::size_t before = text.first;
      // Past the end, the text stays where it is.
      if (!small && moves(key, page, text.first)) page_of(text, size, page);
      drawn = key != Terminal::kResize && text.first == before;
    }
  }
}

}  // namespace nudge
