#include "lib/io/json_reader.h"

#include <new>

#include "lib/base/error.h"

namespace nudge {

JsonReader::JsonReader(std::string_view text, std::string file, const char* advice, std::size_t depth)
    : file_(std::move(file)), advice_(advice) {
  if (text.starts_with(kByteOrderMark)) fail("begins with a byte order mark (EF BB BF), which is not JSON");
  if (depth != kDepth && parser_.allocate(text.size(), depth) != simdjson::SUCCESS) throw std::bad_alloc();
  const auto error = parse_python_json(parser_, text, root_, substitutions_);
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  if (error) fail(std::string("not JSON: ") + simdjson::error_message(error));
}

void JsonReader::fail(const std::string& cause, std::string advice) const {
  bad_input(file_ + ": " + cause, std::move(advice));
}

JsonReader::Value JsonReader::need(Value object, const char* key, const std::string& what) const {
  Value out;
  if (!find(object, key, what, out)) fail(what + " has no " + key);
  return out;
}

bool JsonReader::find(Value value, const char* key, const std::string& what, Value& out) const {
  const auto field = last(object(value, what), key);
  if (field) out = *field;
  return field && !field->is_null();
}

bool JsonReader::flag(Value object, const char* key, bool fallback, const std::string& what) const {
  Value value;
  if (!find(object, key, what, value)) return fallback;
  const auto flag = as<bool>(value);
  if (!flag) fail(std::string(key) + " of " + what + " is not true or false");
  return *flag;
}

std::string_view JsonReader::text(Value value, const std::string& what) const {
  const auto text = as<std::string_view>(value);
  if (!text) fail(what + " is not a string");
  return *text;
}

std::int64_t JsonReader::integer(Value value, const std::string& what) const {
  const auto integer = as<std::int64_t>(value);
  if (!integer) fail(what + " is not an integer");
  return *integer;
}

JsonReader::Array JsonReader::array(Value value, const std::string& what) const {
  const auto array = as<Array>(value);
  if (!array) fail(what + " is not a list");
  return *array;
}

JsonReader::Object JsonReader::object(Value value, const std::string& what) const {
  const auto object = as<Object>(value);
  if (!object) fail(what + " is not an object");
  return *object;
}

std::optional<JsonReader::Value> JsonReader::last(Object object, std::string_view key) {
  std::optional<Value> found;
  for (const auto& field : object) {
    if (field.key == key) found = field.value;
  }
  return found;
}

std::optional<std::string_view> JsonReader::text_of(Value value, std::string_view key) {
  const auto object = as<Object>(value);
  const auto field = object ? last(*object, key) : std::nullopt;
  return field ? as<std::string_view>(*field) : std::nullopt;
}

std::vector<JsonReader::Value> JsonReader::one_or_all(Value value) {
  const auto list = as<Array>(value);
  if (!list) return {value};
  return {list->begin(), list->end()};
}

}  // namespace nudge
