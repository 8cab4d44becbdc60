// String filters.
#include <algorithm>
#include <cstdio>

#include "lib/text/jinja_functions.h"
#include "lib/text/jinja_operators.h"
#include "lib/text/python_text.h"
#include "lib/text/unicode.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

// Applies a string method to the value's text; other values are converted first.
Value changed(const char* name, const Value& value, const Arguments& given, std::string (*change)(std::string_view)) {
  given.expect_values(name, 0, 0);
  if (value.is(Kind::kText)) charge_text(8 * value.text().size());
  if (value.is(Kind::kText)) return Value::of(change(value.text()), value.markup());
  return Value::of(change(to_text(value)));
}

// Jinja's own title(): a word starts after white space and some brackets; its first letter becomes upper case.
std::string title(std::string_view text) {
  std::string out;
  const auto parts_words = [](std::uint32_t c) {
    constexpr std::string_view kBrackets = "-({[<";
    return python::is_space(c) || (c < 0x80 && kBrackets.find(static_cast<char>(c)) != kBrackets.npos);
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (parts_words(next_char(text, at))) {
      out.append(text, begin, at - begin);
      continue;
    }
    const std::size_t second = at;
    for (std::size_t next = at; next < text.size() && !parts_words(next_char(text, next));) at = next;
    out += python::upper(text.substr(begin, second - begin)) + python::lower(text.substr(second, at - second));
  }
  return out;
}

Value f_upper(const Value& v, const Arguments& given) { return changed("upper", v, given, python::upper); }
Value f_lower(const Value& v, const Arguments& given) { return changed("lower", v, given, python::lower); }
Value f_capitalize(const Value& v, const Arguments& given) {
  return changed("capitalize", v, given, python::capitalize);
}
Value f_title(const Value& v, const Arguments& given) { return changed("title", v, given, title); }

Value f_trim(const Value& value, const Arguments& given) {
  const Parameters p("trim", given, {"chars"});
  const bool markup = value.is(Kind::kText) && value.markup();
  const std::string text = to_text(value);
  if (!p.is_given(0)) return Value::of(std::string(python::stripped(text)), markup);
  if (!p[0]->is(Kind::kText)) fail_wrong("strip arg must be None or str");
  return Value::of(std::string(python::stripped(text, p[0]->text())), markup);
}

Value f_replace(const Value& value, const Arguments& given) {
  const Parameters p("replace", given, {"old", "new", "count"}, 2);
  const std::int64_t count = p.is_given(2) ? p.integer(2, -1) : -1;
  return Value::of(replaced_text(to_text(value), to_text(*p[0]), to_text(*p[1]), count));
}

Value f_center(const Value& value, const Arguments& given) {
  const Parameters p("center", given, {"width"});
  Arguments width;
  width.values = {p[0] == nullptr ? Value::integer(80) : *p[0]};
  const Value text = value.is(Kind::kText) ? value : Value::of(to_text(value));
  return method_of_text(text, "center", width);
}

std::string indentation(const Value* width) {
  if (width == nullptr) return "    ";
  if (width->is(Kind::kText)) return width->text();
  const std::int64_t n = std::max<std::int64_t>(integer_of(*width), 0);
  if (n > static_cast<std::int64_t>(kMostText)) fail_limit("a text is too long");
  return std::string(static_cast<std::size_t>(n), ' ');
}

Value f_indent(const Value& value, const Arguments& given) {
  const Parameters p("indent", given, {"width", "first", "blank"});
  if (value.is(Kind::kUndefined)) fail_undefined(value);
  if (!value.is(Kind::kText)) fail_wrong("unsupported operand type(s) for +=: '" + type_name(value) + "' and 'str'");
  if (value.markup()) fail_unsupported("the filter \"indent\" of Markup");
  const std::string by = indentation(p[0]);
  std::string out = p.truth(1) ? by : "";
  const std::string text = value.text() + "\n";
  const auto lines = python::lines(text, false);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\n";
    if (i > 0 && (p.truth(2) || !lines[i].empty())) out += by;
    out += lines[i];
    if (out.size() > kMostText) fail_limit("a text is too long");
  }
  return Value::of(std::move(out));
}

Value f_truncate(const Value& value, const Arguments& given) {
  const Parameters p("truncate", given, {"length", "killwords", "end", "leeway"});
  const Value end = p[2] == nullptr ? Value::of("...") : *p[2];
  const std::int64_t length = p.integer(0, 255), leeway = p.is_given(3) ? p.integer(3, 5) : 5;
  const auto tail = static_cast<std::int64_t>(length_of(end)), size = static_cast<std::int64_t>(length_of(value));
  if (length < tail) fail_wrong("expected length >= " + std::to_string(tail) + ", got " + std::to_string(length));
  if (leeway < 0) fail_wrong("expected leeway >= 0, got " + std::to_string(leeway));
  if (length >= INT64_MAX - leeway || size <= length + leeway) return value;
  if (!value.is(Kind::kText) || value.markup()) fail_unsupported("the filter \"truncate\" of a " + type_name(value));
  const std::string kept(substring(value, 0, static_cast<std::size_t>(length - tail)));
  const std::size_t blank = p.truth(1) ? kept.npos : kept.rfind(' ');
  return add(Value::of(kept.substr(0, blank)), end);
}

// Words as matched by \w+.
Value f_wordcount(const Value& value, const Arguments& given) {
  given.expect_values("wordcount", 0, 0);
  std::int64_t words = 0;
  bool within = false;
  for (const char c : to_text(value)) {
    if ((c & 0x80) != 0) fail_unsupported("the filter \"wordcount\" of other characters than ASCII's");
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    words += letter && !within;
    within = letter;
  }
  return Value::integer(words);
}

std::string quoted(std::string_view text, bool of_query) {
  std::string out;
  for (const char c : text) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !of_query);
    char escape[4];
    std::snprintf(escape, sizeof escape, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    if (kept) out += c;
    else if (of_query && c == ' ') out += '+';
    else out += escape;
  }
  return out;
}

Value f_urlencode(const Value& value, const Arguments& given) {
  given.expect_values("urlencode", 0, 0);
  if (value.is(Kind::kText) || !can_iterate(value)) return Value::of(quoted(to_text(value), false));
  Value pairs = value;
  if (value.is(Kind::kMap)) pairs = Value::make(Kind::kView, std::make_shared<View>(value, View::Part::kItems));
  std::string out;
  for (const Value& pair : list_of(pairs)) {
    const Value::List parts = list_of(pair);
    if (parts.size() != 2) fail_wrong("a pair of a key and a value is expected");
    out += (out.empty() ? "" : "&") + quoted(to_text(parts[0]), true) + "=" + quoted(to_text(parts[1]), true);
    check_text(out.size());
  }
  return Value::of(std::move(out));
}

constexpr NamedFilter kTextFilters[] = {
    {"capitalize", f_capitalize}, {"center", f_center},       {"indent", f_indent},      {"lower", f_lower},
    {"replace", f_replace},       {"title", f_title},         {"trim", f_trim},          {"truncate", f_truncate},
    {"upper", f_upper},           {"urlencode", f_urlencode}, {"wordcount", f_wordcount}};

}  // namespace

std::pair<const NamedFilter*, std::size_t> text_filters() { return {kTextFilters, std::size(kTextFilters)}; }

}  // namespace nudge::jinja
