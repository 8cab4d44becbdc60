// The part of Jinja that chat templates are written in: enough to see what a template does with a dialogue.
// Loops, conditions, assignments, namespaces, slices, the usual tests, filters and methods of texts; whitespace as
// Hugging Face sets it (trim_blocks, lstrip_blocks). Anything else is an error, never passed over.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "lib/model/jinja_value.h"

namespace nudge::jinja {

// What the template uses and this does not know, what it does wrong, or what it says in raise_exception().
class TemplateError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The text that `source` makes of the variables. Error: TemplateError, also beyond 5,000 statements and rounds of
// loops, 50 blocks in each other, and the sizes of jinja_expression.h: a template may come from anywhere.
std::string render(std::string_view source, const Value::Map& variables);

}  // namespace nudge::jinja
