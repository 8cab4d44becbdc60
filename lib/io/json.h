// Writing JSON, and numbers as text that reads back to the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

// `text` as a JSON string. Valid UTF-8 is kept; quotes, backslashes and control characters are escaped; invalid bytes
// become U+FFFD, so that the result is always valid JSON.
std::string json_quote(std::string_view text);

// The shortest decimal that reads back to the same bits, -0 included ("0.1", "-0", "1e-45"). Integral doubles below
// 2^53 are written without an exponent, like counts. Error kInternal unless the number is finite: JSON has no others.
std::string json_number(float x);
std::string json_number(double x);

// The same into `out`, a buffer of kLongestNumber characters; returns the end of what was written.
constexpr std::size_t kLongestNumber = 32;
char* write_number(char* out, float x);
char* write_number(char* out, double x);

// Parses a JSON number with a single rounding, to nearest even (below the smallest subnormal: to a zero of its sign).
// Nothing if the token is no number or out of range.
std::optional<float> parse_float(std::string_view token);
std::optional<double> parse_double(std::string_view token);

// `object`, the text of a valid JSON object, with the member `key` (the last of that name) set to `value`, or appended
// if there is none. All other text is kept byte for byte.
std::string with_member(std::string_view object, std::string_view key, std::string_view value);

// Builds one JSON text in the order of the calls:
//   JsonWriter w;  w.begin_object().field("step", 3).key("loss").value(0.5f).end_object();  w.text()
class JsonWriter {
 public:
  explicit JsonWriter(int indent = 0) : indent_(indent) {}  // spaces per level; 0: all on one line

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
  JsonWriter& raw(std::string_view json);  // JSON text, inserted verbatim

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
  std::vector<bool> filled_;  // for each level of nesting: whether it holds something already
  bool after_key_ = false;
};

}  // namespace nudge
