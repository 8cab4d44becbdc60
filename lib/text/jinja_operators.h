// Python's operators on values. TemplateError where Python raises.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/text/jinja_value.h"

namespace nudge::jinja {

Value add(const Value& a, const Value& b);
Value subtract(const Value& a, const Value& b);
Value multiply(const Value& a, const Value& b);
Value divide(const Value& a, const Value& b);
Value floor_divide(const Value& a, const Value& b);
Value modulo(const Value& a, const Value& b);
Value power(const Value& a, const Value& b);
Value negative(const Value& a);
Value positive(const Value& a);

double as_double(const Value& number);
// x, unless infinite or NaN (TemplateError): how Python writes these depends on their position in a template.
Value finite(double x);

// value.name and value[key] as in jinja2's sandbox: undefined if absent.
Value attribute_of(const Value& value, const std::string& name);
Value item_of(const Value& value, const Value& key);
Value slice_of(const Value& value, const Value& first, const Value& last, const Value& step);

// Characters [from, to) of a string, as Python counts them.
std::string_view substring(const Value& text, std::size_t from, std::size_t to);

// text % values, and text.format().
struct Arguments;
std::string printf_text(const std::string& format, const Value& values);
std::string format_text(const std::string& format, const Arguments& given);

// Markup escaped for HTML.
std::string escaped(std::string_view text);

}  // namespace nudge::jinja
