#include "lib/io/json.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstring>

#include "lib/base/error.h"

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

// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?  -- from_chars alone would take "inf" and "1." as well.
bool is_number(std::string_view s) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < s.size() && s[i] >= '0' && s[i] <= '9') ++i;
    return i > start;
  };
  if (i < s.size() && s[i] == '-') ++i;
  const bool leading_zero = i + 1 < s.size() && s[i] == '0' && s[i + 1] >= '0' && s[i + 1] <= '9';
  if (leading_zero || !digits()) return false;
  if (i < s.size() && s[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
    ++i;
    if (i < s.size() && (s[i] == '+' || s[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == s.size();
}

template <class T>
std::string shortest(T x) {
  if (!std::isfinite(x)) throw Error(Exit::kInternal, "a number that is not finite can't be written");
  char out[32];
  // Left to choose, to_chars writes some numbers above 2^64 as bare digits, which JSON readers take for an
  // integer that overflows.
  const bool huge = std::abs(x) >= T{0x1p53};
  const auto end = huge ? std::to_chars(out, out + sizeof out, x, std::chars_format::scientific).ptr
                        : std::to_chars(out, out + sizeof out, x).ptr;
  return {out, end};
}

// from_chars rounds once. It says "out of range" at both ends and tells not which: strtod of the same token
// is an infinity or something tiny (0 included) then.
template <class T>
std::optional<T> parse(std::string_view token) {
  if (!is_number(token)) return {};
  T value{};
  const auto [end, status] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (status == std::errc{}) return value;
  const double magnitude = std::strtod(std::string(token).c_str(), nullptr);
  if (std::abs(magnitude) >= 1) return {};
  return std::copysign(T{0}, token[0] == '-' ? T{-1} : T{1});
}

}  // namespace

std::string json_quote(std::string_view text) {
  const bool valid = simdjson::validate_utf8(text.data(), text.size());
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t length = valid || c < 0x80 ? 1 : sequence_length(text.substr(i));
    if (c < 0x20 || c == '"' || c == '\\') {
      append_escaped(out, text[i]);
    } else if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(text, i, length);
    }
    i += length == 0 ? 1 : length;
  }
  out += '"';
  return out;
}

std::string json_number(float x) { return shortest(x); }
std::string json_number(double x) {
  if (std::floor(x) != x || std::abs(x) >= 0x1p53) return shortest(x);
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, x, std::chars_format::fixed).ptr};
}
std::optional<float> parse_float(std::string_view token) { return parse<float>(token); }
std::optional<double> parse_double(std::string_view token) { return parse<double>(token); }

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
