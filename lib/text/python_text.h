// Python's str methods, which chat templates are written for: white space, case, characters. All texts are valid UTF-8;
// a character is a code point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nudge::python {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }  // of ASCII

// str.isspace(): Unicode's White_Space and the separators U+001C to U+001F.
bool is_space(std::uint32_t c);

// The end of the white space at `at`; the first white space from `at` on, or the end.
std::size_t skip_space(std::string_view text, std::size_t at = 0);
std::size_t find_space(std::string_view text, std::size_t at = 0);

// strip(), lstrip(), rstrip(): removes white space, or the characters of a set, at the ends.
enum class Side { kStart, kEnd, kBoth };
std::string_view stripped(std::string_view text, Side side = Side::kBoth);
std::string_view stripped(std::string_view text, std::string_view characters, Side side = Side::kBoth);

// split(None, most), split(by, most): at most `most` splits, unlimited if negative. `by` is not empty.
std::vector<std::string_view> split(std::string_view text, std::int64_t most = -1);
std::vector<std::string_view> split(std::string_view text, std::string_view by, std::int64_t most = -1);

// rsplit(None, most), rsplit(by, most): from the end.
std::vector<std::string_view> split_last(std::string_view text, std::int64_t most = -1);
std::vector<std::string_view> split_last(std::string_view text, std::string_view by, std::int64_t most = -1);

// splitlines(): at all of Unicode's line ends, which the lines keep or not.
std::vector<std::string_view> lines(std::string_view text, bool keep_ends);

// text.find(part, at) of bytes, in linear time.
std::size_t find_part(std::string_view text, std::string_view part, std::size_t at = 0);

// count(part), replace(part, by, most). The empty string occurs before each character and at the end.
std::size_t count(std::string_view text, std::string_view part);
std::string replaced(std::string_view text, std::string_view part, std::string_view by, std::int64_t most = -1);

std::size_t length(std::string_view text);
std::vector<std::string_view> characters(std::string_view text);

// upper(), lower(), title(), capitalize(), with characters that become several, and the final sigma.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string title(std::string_view text);
std::string capitalize(std::string_view text);

}  // namespace nudge::python
