// jinja2's filters by name; here those of numbers and of any value.
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "lib/text/jinja_functions.h"
#include "lib/text/jinja_operators.h"
#include "lib/text/jinja_tree.h"
#include "lib/text/python_text.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

Value f_abs(const Value& value, const Arguments& given) {
  given.expect_values("abs", 0, 0);
  if (value.is(Kind::kFloat)) return Value::floating(std::abs(value.real));
  if (!value.is_integer()) fail_wrong("bad operand type for abs(): '" + type_name(value) + "'");
  return value.number < 0 ? negative(value) : Value::integer(value.number);
}

Value f_attr(const Value& value, const Arguments& given) {
  const Parameters p("attr", given, {"name"}, 1);
  if (!p[0]->is(Kind::kText)) fail_unsupported("the filter \"attr\" of a value that is not a string");
  if (value.is(Kind::kUndefined)) fail_unsupported("the filter \"attr\" of an undefined value");
  // A map's items are not attributes.
  const Value found = attribute_of(value.is(Kind::kMap) ? Value::of(Map()) : value, text_of(*p[0]));
  const bool method = value.is(Kind::kMap) && found.is(Kind::kMethod);
  return method ? Value::make(Kind::kMethod, std::make_shared<Method>(value, text_of(*p[0]))) : found;
}

Value f_default(const Value& value, const Arguments& given) {
  const Parameters p("default", given, {"default_value", "boolean"});
  const bool taken = value.is(Kind::kUndefined) || (p.truth(1) && !value.truth());
  if (!taken) return value;
  return p[0] == nullptr ? Value::of("") : *p[0];
}

Value f_length(const Value& value, const Arguments& given) {
  given.expect_values("len", 0, 0);
  return Value::integer(length_of(value));
}

Value f_string(const Value& value, const Arguments& given) {
  given.expect_values("string", 0, 0);
  return value.is(Kind::kText) ? value : Value::of(to_text(value));
}

Value f_safe(const Value& value, const Arguments& given) {
  const Parameters p("safe", given, {"value"});
  return Value::of(to_text(value), true);
}

Value f_escape(const Value& value, const Arguments& given) {
  given.expect_values("escape", 0, 0);
  if (value.is(Kind::kText) && value.markup()) return value;
  return Value::of(escaped(to_text(value)), true);
}

Value f_forceescape(const Value& value, const Arguments& given) {
  given.expect_values("forceescape", 0, 0);
  return Value::of(escaped(to_text(value)), true);
}

Value f_format(const Value& value, const Arguments& given) {
  if (value.is(Kind::kText) && value.markup()) fail_unsupported("the filter \"format\" of Markup");
  if (!given.values.empty() && !given.named.empty()) {
    fail_wrong("can't handle positional and keyword arguments at the same time");
  }
  if (given.named.empty()) return Value::of(printf_text(to_text(value), Value::tuple(given.values)));
  Map named;
  for (const auto& [name, v] : given.named) named.set(name, v);
  return Value::of(printf_text(to_text(value), Value::of(std::move(named))));
}

Value f_tojson(const Value& value, const Arguments& given) { return Value::of(json_of(value, given)); }

// Python's float() of a string; false where it raises.
bool float_of_text(const std::string& text, double& x) {
  std::string digits(python::stripped(text));
  const std::string lower = python::lower(digits);
  if (lower.find_first_of("abcdfghijklmnopqrstuvwxyz_") != lower.npos ||
      lower.find_first_not_of("0123456789+-.e") != lower.npos) {
    const bool words =
        lower.find("inf") != lower.npos || lower.find("nan") != lower.npos || lower.find('_') != lower.npos;
    bool ascii = true;
    for (const char c : lower) ascii = ascii && (c & 0x80) == 0;
    if (words || !ascii)
      fail_unsupported("a string as a number that is infinite, NaN, or written with non-ASCII digits or _");
    return false;
  }
  const char* begin = digits.c_str();
  if (*begin == '+' && begin[1] != '+' && begin[1] != '-') ++begin;
  const char* const end = digits.c_str() + digits.size();
  const auto result = std::from_chars(begin, end, x);
  if (result.ec == std::errc::result_out_of_range && result.ptr == end) fail_unsupported("a number beyond double");
  return result.ec == std::errc() && result.ptr == end;
}

// Python's int() of a string; false where it raises.
bool integer_of_text(const std::string& text, int base, std::int64_t& n) {
  std::string digits(python::stripped(text));
  for (const char c : digits) {
    if ((c & 0x80) != 0 || c == '_') fail_unsupported("a text as a number that is written with other digits or _");
  }
  if (base != 10) fail_unsupported("the filter \"int\" with a base");
  const char* begin = digits.c_str();
  if (*begin == '+' && begin[1] != '-') ++begin;
  const char* const end = digits.c_str() + digits.size();
  const auto result = std::from_chars(begin, end, n);
  if (result.ec == std::errc::result_out_of_range && result.ptr == end) fail_unsupported("an integer beyond 64 bits");
  return result.ec == std::errc() && result.ptr == end;
}

Value truncated(double x) {
  if (!(std::abs(x) < 0x1p63)) fail_unsupported("an integer beyond 64 bits");
  return Value::integer(static_cast<std::int64_t>(x));
}

Value f_int(const Value& value, const Arguments& given) {
  const Parameters p("int", given, {"default", "base"});
  const Value otherwise = p[0] == nullptr ? Value::integer(0) : *p[0];
  if (value.is(Kind::kUndefined)) fail_undefined(value);
  if (value.is_integer()) return Value::integer(value.number);
  if (value.is(Kind::kFloat)) return truncated(value.real);
  if (!value.is(Kind::kText)) return otherwise;
  std::int64_t n = 0;
  if (integer_of_text(value.text(), static_cast<int>(p.integer(1, 10)), n)) return Value::integer(n);
  double x = 0;
  return float_of_text(value.text(), x) ? truncated(x) : otherwise;
}

Value f_float(const Value& value, const Arguments& given) {
  const Parameters p("float", given, {"default"});
  if (value.is(Kind::kUndefined)) fail_undefined(value);
  if (value.is_number()) return Value::floating(as_double(value));
  double x = 0;
  if (value.is(Kind::kText) && float_of_text(value.text(), x)) return Value::floating(x);
  return p[0] == nullptr ? Value::floating(0) : *p[0];
}

// Python rounds the exact value to the nearest decimal number, and halves to even.
double rounded(double x, int digits) {
  char text[400];
  const auto end = std::to_chars(text, text + sizeof text, x, std::chars_format::fixed, digits).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

Value round_common(const Value& value, const Parameters& p) {
  const bool none = p[0] != nullptr && p[0]->is(Kind::kNone);
  const std::int64_t digits = none ? 0 : p.integer(0, 0);
  if (value.is_integer()) {
    if (digits < 0) fail_unsupported("the filter \"round\" of an integer to tens");
    return Value::integer(value.number);
  }
  if (none) return truncated(std::nearbyint(value.real));
  if (digits < 0 || digits > 300) fail_unsupported("the filter \"round\" to so many digits");
  return finite(rounded(value.real, static_cast<int>(digits)));
}

Value f_round(const Value& value, const Arguments& given) {
  const Parameters p("round", given, {"precision", "method"});
  const std::string method = p[1] == nullptr ? "common" : text_of(*p[1]);
  if (method != "common" && method != "ceil" && method != "floor") fail_wrong("method must be common, ceil or floor");
  if (value.is(Kind::kUndefined) && method != "common") fail_undefined(value);
  if (!value.is_number()) fail_wrong("type " + type_name(value) + " doesn't define __round__ method");
  if (method == "common") return round_common(value, p);
  const std::int64_t digits = p.integer(0, 0);
  if (digits < 0) fail_unsupported("the filter \"round\" to tens");
  const Value scale = power(Value::integer(10), Value::integer(digits));
  const double scaled = as_double(multiply(value, scale));
  return divide(truncated(method == "ceil" ? std::ceil(scaled) : std::floor(scaled)), scale);
}

constexpr NamedFilter kNumberFilters[] = {{"abs", f_abs},       {"attr", f_attr},       {"count", f_length},
                                          {"d", f_default},     {"default", f_default}, {"e", f_escape},
                                          {"escape", f_escape}, {"float", f_float},     {"forceescape", f_forceescape},
                                          {"format", f_format}, {"int", f_int},         {"length", f_length},
                                          {"round", f_round},   {"safe", f_safe},       {"string", f_string},
                                          {"tojson", f_tojson}};

// Filters of jinja2 that are refused when they are reached.
constexpr const char* kRefused[] = {"filesizeformat", "pprint", "random", "striptags", "urlize", "wordwrap", "xmlattr"};

const std::unordered_map<std::string_view, Filter>& filters() {
  static const auto all = [] {
    std::unordered_map<std::string_view, Filter> map;
    for (const auto& [table, count] : {number_filters(), text_filters(), list_filters(), choosing_filters()}) {
      for (std::size_t i = 0; i < count; ++i) map.emplace(table[i].name, table[i].filter);
    }
    for (const char* name : kRefused) map.emplace(name, nullptr);
    return map;
  }();
  return all;
}

}  // namespace

std::pair<const NamedFilter*, std::size_t> number_filters() { return {kNumberFilters, std::size(kNumberFilters)}; }

bool is_filter(const std::string& name) { return filters().contains(name); }

Value call_filter(const std::string& name, const Value& value, const Arguments& given) {
  const auto found = filters().find(name);
  if (found == filters().end()) fail_wrong("No filter named " + repr_of_text(name) + " found.");
  if (found->second == nullptr) fail_unsupported("the filter \"" + name + "\"");
  if (value.is(Kind::kText)) charge_text(value.text().size());
  return found->second(value, given);
}

}  // namespace nudge::jinja
