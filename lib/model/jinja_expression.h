// Expressions of chat templates.
#pragma once

#include <string>
#include <string_view>

#include "lib/model/jinja.h"

namespace nudge::jinja {

// The value of an expression. Both sides of "and", "or" and "if" are computed, and what is not defined gives what is
// not defined, so that the side that doesn't count does no harm.
Value evaluate(std::string_view expression, const Value::Map& variables);

// The same where "if" does not belong to the expression, as in what a loop goes over.
Value evaluate_without_condition(std::string_view expression, const Value::Map& variables);

// What a template may make at most, in characters of a text and in members of a list: it comes with a model's folder,
// and some of the language's ways double what they hold. Error: TemplateError.
inline constexpr std::size_t kMostCharacters = 1 << 20, kMostMembers = 10000;
void check_size(const std::string& text);

bool is_name_char(char c);
bool is_name(std::string_view text);

}  // namespace nudge::jinja
