// Literals of templates.
#pragma once

#include <string>
#include <string_view>

#include "lib/text/jinja_value.h"

namespace nudge::jinja {

// The text between a literal's quotes, its escapes replaced as Python does. Error: TemplateError.
std::string unescaped(std::string_view literal, int line);

// The number that starts at `at`, which is moved behind it. False where there is none. Integers beyond 64 bits are
// kMissing.
bool scan_number(std::string_view source, std::size_t& at, Value& number);

}  // namespace nudge::jinja
