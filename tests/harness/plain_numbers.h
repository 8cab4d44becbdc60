// JSON with a 0 for every number that the grammar allows, which any reader then holds. By a regular expression, and so
// independent of the library's scanner.
#pragma once

#include <algorithm>
#include <regex>
#include <string>
#include <string_view>

namespace nudge::test {

inline std::string with_plain_numbers(std::string_view json) {
  static const std::regex number("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
  constexpr std::string_view kCharacters = "+-.0123456789eE";
  std::string out;
  for (std::size_t at = 0; at < json.size();) {
    std::size_t end = at + 1;
    if (json[at] == '"') {
      while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, json.size());
      out += json.substr(at, end - at);
    } else if (json[at] == '-' || (json[at] >= '0' && json[at] <= '9')) {
      while (end < json.size() && kCharacters.find(json[end]) != kCharacters.npos) ++end;
      const std::string token(json.substr(at, end - at));
      out += std::regex_match(token, number) ? "0" : token;
    } else {
      out += json[at];
    }
    at = end;
  }
  return out;
}

}  // namespace nudge::test
