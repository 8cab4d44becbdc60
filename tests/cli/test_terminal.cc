// Text laid out for a terminal.
#include "lib/cli/terminal.h"

#include <string>
#include <vector>

#include "tests/harness/harness.h"

using namespace nudge;

TEST_CASE("text for the screen is broken at blanks, counted in columns, and can't drive the terminal") {
  using Lines = std::vector<std::string>;
  CHECK(screen_lines("aa bb cc", 5) == Lines{"aa bb", "cc"});
  CHECK(screen_lines("abcdefgh", 3) == Lines{"abc", "def", "gh"});
  CHECK(screen_lines("a\n\nb", 9) == Lines{"a", "", "b"});
  CHECK(screen_lines("", 9) == Lines{""});
  CHECK(screen_lines("日本語", 4) == Lines{"日本", "語"});
  CHECK(screen_lines("\x1b[2J\t\xff\xc2\x9b", 80) == Lines{"\\x1b[2J    \\xff\\x9b"});
  CHECK(column_count("日本a") == 5);
  CHECK(column_count("e\u0301") == 1);
}

TEST_CASE("answers stand side by side on a wide screen and one above the other on a narrow one") {
  const std::string wide = side_by_side("left", "one two", "right", "three\nfour", 83);
  const std::string rows = "one two" + std::string(33, ' ') + " | three\n" + std::string(40, ' ') + " | four\n";
  CHECK(wide.find(rows) != std::string::npos);
  const std::string narrow = side_by_side("left", "one", "right", "two", 82);
  CHECK(narrow.find(" | ") == std::string::npos);
  CHECK(narrow.find("one\n") < narrow.find("two\n"));
}
