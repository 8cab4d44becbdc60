// A record: one line of JSON Lines, an object whose unknown fields pass through untouched.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace nudge {

struct Message {  // one turn of a dialogue
  std::string role;
  std::string json;                    // all of it
  std::optional<std::string> content;  // where that is a text
};

// What a list holds: '0' numbers alone, '"' texts alone, '?' anything else, nothing among it.
struct ListShape {
  char kind = '?';
  std::int64_t size = 0;
};

// A field that has to be there is missing or null.
class MissingField : public Error {
 public:
  MissingField(const std::string& message, std::string_view key, std::string advice = {})
      : Error(Exit::kBadInput, message, std::move(advice)), key_(key) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

// An ordered list of top-level fields, each kept as the JSON text it was read as. A field that is null passes through
// as it stands and is otherwise taken for one that is not there: exporters write a null where a column has no value.
// Every getter throws Error kBadInput, `FILE: record N: field "x" ...`, where the field is missing or null
// (MissingField), of another type, or out of range; the find_ forms return nothing where it is missing or null, and
// throw all the same where it is wrong.
class Record {
 public:
  static constexpr int kMaxDepth = 64;  // nesting of objects and lists in a line

  struct Field {
    std::string key;     // unescaped
    std::string quoted;  // as it was written, with its quotes
    std::string raw;     // the value's JSON text
  };

  Record() = default;
  explicit Record(std::string where) : where_(std::move(where)) {}

  // Reads a line. Error kBadInput where it is not one whole JSON object in UTF-8, nests deeper than kMaxDepth,
  // or names a field twice. Numbers may be any: what its type can't hold, a getter refuses.
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
  // What names a record or a group: a text, or an integer of any size, which is then the text of it as it is written.
  std::string name(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;  // |n| < 2^53, written without point or exponent
  double number(std::string_view key) const;
  float real(std::string_view key) const;                     // rounded once from the text
  std::vector<std::int32_t> ids(std::string_view key) const;  // 0 to 2^31 - 1
  std::vector<float> reals(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  std::vector<std::string> elements(std::string_view key) const;  // of a list, the JSON text of each
  std::vector<Message> messages(std::string_view key) const;      // [{"role",...}, ...], not empty
  std::string_view raw(std::string_view key) const;               // valid until the record changes

  std::optional<std::string> find_text(std::string_view key) const;
  std::optional<std::string> find_name(std::string_view key) const;
  std::optional<std::int64_t> find_integer(std::string_view key) const;
  std::optional<double> find_number(std::string_view key) const;
  std::optional<float> find_real(std::string_view key) const;

  // A field that exists, null too, is replaced where it stands; a new one is appended. Non-finite numbers, integers of
  // 2^53 or more and raw text that is no JSON are an Error kInternal that names the record.
  void set_text(std::string_view key, std::string_view value);
  void set_integer(std::string_view key, std::int64_t value);
  void set_number(std::string_view key, double value);
  void set_real(std::string_view key, float value);
  void set_ids(std::string_view key, std::span<const std::int32_t> values);
  void set_reals(std::string_view key, std::span<const float> values);
  void set_raw(std::string_view key, std::string json);  // valid JSON on one line, taken as it is
  void erase(std::string_view key);

  std::string line() const;                // without the newline
  void append_to(std::string& out) const;  // the line

 private:
  bool take_apart(std::string_view line, bool& doubtful);
  template <class T, class F>
  std::vector<T> list(std::string_view key, const char* wanted, const char* wanted_of_each, F value_of) const;
  const Field* find(std::string_view key) const;
  const Field& need(std::string_view key) const;
  void put(std::string_view key, std::string json);
  [[noreturn]] void wrong(std::string_view key, const char* wanted, std::string_view raw) const;
  [[noreturn]] void born_wrong(std::string_view key, const std::string& cause) const;

  std::string where_;
  std::vector<Field> fields_;
};

}  // namespace nudge
