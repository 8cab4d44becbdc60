// Filters, methods, tests and functions of chat templates, and their literals of text.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "lib/model/jinja_value.h"

namespace nudge::jinja {

struct Arguments {
  Value::List values;
  Value::Map named;

  // The i-th, or the one of that name; null where neither is given.
  const Value* find(std::size_t i, const char* name = "") const;
  // Error: TemplateError, where there are more than `most`, or one of another name than these.
  void expect(std::size_t most, std::initializer_list<const char*> names = {}) const;
  std::string text(std::size_t i) const;  // TemplateError where it is none
};

// Each gives what Jinja gives, or a TemplateError where it is not supported. What is not defined stays so, but where
// Jinja takes it for an empty text or list.
Value filter(const Value& value, const std::string& name, const Arguments& given);
Value method(const Value& value, const std::string& name, const Arguments& given);
bool test(const Value& value, const std::string& name);
Value call(const std::string& function, const Arguments& given);

// The text between a literal's quotes, its escapes replaced as Python does.
std::string unescaped(std::string_view literal);

// For an output or a "~". TemplateError for lists, maps and what Python writes by a word.
std::string as_text(const Value& value);

}  // namespace nudge::jinja
