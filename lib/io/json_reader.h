// Reading a JSON file of a model folder with errors that name the file and the field. Files are taken as Python writes
// them: a number that isn't held (NaN, 1e999) is wrong only where its field is asked for.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <new>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/io/json_parse.h"

namespace nudge {

inline constexpr const char* kModelFileAdvice = "see that the file is whole; README.md lists what models may have";

class JsonReader {
 public:
  using Value = simdjson::dom::element;

  // Error kBadInput, as of all that follow: "FILE: cause".
  JsonReader(std::string_view text, std::string file) : file_(std::move(file)) {
    if (text.starts_with(kByteOrderMark)) fail("begins with a byte order mark (EF BB BF), which is no JSON");
    const auto error = parse_python_json(parser_, text, root_);
    if (error == simdjson::MEMALLOC) throw std::bad_alloc();
    if (error) fail(std::string("not JSON: ") + simdjson::error_message(error));
  }

  Value root() const { return root_; }

  [[noreturn]] void fail(const std::string& cause) const { bad_input(file_ + ": " + cause, kModelFileAdvice); }

  // The field of an object; `what` names the object in messages.
  Value need(Value object, const char* key, const std::string& what) const {
    Value out;
    if (!find(object, key, what, out)) fail(what + " has no " + key);
    return out;
  }

  // False where the field is absent or null; of several the last is it, as Python's json module has it.
  bool find(Value object, const char* key, const std::string& what, Value& out) const {
    if (!object.is_object()) fail(what + " is not an object");
    return find_last(object, key, out) && !out.is_null();
  }

  std::string_view text(Value value, const std::string& what) const {
    std::string_view out;
    if (value.get(out)) fail(what + " is not a string");
    return out;
  }

  std::int64_t integer(Value value, const std::string& what) const {
    std::int64_t out = 0;
    if (value.get(out)) fail(what + " is not an integer");
    return out;
  }

  bool flag(Value object, const char* key, bool fallback, const std::string& what) const {
    Value value;
    bool out = fallback;
    if (find(object, key, what, value) && value.get(out)) {
      fail(std::string(key) + " of " + what + " is not true or false");
    }
    return out;
  }

  simdjson::dom::array array(Value value, const std::string& what) const {
    simdjson::dom::array out;
    if (value.get(out)) fail(what + " is not a list");
    return out;
  }

  simdjson::dom::object object(Value value, const std::string& what) const {
    simdjson::dom::object out;
    if (value.get(out)) fail(what + " is not an object");
    return out;
  }

 private:
  std::string file_;
  simdjson::dom::parser parser_;
  Value root_;
};

}  // namespace nudge
