// Literals of templates.
#pragma once

#include <string>
#include <string_view>

#include "lib/text/jinja_value.h"

namespace nudge::jinja {

// The text between a literal's quotes, with escapes replaced as in Python. Error: TemplateError.
std::string unescaped(std::string_view literal, int line);

// Reads the number that starts at `at` and moves `at` past it. False if there is none. Integers beyond 64 bits become
// kMissing.
bool scan_number(std::string_view source, std::size_t& at, Value& number);

}  // namespace nudge::jinja
