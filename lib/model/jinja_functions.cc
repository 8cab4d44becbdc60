#include "lib/model/jinja_functions.h"

#include <algorithm>
#include <cstdio>

#include "lib/model/jinja_expression.h"
#include "lib/model/python_text.h"
#include "lib/model/unicode.h"

namespace nudge::jinja {
namespace {

using Kind = Value::Kind;
using python::Side;

[[noreturn]] void fail(const std::string& what) { throw TemplateError(what); }

Value sized(std::string text) {
  check_size(text);
  return Value::of(std::move(text));
}

Value parts_of(const std::vector<std::string_view>& parts) {
  if (parts.size() > kMostMembers) fail("a list is too long");
  Value::List list;
  for (const std::string_view part : parts) list.push_back(Value::of(std::string(part)));
  return Value::of(std::move(list));
}

// Jinja's own: a word begins behind white space and some brackets, and what begins it is made a capital.
std::string title_filter(std::string_view text) {
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

// With white space taken where no characters are given, or None.
Value strip(const std::string& text, const Value* characters, Side side) {
  if (characters == nullptr || characters->is(Kind::kNone)) return Value::of(std::string(python::stripped(text, side)));
  if (!characters->is(Kind::kText)) fail("an argument is not a text");
  return Value::of(std::string(python::stripped(text, characters->text, side)));
}

Value split(const std::string& text, const Arguments& given) {
  given.expect(2, {"sep", "maxsplit"});
  const Value *by = given.find(0, "sep"), *most = given.find(1, "maxsplit");
  if (most != nullptr && !most->is(Kind::kInteger)) fail("an argument is not a number");
  const std::int64_t times = most == nullptr ? -1 : most->number;
  if (by == nullptr || by->is(Kind::kNone)) return parts_of(python::split(text, times));
  if (!by->is(Kind::kText)) fail("an argument is not a text");
  if (by->text.empty()) fail("split by an empty text");
  return parts_of(python::split(text, by->text, times));
}

Value default_filter(const Value& value, const Arguments& given) {
  given.expect(2, {"default_value", "boolean"});
  const Value *other = given.find(0, "default_value"), *empty_too = given.find(1, "boolean");
  const bool taken = value.is(Kind::kUndefined) || (empty_too != nullptr && empty_too->truth() && !value.truth());
  if (!taken) return value;
  return other == nullptr ? Value::of("") : *other;
}

// The methods and filters that change a text alone.
using Change = std::string (*)(std::string_view);
Change change_of(const std::string& name, Change title) {
  if (name == "upper") return python::upper;
  if (name == "lower") return python::lower;
  if (name == "capitalize") return python::capitalize;
  return name == "title" ? title : nullptr;
}

Value length(const Value& value) {
  const auto n = [&]() -> std::size_t {
    switch (value.kind) {
      case Kind::kUndefined: return 0;
      case Kind::kText: return python::length(value.text);
      case Kind::kList: return value.list->size();
      case Kind::kMap: return value.map->size();
      default: fail("the length of something that has none");
    }
  };
  return Value::integer(static_cast<std::int64_t>(n()));
}

// The character of `digits` hexadecimal digits at `at`, which is moved behind them.
std::uint32_t code_point(std::string_view literal, std::size_t& at, std::size_t digits) {
  std::uint32_t c = 0;
  for (std::size_t i = 0; i < digits; ++i, ++at) {
    const std::size_t digit = at < literal.size() ? std::string_view("0123456789abcdef").find(literal[at] | 0x20) : 16;
    const bool wrong = at >= literal.size() || digit > 15 || literal[at] < '0';
    if (wrong) fail("an escape has too few digits");
    c = c * 16 + static_cast<std::uint32_t>(digit);
  }
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) fail("an escape that is no character");
  return c;
}

std::uint32_t octal(std::string_view literal, std::size_t& at) {
  std::uint32_t c = 0;
  for (int i = 0; i < 3 && at < literal.size() && literal[at] >= '0' && literal[at] <= '7'; ++i, ++at) {
    c = c * 8 + static_cast<std::uint32_t>(literal[at] - '0');
  }
  return c;
}

// Jinja writes other characters than ASCII as escapes first, which a backslash before one then takes for text.
std::string escape_of(std::uint32_t c) {
  char text[16];
  const char* form = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(text, sizeof text, form, static_cast<unsigned>(c));
  return text;
}

// Appends what the escape behind a backslash at `at` is, and goes behind it.
void append_escape(std::string_view literal, std::size_t& at, std::string& out) {
  const char c = literal[at];
  constexpr std::string_view kNames = "abfnrtv\\'\"", kValues = "\a\b\f\n\r\t\v\\'\"";
  if (const std::size_t i = kNames.find(c); i != kNames.npos) {
    out += kValues[i], ++at;
  } else if (c >= '0' && c <= '7') {
    append_utf8(octal(literal, at), out);
  } else if (c == 'x' || c == 'u' || c == 'U') {
    append_utf8(code_point(literal, ++at, c == 'x' ? 2 : c == 'u' ? 4 : 8), out);
  } else if (c == 'N') {
    fail("the escape \\N is not supported");
  } else if (c == '\n') {
    ++at;
  } else if (static_cast<unsigned char>(c) >= 0x80) {
    out += escape_of(next_char(literal, at));
  } else {
    out += '\\', out += c, ++at;
  }
}

}  // namespace

const Value* Arguments::find(std::size_t i, const char* name) const {
  if (i < values.size()) return &values[i];
  const auto found = named.find(name);
  return found == named.end() ? nullptr : &found->second;
}

void Arguments::expect(std::size_t most, std::initializer_list<const char*> names) const {
  if (values.size() > most) fail("more arguments than are supported");
  for (const auto& [name, value] : named) {
    const auto same = [&, &key = name](const char* known) { return key == known; };
    if (std::none_of(names.begin(), names.end(), same)) fail("the argument \"" + name + "\" is not supported");
  }
}

std::string Arguments::text(std::size_t i) const {
  if (i >= values.size() || !values[i].is(Kind::kText)) fail("an argument is not a text");
  return values[i].text;
}

std::string as_text(const Value& value) {
  if (value.is(Kind::kText)) return value.text;
  if (value.is(Kind::kInteger)) return std::to_string(value.number);
  if (value.is(Kind::kUndefined)) return "";
  fail("something that is no text is written");
}

Value filter(const Value& value, const std::string& name, const Arguments& given) {
  if (name == "default" || name == "d") return default_filter(value, given);
  if (name == "trim") {
    given.expect(1, {"chars"});
    return strip(as_text(value), given.find(0, "chars"), Side::kBoth);
  }
  if (name == "length" || name == "count") return given.expect(0), length(value);
  if (name == "string") return given.expect(0), Value::of(as_text(value));
  if (const Change change = change_of(name, title_filter)) return given.expect(0), sized(change(as_text(value)));
  if (value.is(Kind::kUndefined)) return {};
  const bool members = value.is(Kind::kList) && !value.list->empty();
  if (name == "safe") return given.expect(0), value;
  if (name == "first" && members) return given.expect(0), value.list->front();
  if (name == "last" && members) return given.expect(0), value.list->back();
  fail("the filter \"" + name + "\" is not supported");
}

Value method(const Value& value, const std::string& name, const Arguments& given) {
  if (value.is(Kind::kUndefined)) return {};
  if (value.is(Kind::kMap) && name == "get") {
    given.expect(2);
    const auto found = value.map->find(given.text(0));
    if (found != value.map->end()) return found->second;
    return given.values.size() > 1 ? given.values[1] : Value::none();
  }
  if (!value.is(Kind::kText)) fail("the method \"" + name + "\" is not supported");
  const std::string& text = value.text;
  if (name == "split") return split(text, given);
  if (name == "startswith") return given.expect(1), Value::boolean(text.starts_with(given.text(0)));
  if (name == "endswith") return given.expect(1), Value::boolean(text.ends_with(given.text(0)));
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    given.expect(1);
    return strip(text, given.find(0), name == "strip" ? Side::kBoth : name == "lstrip" ? Side::kStart : Side::kEnd);
  }
  if (const Change change = change_of(name, python::title)) return given.expect(0), sized(change(text));
  fail("the method \"" + name + "\" is not supported");
}

bool test(const Value& value, const std::string& name) {
  if (name == "defined") return !value.is(Kind::kUndefined);
  if (name == "undefined") return value.is(Kind::kUndefined);
  if (name == "none") return value.is(Kind::kNone);
  if (name == "string") return value.is(Kind::kText);
  if (name == "mapping") return value.is(Kind::kMap);
  if (name == "iterable" || name == "sequence") {  // to Jinja also what is not defined
    return !value.is(Kind::kNone) && !value.is(Kind::kBool) && !value.is(Kind::kInteger);
  }
  if (name == "true") return value.is(Kind::kBool) && value.number != 0;
  if (name == "false") return value.is(Kind::kBool) && value.number == 0;
  fail("the test \"" + name + "\" is not supported");
}

Value call(const std::string& function, const Arguments& given) {
  if (function == "namespace" && given.values.empty()) return Value::of(given.named);
  if (function == "raise_exception") fail(given.text(0));
  fail("the function \"" + function + "\" is not supported");
}

std::string unescaped(std::string_view literal) {
  std::string out;
  for (std::size_t at = 0; at < literal.size();) {
    const std::size_t escape = std::min(literal.find('\\', at), literal.size());
    out.append(literal, at, escape - at);
    at = escape + 1;
    if (at < literal.size()) append_escape(literal, at, out);
  }
  return out;
}

}  // namespace nudge::jinja
