// Text longer than the screen.
#include "lib/cli/pager.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/harness/harness.h"

using namespace nudge;

namespace {

PagedText numbers(int n) {
  return {.lines =
              [n](std::size_t) {
                std::vector<std::string> lines;
                for (int i = 1; i <= n; ++i) lines.push_back("line" + std::to_string(i));
                return lines;
              },
          .keys = "[l]eft  [q]uit",
          .answers = "lq"};
}

}  // namespace

TEST_CASE("a text that fits stands whole above its keys") {
  PagedText text = numbers(4);
  std::size_t page = 0;
  CHECK(page_of(text, {80, 5}, page) == "line1\nline2\nline3\nline4\n[l]eft  [q]uit ");
  CHECK(page == 4);
}

TEST_CASE("of a longer one a page is shown, its place and its keys, in no more rows than there are") {
  PagedText text = numbers(5);
  std::size_t page = 0;
  CHECK(page_of(text, {80, 5}, page) == "line1\nline2\nline3\nlines 1-3 of 5  [space] on\n[l]eft  [q]uit ");
  CHECK(page == 3);
  text.first = 1;
  CHECK(page_of(text, {80, 5}, page) == "line2\nline3\nline4\nlines 2-4 of 5  [space] on  [b]ack\n[l]eft  [q]uit ");
  text.first = 100;  // past the end is the last page
  CHECK(page_of(text, {80, 5}, page) == "line3\nline4\nline5\nlines 3-5 of 5  [b]ack\n[l]eft  [q]uit ");
  CHECK(text.first == 2);
  text.first = 0;  // keys that need two rows take them from the text
  CHECK(page_of(text, {10, 5}, page) == "line1\nline2\nlines 1-2\n[l]eft \n[q]uit ");
  text.first = 4;  // a larger window shows all again
  page_of(text, {80, 24}, page);
  CHECK(text.first == 0);
}

TEST_CASE("TERM tells whether the cursor moves") {
  const char* old = std::getenv("TERM");
  const std::string before = old == nullptr ? "" : old;
  ::setenv("TERM", "xterm", 1);
  CHECK(moves_cursor());
  ::setenv("TERM", "dumb", 1);
  CHECK(!moves_cursor());
  ::setenv("TERM", "", 1);
  CHECK(!moves_cursor());
  ::unsetenv("TERM");
  CHECK(!moves_cursor());
  CHECK(!shows_colour(-1));
  if (old != nullptr) ::setenv("TERM", before.c_str(), 1);
}
