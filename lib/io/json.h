// Writing JSON, and numbers as text that reads back to the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

// `text` between quotes. Valid UTF-8 is kept as it is; quote, backslash and control characters are escaped;
// bytes that are no UTF-8 become U+FFFD, so that what is written can always be read.
std::string json_quote(std::string_view text);

// The shortest decimal form that reads back to the same bits, -0 included ("0.1", "-0", "1e-45"); a whole double
// below 2^53 stands without an exponent, as counts do. The number
// has to be finite: JSON has no other (Error kInternal).
std::string json_number(float x);
std::string json_number(double x);

// The same to `out`, which has room for kLongestNumber characters; returns their end.
constexpr std::size_t kLongestNumber = 32;
char* write_number(char* out, float x);
char* write_number(char* out, double x);

// Reads a JSON number token with one rounding, to nearest even (a token below the smallest subnormal gives
// a zero of its sign). Nothing where the token is no number or lies beyond the range.
std::optional<float> parse_float(std::string_view token);
std::optional<double> parse_double(std::string_view token);

// `object`, the text of a valid JSON object, with the value of a member replaced (of the last one with this key), or the
// member added behind all others. The rest of the text stays as it is.
std::string with_member(std::string_view object, std::string_view key, std::string_view value);

// Builds one JSON text in the order of the calls:
//   JsonWriter w;  w.begin_object().field("step", 3).key("loss").value(0.5f).end_object();  w.text()
class JsonWriter {
 public:
  explicit JsonWriter(int indent = 0) : indent_(indent) {}  // 0: one line; otherwise spaces a level

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text) { return raw(json_quote(text)); }
  JsonWriter& value(const std::string& text) { return raw(json_quote(text)); }
  JsonWriter& value(const char* text) { return raw(json_quote(text)); }
  JsonWriter& value(float x) { return raw(json_number(x)); }
  JsonWriter& value(double x) { return raw(json_number(x)); }
  JsonWriter& value(std::int64_t n) { return raw(std::to_string(n)); }
  JsonWriter& value(int n) { return raw(std::to_string(n)); }
  JsonWriter& value(bool b) { return raw(b ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& raw(std::string_view json);  // JSON text, taken as it is

  template <class T>
  JsonWriter& field(std::string_view name, const T& x) {
    return key(name).value(x);
  }

  const std::string& text() const { return text_; }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void new_line();

  int indent_;
  std::string text_;
  std::vector<bool> filled_;  // a level of nesting each: does it hold something already?
  bool after_key_ = false;
};

}  // namespace nudge
