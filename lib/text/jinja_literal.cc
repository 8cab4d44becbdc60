#include "lib/text/jinja_literal.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "lib/text/jinja_lexer.h"
#include "lib/text/unicode.h"

namespace nudge::jinja {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// The character given by `digits` hexadecimal digits at `at`, which moves past them.
std::uint32_t code_point(std::string_view literal, std::size_t& at, std::size_t digits, int line) {
  std::uint32_t c = 0;
  for (std::size_t i = 0; i < digits; ++i, ++at) {
    const std::size_t digit = at < literal.size() ? kHexDigits.find(literal[at] | 0x20) : 16;
    const bool wrong = at >= literal.size() || digit > 15 || literal[at] < '0';
    if (wrong) fail_syntax("an escape has too few digits", line);
    c = c * 16 + static_cast<std::uint32_t>(digit);
  }
  if (c > 0x10FFFF) fail_syntax("illegal Unicode character", line);
  if (c >= 0xD800 && c < 0xE000) fail_syntax("an escape that is half of a surrogate pair is not supported", line);
  return c;
}

std::uint32_t octal(std::string_view literal, std::size_t& at) {
  std::uint32_t c = 0;
  for (int i = 0; i < 3 && at < literal.size() && literal[at] >= '0' && literal[at] <= '7'; ++i, ++at) {
    c = c * 8 + static_cast<std::uint32_t>(literal[at] - '0');
  }
  return c;
}

// Jinja first writes non-ASCII characters as escapes; a backslash before one then makes that escape literal text.
std::string escape_of(std::uint32_t c) {
  char text[16];
  const char* form = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(text, sizeof text, form, static_cast<unsigned>(c));
  return text;
}

// Appends the value of the escape after a backslash, at `at`, and moves past it.
void append_escape(std::string_view literal, std::size_t& at, std::string& out, int line) {
  const char c = literal[at];
  constexpr std::string_view kNames = "abfnrtv\\'\"", kValues = "\a\b\f\n\r\t\v\\'\"";
  if (const std::size_t i = kNames.find(c); i != kNames.npos) {
    out += kValues[i], ++at;
  } else if (c >= '0' && c <= '7') {
    append_utf8(octal(literal, at), out);
  } else if (c == 'x' || c == 'u' || c == 'U') {
    append_utf8(code_point(literal, ++at, c == 'x' ? 2 : c == 'u' ? 4 : 8, line), out);
  } else if (c == 'N') {
    fail_syntax("the escape \\N is not supported", line);
  } else if (c == '\n') {
    ++at;
  } else if (static_cast<unsigned char>(c) >= 0x80) {
    out += escape_of(next_char(literal, at));
  } else {
    out += '\\', out += c, ++at;
  }
}

bool is_digit_of(char c, int base) {
  const char lower = static_cast<char>(c | 0x20);
  if (c >= '0' && c <= '9') return c - '0' < base;
  return base == 16 && lower >= 'a' && lower <= 'f';
}

// Where (_?digit)* from `at` ends.
std::size_t digits_end(std::string_view source, std::size_t at, int base) {
  for (;;) {
    const std::size_t digit = at < source.size() && source[at] == '_' ? at + 1 : at;
    if (digit >= source.size() || !is_digit_of(source[digit], base)) return at;
    at = digit + 1;
  }
}

// Where (\d+_)*\d+ from `at` ends, or `at`.
std::size_t decimals_end(std::string_view source, std::size_t at) {
  if (at >= source.size() || !is_digit_of(source[at], 10)) return at;
  return digits_end(source, at, 10);
}

// Where the float at `at` ends, or `at`.
std::size_t float_end(std::string_view source, std::size_t at) {
  if (at > 0 && source[at - 1] == '.') return at;
  const std::size_t whole = decimals_end(source, at);
  if (whole == at) return at;
  std::size_t end = whole;
  if (end < source.size() && source[end] == '.') {
    const std::size_t fraction = decimals_end(source, end + 1);
    if (fraction > end + 1) end = fraction;
  }
  if (end < source.size() && (source[end] | 0x20) == 'e') {
    std::size_t power = end + 1;
    if (power < source.size() && (source[power] == '+' || source[power] == '-')) ++power;
    const std::size_t done = decimals_end(source, power);
    if (done > power) return done;
  }
  return end > whole ? end : at;
}

int base_of(std::string_view source, std::size_t at) {
  if (at + 1 >= source.size() || source[at] != '0') return 10;
  const char mark = static_cast<char>(source[at + 1] | 0x20);
  const int base = mark == 'b' ? 2 : mark == 'o' ? 8 : mark == 'x' ? 16 : 10;
  return base != 10 && digits_end(source, at + 2, base) > at + 2 ? base : 10;
}

Value value_of_digits(std::string digits, int base) {
  std::erase(digits, '_');
  std::int64_t n = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), n, base);
  return result.ec == std::errc() ? Value::integer(n) : Value::missing();
}

}  // namespace

std::string unescaped(std::string_view literal, int line) {
  std::string out;
  for (std::size_t at = 0; at < literal.size();) {
    const std::size_t escape = std::min(literal.find('\\', at), literal.size());
    out.append(literal, at, escape - at);
    at = escape + 1;
    if (at < literal.size()) append_escape(literal, at, out, line);
  }
  return out;
}

bool scan_number(std::string_view source, std::size_t& at, Value& number) {
  if (at >= source.size() || !is_digit_of(source[at], 10)) return false;
  if (const std::size_t end = float_end(source, at); end > at) {
    std::string digits(source.substr(at, end - at));
    std::erase(digits, '_');
    double x = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), x);
    number = result.ec == std::errc() ? Value::floating(x) : Value::missing();
    at = end;
    return true;
  }
  const int base = base_of(source, at);
  const std::size_t begin = base == 10 ? at : at + 2;
  // A decimal number has no leading zeros: 01 is two tokens.
  const std::size_t end = digits_end(source, begin, base == 10 && source[at] == '0' ? 1 : base);
  number = value_of_digits(std::string(source.substr(begin, end - begin)), base);
  at = end;
  return true;
}

}  // namespace nudge::jinja
