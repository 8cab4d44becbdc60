// Expressions of chat templates.
#pragma once

#include <string_view>

#include "lib/model/jinja.h"

namespace nudge::jinja {

// The value of an expression. Both sides of "and", "or" and "if" are computed, and what is not defined gives what is
// not defined, so that the side that doesn't count does no harm.
Value evaluate(std::string_view expression, const Value::Map& variables);

// `text` without white space at its start, its end or both.
enum class Side { kStart, kEnd, kBoth };
std::string_view stripped(std::string_view text, std::string_view characters, Side side);
inline constexpr std::string_view kWhiteSpace = " \t\n\r\v\f";

}  // namespace nudge::jinja
