// A record: one line of JSON Lines, an object. Fields that a program does not know pass through untouched.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace nudge {

struct Message {  // of a dialogue
  std::string role;
  std::string json;                    // the whole message
  std::optional<std::string> content;  // if it is a string
};

// What a list holds: '0' only numbers, '"' only strings, '?' anything else, and for an empty list.
struct ListShape {
  char kind = '?';
  std::int64_t size = 0;
};

// A required field is missing or null.
class MissingField : public Error {
 public:
  MissingField(const std::string& message, std::string_view key, std::string advice = {})
      : Error(Exit::kBadInput, message, std::move(advice)), key_(key) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

// An ordered list of top-level fields, each kept as the JSON text it was read from. A null field passes through, but
// getters treat it as absent: exporters write null where a column has no value. Every getter throws Error kBadInput,
// `FILE: record N: field "x" ...`, if the field is absent (MissingField), of another type, or out of range. The find_
// forms return nothing if it is absent, and throw otherwise.
class Record {
 public:
  static constexpr int kMaxDepth = 64;  // of nested objects and lists

  struct Field {
    std::string key;     // unescaped
    std::string quoted;  // as written, with its quotes
    std::string raw;     // the value's JSON text
  };

  Record() = default;
  explicit Record(std::string where) : where_(std::move(where)) {}

  // Parses a line. Error kBadInput unless it is one complete JSON object in UTF-8, nested at most kMaxDepth deep, with
  // no field twice. Any JSON number is accepted; getters refuse what their type can't hold.
  static Record parse(std::string_view line, std::string where);

  const std::string& where() const { return where_; }  // "FILE: record N", for messages
  const std::vector<Field>& fields() const { return fields_; }
  [[noreturn]] void fail(std::string_view key, const std::string& cause, std::string advice = {}) const;
  [[noreturn]] void fail_absent(std::string_view key, std::string advice = {}) const;  // MissingField

  bool has(std::string_view key) const { return find(key) != nullptr; }
  bool is_null(std::string_view key) const;
  ListShape list_shape(std::string_view key) const;
  bool is_text(std::string_view key) const;
  bool is_array(std::string_view key) const;

  std::string text(std::string_view key) const;
  // The id of a record or a group: a string, or the digits of an integer of any size.
  std::string name(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;  // |n| < 2^53, written without point or exponent
  double number(std::string_view key) const;
  float real(std::string_view key) const;                     // rounded once from the text
  std::vector<std::int32_t> ids(std::string_view key) const;  // 0 to 2^31 - 1
  std::vector<float> reals(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  std::vector<std::string> elements(std::string_view key) const;  // the JSON text of each element of a list
  std::vector<Message> messages(std::string_view key) const;      // [{"role":...}, ...], not empty
  std::string_view raw(std::string_view key) const;               // valid until the record changes

  std::optional<std::string> find_text(std::string_view key) const;
  std::optional<std::string> find_name(std::string_view key) const;
  std::optional<std::int64_t> find_integer(std::string_view key) const;
  std::optional<double> find_number(std::string_view key) const;
  std::optional<float> find_real(std::string_view key) const;

  // An existing field, even null, is replaced where it stands; a new one is appended. Error kInternal, naming the
  // record, for numbers that are not finite, integers of 2^53 or more, and raw text that is not JSON.
  void set_text(std::string_view key, std::string_view value);
  void set_integer(std::string_view key, std::int64_t value);
  void set_number(std::string_view key, double value);
  void set_real(std::string_view key, float value);
  void set_ids(std::string_view key, std::span<const std::int32_t> values);
  void set_reals(std::string_view key, std::span<const float> values);
  void set_raw(std::string_view key, std::string json);  // valid JSON on one line, kept verbatim
  void erase(std::string_view key);

  std::string line() const;                // without the newline
  void append_to(std::string& out) const;  // the line

 private:
  bool split(std::string_view line, bool& doubtful);
  template <class T, class F>
  std::vector<T> list(std::string_view key, const char* wanted, const char* wanted_of_each, F value_of) const;
  const Field* find(std::string_view key) const;
  const Field& need(std::string_view key) const;
  void put(std::string_view key, std::string json);
  [[noreturn]] void wrong(std::string_view key, const char* wanted, std::string_view raw) const;
  [[noreturn]] void refuse_to_write(std::string_view key, const std::string& cause) const;

  std::string where_;
  std::vector<Field> fields_;
};

}  // namespace nudge
