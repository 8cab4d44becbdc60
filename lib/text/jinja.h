// Chat templates: Jinja as transformers renders it, to the byte (docs/formats.md). What jinja2 renders and this does
// not is refused by its name; what jinja2 refuses is refused in its words; nothing is passed over. A template is a
// stranger's program: its steps, sizes and depth are bounded (jinja_limits.h).
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

// The day that strftime_now tells, at midnight: an output must not depend on the clock.
struct Date {
  int year = 2024, month = 7, day = 26;
};

struct Rendered {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> generations;  // the bytes [first, second) of {% generation %} blocks
  bool dated = false;                                            // strftime_now was called
  bool unplaced = false;  // a generation block stood in a macro or another block: where its text went is not known
};

// A JSON text as Python's json module reads it, so that a template sees what it sees in transformers.
// Error: TemplateError for numbers that aren't held.
Value value_of_json(std::string_view json);

using Variables = std::map<std::string, Value>;

struct Tree;

// A template that is read once. Rendering it changes nothing: threads may do it at one time, each with variables of its
// own.
class Template {
 public:
  // Error: TemplateError of the cause kSyntax, in jinja2's words, or kLimit.
  explicit Template(std::string_view source);
  // Error: TemplateError.
  Rendered render(const Variables& variables, const Date& today) const;

 private:
  std::shared_ptr<const Tree> tree_;
};

// The text alone, of a template that is used once.
std::string render(std::string_view source, const Value::Map& variables);

}  // namespace nudge::jinja
