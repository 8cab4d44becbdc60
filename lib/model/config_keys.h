// Reading the keys of a config.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/io/json_reader.h"
#include "lib/text/model_file.h"

namespace nudge {

// With these bounds no sum of products of sizes overflows, and a list of layers is no danger to memory.
inline constexpr std::int64_t kLongest = std::int64_t{1} << 31, kWidest = 1 << 20, kMostLayers = 1 << 14;

// Reads keys of one config.json; every complaint names the file and the key.
class ConfigKeys {
 public:
  using element = JsonReader::Value;
  using object = JsonReader::Object;

  ConfigKeys(const JsonReader& in, object json, std::string path = "") : in_(in), json_(json), path_(std::move(path)) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& why,
                           const std::string& advice = kModelFileAdvice) const {
    in_.fail("\"" + path_ + key + "\" " + why, advice);
  }
  // False where the key is absent or null.
  bool find(const char* key, element& value) const {
    const auto found = JsonReader::last(json_, key);
    if (found) value = *found;
    return found && !found->is_null();
  }
  bool has(const char* key) const { return JsonReader::last(json_, key).has_value(); }
  std::int64_t size(const char* key, std::int64_t fallback = -1, std::int64_t most = kLongest,
                    std::int64_t least = 1) const {
    element value;
    if (!find(key, value)) {
      if (fallback < 0) refuse(key, "is missing");
      return fallback;
    }
    const auto n = JsonReader::as<std::int64_t>(value);
    if (!n || *n < least || *n > most) refuse(key, "is not a sensible size");
    return *n;
  }
  double number(const char* key, double fallback) const {
    element value;
    if (!find(key, value)) return fallback;
    const auto x = JsonReader::as<double>(value);
    if (!x) refuse(key, "is not a finite number");
    return *x;
  }
  double positive(const char* key, double fallback) const {
    const double x = number(key, fallback);
    if (!(x > 0)) refuse(key, "is not positive");
    return x;
  }
  double needed(const char* key) const {
    if (element value; !find(key, value)) refuse(key, "is missing");
    return positive(key, 0);
  }
  bool flag(const char* key, bool fallback) const {
    element value;
    if (!find(key, value)) return fallback;
    const auto b = JsonReader::as<bool>(value);
    if (!b) refuse(key, "is neither true nor false");
    return *b;
  }
  std::string text(const char* key, const std::string& fallback) const {
    element value;
    if (!find(key, value)) return fallback;
    const auto s = JsonReader::as<std::string_view>(value);
    if (!s) refuse(key, "is not a string");
    return std::string(*s);
  }
  // One token or a list; the family's own where the key is absent, none where it is null. Ids that the vocabulary
  // doesn't have, as small models keep them of large ones and -1 for none, are never sampled: they are left out.
  std::vector<std::int32_t> tokens(const char* key, std::int64_t vocab, std::int32_t fallback) const {
    element value;
    if (!find(key, value)) {
      if (has(key) || fallback < 0 || fallback >= vocab) return {};
      return {fallback};
    }
    std::vector<std::int32_t> ids;
    for (const element e : JsonReader::one_or_all(value)) {
      const auto id = JsonReader::as<std::int64_t>(e);
      if (!id) refuse(key, "is not a token id");
      if (*id >= 0 && *id < vocab) ids.push_back(static_cast<std::int32_t>(*id));
    }
    return ids;
  }
  JsonReader::Array list(const char* key) const {
    element value;
    const auto items = find(key, value) ? JsonReader::as<JsonReader::Array>(value) : std::nullopt;
    if (!items) refuse(key, "is not a list");
    return *items;
  }
  // The members of an object, whose complaints say "key.member".
  ConfigKeys members(const char* key) const {
    element value;
    const auto inner = find(key, value) ? JsonReader::as<object>(value) : std::nullopt;
    if (!inner) refuse(key, "is not an object");
    return ConfigKeys(in_, *inner, path_ + key + ".");
  }

 private:
  const JsonReader& in_;
  object json_;
  std::string path_;
};

// Whether a value is what a key means where it is absent: false, an empty list or object, or the number 1 of a factor.
inline bool is_nothing(ConfigKeys::element value) {
  if (const auto b = JsonReader::as<bool>(value)) return !*b;
  if (const auto members = JsonReader::as<ConfigKeys::object>(value)) return members->size() == 0;
  if (const auto list = JsonReader::as<JsonReader::Array>(value)) return list->size() == 0;
  return JsonReader::as<double>(value) == 1;
}

}  // namespace nudge
