// Expressions of chat templates.
#pragma once

#include <string>
#include <string_view>

#include "lib/model/jinja.h"

namespace nudge::jinja {

// The value of an expression. Both sides of "and", "or" and "if" are computed, and what is not defined gives what is
// not defined, so that the side that doesn't count does no harm.
Value evaluate(std::string_view expression, const Value::Map& variables);

// What a template may make at most, in characters of a text and in members of a list: it comes with a model's folder,
// and some of the language's ways double what they hold. Error: TemplateError.
inline constexpr std::size_t kMostCharacters = 1 << 20, kMostMembers = 10000;
void check_size(const std::string& text);

// `text` without white space at its start, its end or both.
enum class Side { kStart, kEnd, kBoth };
std::string_view stripped(std::string_view text, std::string_view characters, Side side);
inline constexpr std::string_view kWhiteSpace = " \t\n\r\v\f";

}  // namespace nudge::jinja
