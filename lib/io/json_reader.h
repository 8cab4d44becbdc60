// Reads a JSON document: a file of a model folder, a header, a message. Errors name the file and the field. Documents
// are read as Python's json module reads them: of equal keys the last counts, and a number that a double can't hold
// (NaN, 1e999) is an error only where its field is read. Records, whose text passes through untouched, are Record's.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/io/json_parse.h"

namespace nudge {

class JsonReader {
 public:
  // Valid as long as the reader. Loops over an Object give key and value, those of equal keys in their order.
  using Value = simdjson::dom::element;
  using Object = simdjson::dom::object;
  using Array = simdjson::dom::array;
  using Kind = simdjson::dom::element_type;

  static constexpr std::size_t kDepth = simdjson::DEFAULT_MAX_DEPTH;  // of nested objects and lists

  // The text is copied. Errors here and below are kBadInput, "FILE: cause", with this advice.
  JsonReader(std::string_view text, std::string file, const char* advice = "", std::size_t depth = kDepth);
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  Value root() const { return root_; }
  const Substitutions& substitutions() const { return substitutions_; }

  [[noreturn]] void fail(const std::string& cause) const { fail(cause, advice_); }
  [[noreturn]] void fail(const std::string& cause, std::string advice) const;

  // The field of an object, which `what` names in messages; in find(), false where it is absent or null.
  Value need(Value object, const char* key, const std::string& what) const;
  bool find(Value object, const char* key, const std::string& what, Value& out) const;
  bool flag(Value object, const char* key, bool fallback, const std::string& what) const;

  // A value that has to be of this type; `what` names it in messages.
  std::string_view text(Value value, const std::string& what) const;
  std::int64_t integer(Value value, const std::string& what) const;
  Array array(Value value, const std::string& what) const;
  Object object(Value value, const std::string& what) const;

  // A field that may be null, too; a value of type T (bool, double, std::int64_t, std::string_view, Array, Object);
  // nothing where there is none. Integers are doubles, too.
  static std::optional<Value> last(Object object, std::string_view key);
  template <class T>
  static std::optional<T> as(Value value) {
    T out{};
    return value.get(out) == simdjson::SUCCESS ? std::optional<T>(out) : std::nullopt;
  }
  // The text of an object's field; nothing where `value` is no object or has no such text.
  static std::optional<std::string_view> text_of(Value value, std::string_view key);
  static std::vector<Value> one_or_all(Value value);  // the elements of a list, or the value itself

 private:
  std::string file_;
  const char* advice_;
  simdjson::dom::parser parser_;
  Value root_;
  Substitutions substitutions_;
};

}  // namespace nudge
