// The part of Jinja that chat templates are written in: enough to see what a template does with a dialogue.
// Loops, conditions, assignments, namespaces, slices, the usual tests, filters and methods of texts; whitespace as
// Hugging Face sets it (trim_blocks, lstrip_blocks). Anything else is an error, never passed over.
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// The day that strftime_now tells: an output must not depend on the clock.
struct Date {
  int year = 2024, month = 7, day = 26;
};

struct Rendered {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> generations;  // the bytes [first, second) of {% generation %} blocks
  bool dated = false;                                            // strftime_now was called
};

// A JSON text as Python's json module reads it, so that a template sees what it sees in transformers.
// Error: TemplateError for numbers that aren't held.
Value value_of_json(std::string_view json);

using Variables = std::map<std::string, Value>;

// A template that is read once.
class Template {
 public:
  // Error: TemplateError naming the construct that is not supported, or the syntax that is wrong.
  explicit Template(std::string source);
  // Error: TemplateError, also beyond the limits on steps, depth and sizes.
  Rendered render(const Variables& variables, const Date& today) const;

 private:
  std::string source_;
};

}  // namespace nudge::jinja
