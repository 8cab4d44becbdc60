#include "lib/io/json.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cmath>

#include "lib/base/error.h"
#include "lib/io/scan.h"

namespace nudge {
namespace {

// The length of the valid UTF-8 sequence at the start of `s`, or 0 (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0, surrogate = first == 0xED && second > 0x9F;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && second < 0x90, beyond = first == 0xF4 && second > 0x8F;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\t': out += "\\t"; return;
    case '\r': out += "\\r"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: break;
  }
  static const char* digits = "0123456789abcdef";
  out += "\\u00";
  out += digits[(c >> 4) & 15];
  out += digits[c & 15];
}

template <class T>
char* write_shortest(char* out, T x) {
  if (!std::isfinite(x)) throw Error(Exit::kInternal, "a number that is not finite can't be written");
  // By default to_chars writes some numbers above 2^64 as bare digits, which JSON readers take for an integer that
  // overflows.
  const bool huge = std::abs(x) >= T{0x1p53};
  return huge ? std::to_chars(out, out + kLongestNumber, x, std::chars_format::scientific).ptr
              : std::to_chars(out, out + kLongestNumber, x).ptr;
}

template <class T>
std::optional<T> parse(std::string_view token) {
  Decimal number;
  const char* const end = token.data() + token.size();
  if (scan_number(token.data(), end, number) != end) return {};
  return value_of<T>(number, token);
}

// Whether a byte must be escaped in a JSON string.
constexpr auto kEscaped = [] {
  std::array<bool, 256> escaped{};
  for (std::size_t c = 0; c < 0x20; ++c) escaped[c] = true;
  escaped['"'] = escaped['\\'] = true;
  return escaped;
}();

// The text with U+FFFD for each byte that belongs to no valid sequence.
std::string repaired(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text.substr(i));
    out.append(length == 0 ? "\xEF\xBF\xBD" : text.substr(i, length));
    i += length == 0 ? 1 : length;
  }
  return out;
}

}  // namespace

std::string json_quote(std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) return json_quote(repaired(text));
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t begin = i;
    while (i < text.size() && !kEscaped[static_cast<unsigned char>(text[i])]) ++i;
    out.append(text, begin, i - begin);
    if (i < text.size()) append_escaped(out, text[i]);
  }
  out += '"';
  return out;
}

char* write_number(char* out, float x) { return write_shortest(out, x); }
char* write_number(char* out, double x) {
  if (std::floor(x) != x || std::abs(x) >= 0x1p53) return write_shortest(out, x);
  return std::to_chars(out, out + kLongestNumber, x, std::chars_format::fixed).ptr;
}

std::string json_number(float x) {
  char text[kLongestNumber];
  return {text, write_number(text, x)};
}
std::string json_number(double x) {
  char text[kLongestNumber];
  return {text, write_number(text, x)};
}
std::optional<float> parse_float(std::string_view token) { return parse<float>(token); }
std::optional<double> parse_double(std::string_view token) { return parse<double>(token); }

std::string with_member(std::string_view object, std::string_view key, std::string_view value) {
  const char* const end = object.data() + object.size();
  const auto at = [&](const char* p) { return static_cast<std::size_t>(p - object.data()); };
  const std::string quoted = json_quote(key);
  const char* p = skip_space(skip_space(object.data(), end) + 1, end);
  std::size_t last = at(p), begin = 0, stop = 0;  // the end of the last member; the value to replace
  while (*p != '}') {
    const char* const name = p;
    p = skip_value(p, end);
    const bool found = std::string_view(name, static_cast<std::size_t>(p - name)) == quoted;
    p = skip_space(skip_space(p, end) + 1, end);
    if (found) begin = at(p);
    p = skip_value(p, end);
    if (found) stop = at(p);
    last = at(p);
    p = skip_space(p, end);
    if (*p == ',') p = skip_space(p + 1, end);
  }
  std::string out(object);
  if (stop > 0) return out.replace(begin, stop - begin, value);
  const bool alone = object.find(':') == object.npos;
  return out.insert(last, (alone ? "\n  " : ",\n  ") + quoted + ": " + std::string(value) + (alone ? "\n" : ""));
}

void JsonWriter::new_line() {
  if (indent_ == 0) return;
  text_ += '\n';
  text_.append(filled_.size() * static_cast<std::size_t>(indent_), ' ');
}

void JsonWriter::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (filled_.empty()) return;
  if (filled_.back()) text_ += ',';
  filled_.back() = true;
  new_line();
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  text_ += json_quote(name);
  text_ += indent_ > 0 ? ": " : ":";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  text_ += json;
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  filled_.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  const bool filled = filled_.back();
  filled_.pop_back();
  if (filled) new_line();
  text_ += bracket;
  return *this;
}

}  // namespace nudge
