// White space, characters, lines and case as in Python 3.14.
#include "lib/text/python_text.h"
#include "lib/text/unicode.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::string shown(const std::vector<std::string_view>& parts) {
  std::string out;
  for (const std::string_view part : parts) out += "[" + std::string(part) + "]";
  return out;
}

}  // namespace

TEST_CASE("white space is Python's") {
  std::string found;
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    if (python::is_space(c)) found += std::to_string(c) + ' ';
  }
  // [c for c in range(0x110000) if chr(c).isspace()]
  CHECK(found ==
        "9 10 11 12 13 28 29 30 31 32 133 160 5760 8192 8193 8194 8195 8196 8197 8198 8199 8200 8201 8202 8232 "
        "8233 8239 8287 12288 ");
}

TEST_CASE("texts are split from both ends") {
  CHECK(shown(python::split(" a\u2028b  c ")) == "[a][b][c]");
  CHECK(shown(python::split(" a b c ", 1)) == "[a][b c ]");
  CHECK(shown(python::split_last(" a b c ", 1)) == "[ a b][c]");
  CHECK(shown(python::split_last(" \u3000 ")) == "");
  CHECK(shown(python::split("a-b-c", "-", 1)) == "[a][b-c]");
  CHECK(shown(python::split_last("a-b-c", "-", 1)) == "[a-b][c]");
  CHECK(shown(python::split_last("aaa", "aa")) == "[a][]");
  CHECK(shown(python::split_last("-", "-")) == "[][]");
}

TEST_CASE("lines end where Unicode has them end") {
  CHECK(shown(python::lines("a\r\nb\n\rc\u2028d\x1c", false)) == "[a][b][][c][d]");
  CHECK(shown(python::lines("a\r\nb\n", true)) == "[a\r\n][b\n]");
  CHECK(shown(python::lines("", false)) == "");
  CHECK(shown(python::lines("\n", false)) == "[]");
}

TEST_CASE("parts are counted and replaced") {
  CHECK(python::count("aaaa", "aa") == 2);
  CHECK(python::count("\u00e9a", "") == 3);
  CHECK(python::replaced("aaaa", "aa", "b") == "bb");
  CHECK(python::replaced("aaaa", "a", "b", 2) == "bbaa");
  CHECK(python::replaced("\u00e9a", "", "-") == "-\u00e9-a-");
  CHECK(python::replaced("ab", "", "-", 2) == "-a-b");
  CHECK(python::replaced("ab", "", "-", 0) == "ab");
}

TEST_CASE("case is Python's") {
  CHECK(python::upper("stra\u00dfe") == "STRASSE");
  CHECK(python::capitalize("\ufb01 ABC") == "Fi abc");
}
