// Chat templates: Jinja, rendered byte for byte as in transformers (docs/formats.md). What only jinja2 supports is
// refused by name; what jinja2 rejects is refused with its message; nothing is ignored. A template is untrusted code:
// its steps, sizes and depth are bounded (jinja_limits.h).
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/text/jinja_limits.h"
#include "lib/text/jinja_value.h"

namespace nudge::jinja {

// The date that strftime_now reports, at midnight: outputs must not depend on the clock.
struct Date {
  int year = 2024, month = 7, day = 26;
};

struct Rendered {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> generations;  // the bytes [first, second) of {% generation %} blocks
  bool dated = false;                                            // strftime_now was called
  bool unplaced = false;  // a generation block was in a macro or another block: the position of its text is unknown
};

// A JSON text as Python's json module reads it, so that a template sees the same values as in transformers.
// Error: TemplateError for numbers that can't be represented.
Value value_of_json(std::string_view json);

using Variables = std::map<std::string, Value>;

struct Tree;

// A parsed template. Rendering is const: threads may render at the same time, each with its own variables.
class Template {
 public:
  // Error: TemplateError with cause kSyntax and jinja2's message, or kLimit.
  explicit Template(std::string_view source);
  // Error: TemplateError.
  Rendered render(const Variables& variables, const Date& today) const;

 private:
  std::shared_ptr<const Tree> tree_;
};

// Only the text, for a template that is used once.
std::string render(std::string_view source, const Value::Map& variables);

}  // namespace nudge::jinja
