#include "lib/io/record.h"

#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <new>

#include "lib/io/json.h"
#include "lib/io/json_parse.h"
#include "lib/io/scan.h"

namespace nudge {
namespace {

constexpr std::int64_t kIntegers = std::int64_t{1} << 53;  // beyond, a double no longer holds every integer

// Calls use(text of the element) for every element of an array that is known to be valid.
template <class F>
void each_element(std::string_view array, F use) {
  const char* const end = array.data() + array.size();
  const char* p = skip_space(array.data() + 1, end);
  while (*p != ']') {
    const char* const element = p;
    p = skip_value(p, end);
    use(std::string_view(element, static_cast<std::size_t>(p - element)));
    p = skip_space(p, end);
    if (*p == ',') p = skip_space(p + 1, end);
  }
}

struct ParseResult {
  simdjson::error_code error = simdjson::SUCCESS;
  simdjson::dom::element element;
};

// The result lives until the next call in the same thread.
ParseResult parsed_json(std::string_view json) {
  thread_local simdjson::dom::parser parser;
  if (json.size() > parser.capacity() || parser.max_depth() != Record::kMaxDepth) {
    if (parser.allocate(std::max<std::size_t>(json.size(), 4096), Record::kMaxDepth) != simdjson::SUCCESS) {
      throw std::bad_alloc();
    }
  }
  ParseResult result;
  result.error = parse_json(parser, json, result.element);
  if (result.error == simdjson::MEMALLOC) throw std::bad_alloc();
  return result;
}

std::string explain(simdjson::error_code error, std::string_view line) {
  if (const std::string_view word = not_a_number_in(line); !word.empty()) {
    return "is not valid JSON: " + std::string(word) + " is not a JSON number";
  }
  switch (error) {
    case simdjson::UTF8_ERROR: return "is not valid UTF-8";
    case simdjson::DEPTH_ERROR: return "nests deeper than " + std::to_string(Record::kMaxDepth) + " levels";
    case simdjson::NUMBER_ERROR: return "is not valid JSON: a number is malformed";
    case simdjson::STRING_ERROR: return "is not valid JSON: a string has a bad escape";
    case simdjson::UNESCAPED_CHARS: return "is not valid JSON: a string has an unescaped control character";
    case simdjson::UNCLOSED_STRING: return "is not valid JSON: a string is not closed";
    case simdjson::EMPTY: return "is empty";
    default: return "is not valid JSON";
  }
}

// Whether a string escapes one half of a surrogate pair alone, as Python's json module may write it.
bool has_half_pair(std::string_view line) {
  const auto surrogate = [&](std::size_t at, std::string_view second_digits) {
    return at + 3 < line.size() && line[at] == '\\' && line[at + 1] == 'u' && (line[at + 2] | 0x20) == 'd' &&
           second_digits.find(line[at + 3]) != std::string_view::npos;
  };
  for (std::size_t at = line.find('\\'); at < line.size(); at = line.find('\\', at)) {
    if (surrogate(at, "cdefCDEF")) return true;
    const bool first = surrogate(at, "89abAB");
    if (first && !surrogate(at + 6, "cdefCDEF")) return true;
    at += first ? 12 : 2;
  }
  return false;
}

std::string unescape(std::string_view quoted) {
  if (quoted.find('\\') == std::string_view::npos) return std::string(quoted.substr(1, quoted.size() - 2));
  std::string_view text;
  if (parsed_json(quoted).element.get_string().get(text) != simdjson::SUCCESS) return {};  // not reached: it is valid
  return std::string(text);
}

// False unless it has one role, a string, and at most one content: a string or a list, or null or none if it calls
// tools.
bool read_message(simdjson::dom::element element, Message& message) {
  int roles = 0, contents = 0;
  bool said = false, calls = false;
  for (const auto& [key, value] : simdjson::dom::object(element)) {
    std::string_view text;
    const bool is_text = value.get(text) == simdjson::SUCCESS;
    if (key == "role") {
      if (!is_text) return false;
      ++roles, message.role = text;
    } else if (key == "content") {
      if (!is_text && !value.is_array() && !value.is_null()) return false;
      ++contents, said = !value.is_null();
      if (is_text) message.content = text;
    } else if (key == "tool_calls") {
      calls = value.is_array();
    }
  }
  return roles == 1 && contents <= 1 && (said || calls);
}

bool is_numeric(std::string_view raw) { return raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9'); }

constexpr std::string_view kNull = "null";

// A JSON number without point and exponent.
bool is_integer(std::string_view raw) { return is_numeric(raw) && raw.find_first_of(".eE") == raw.npos; }

// The jq filter for the field of this name.
std::string jq_field(std::string_view key) {
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  const bool word = !key.empty() && std::all_of(key.begin(), key.end(), plain) && !(key[0] >= '0' && key[0] <= '9');
  return "." + (word ? std::string(key) : json_quote(key));
}

std::optional<std::int64_t> integer_of(const Decimal& number) {
  if (!number.integer || !number.exact || number.digits >= kIntegers) return {};
  const auto n = static_cast<std::int64_t>(number.digits);
  return number.negative ? -n : n;
}

std::optional<std::int32_t> id_of(const Decimal& number) {
  const auto n = integer_of(number);
  if (!n || *n < 0 || *n > INT32_MAX) return {};
  return static_cast<std::int32_t>(*n);
}

// The beginning of a value, for a message, truncated between characters.
std::string excerpt(std::string_view raw) {
  constexpr std::size_t kLongest = 40;
  if (raw.size() <= kLongest) return std::string(raw);
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(raw[end]) & 0xC0) == 0x80) --end;
  return std::string(raw.substr(0, end)) + "...";
}

// A JSON list of numbers. write(to, number) writes at most kLongestNumber characters and returns their end.
template <class T, class F>
std::string list_of(std::span<const T> values, F write) {
  std::string out(values.size() * (kLongestNumber + 1) + 2, '[');
  char* p = out.data() + 1;
  for (const T value : values) {
    p = write(p, value);
    *p++ = ',';
  }
  if (!values.empty()) --p;
  *p++ = ']';
  out.resize(static_cast<std::size_t>(p - out.data()));
  return out;
}

}  // namespace

// Splits a line into fields; false if it is no JSON object. If `doubtful` is set, only simdjson can tell whether it is.
bool Record::split(std::string_view line, bool& doubtful) {
  const char *p = line.data(), *const end = p + line.size();
  const auto next_is = [&](char c) {
    p = skip_space(p, end);
    const bool found = p != end && *p == c;
    if (found) ++p;
    return found;
  };
  constexpr std::size_t kUsual = 24;  // fields of a trajectory
  fields_.reserve(kUsual);
  if (!next_is('{')) return false;
  if (!next_is('}')) {
    do {
      const char* const key = p = skip_space(p, end);
      p = scan_string(p, end, doubtful);
      if (p == nullptr) return false;
      const std::string_view quoted(key, static_cast<std::size_t>(p - key));
      if (!next_is(':')) return false;
      const char* const value = p = skip_space(p, end);
      p = scan_value(p, end, doubtful);
      if (p == nullptr) return false;
      fields_.push_back({{}, std::string(quoted), std::string(value, p)});
    } while (next_is(','));
    if (!next_is('}')) return false;
  }
  return skip_space(p, end) == end;
}

Record Record::parse(std::string_view line, std::string where) {
  Record record(std::move(where));
  if (line.starts_with(kByteOrderMark)) {
    bad_input(record.where_ + ": the line begins with a byte order mark (EF BB BF), which is not JSON");
  }
  bool doubtful = !simdjson::validate_utf8(line.data(), line.size());
  const bool object = record.split(line, doubtful);
  if (doubtful || !object) {
    const ParseResult parsed = parsed_json(line);
    if (parsed.error == simdjson::STRING_ERROR && has_half_pair(line)) {
      bad_input(
          record.where_ + ": the line is not valid JSON: a string has half a surrogate pair, such as \\ud83d alone",
          "docs/data.md has a line that puts U+FFFD in place of such halves");
    }
    if (parsed.error != simdjson::SUCCESS) bad_input(record.where_ + ": the line " + explain(parsed.error, line));
    if (!object) bad_input(record.where_ + ": the line is not a JSON object");
  }
  for (Field& field : record.fields_) field.key = unescape(field.quoted);
  std::vector<std::string_view> keys;
  for (const Field& field : record.fields_) keys.push_back(field.key);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) record.fail(*twice, "appears twice");
  return record;
}

void Record::fail(std::string_view key, const std::string& cause, std::string advice) const {
  bad_input(where_ + ": field " + json_quote(key) + ' ' + cause, std::move(advice));
}

void Record::fail_absent(std::string_view key, std::string advice) const {
  const bool null = is_null(key);
  if (null && advice.empty())
    advice =
        "null counts as missing: give it a value, or drop such records: jq -c 'select(" + jq_field(key) + " != null)'";
  throw MissingField(where_ + ": field " + json_quote(key) + (null ? " is null" : " is missing"), key,
                     std::move(advice));
}

void Record::wrong(std::string_view key, const char* wanted, std::string_view raw) const {
  fail(key, std::string("must be ") + wanted + ", not " + excerpt(raw));
}

const Record::Field* Record::find(std::string_view key) const {
  for (const Field& field : fields_) {
    if (field.key == key) return field.raw == kNull ? nullptr : &field;
  }
  return nullptr;
}

bool Record::is_null(std::string_view key) const {
  return std::ranges::any_of(fields_, [&](const Field& field) { return field.key == key && field.raw == kNull; });
}

const Record::Field& Record::need(std::string_view key) const {
  const Field* field = find(key);
  if (field == nullptr) fail_absent(key);
  return *field;
}

ListShape Record::list_shape(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (value[0] != '[') wrong(key, "a list", value);
  ListShape shape;
  each_element(value, [&](std::string_view element) {
    const char kind = is_numeric(element) ? '0' : element[0] == '"' ? '"' : '?';
    if (shape.size++ == 0) shape.kind = kind;
    if (shape.kind != kind) shape.kind = '?';
  });
  return shape;
}

bool Record::is_array(std::string_view key) const {
  const Field* field = find(key);
  return field != nullptr && field->raw[0] == '[';
}

bool Record::is_text(std::string_view key) const {
  const Field* field = find(key);
  return field != nullptr && field->raw[0] == '"';
}

std::string_view Record::raw(std::string_view key) const { return need(key).raw; }

std::string Record::text(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (value[0] != '"') wrong(key, "a string", value);
  return unescape(value);
}

std::string Record::name(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (value[0] == '"') return unescape(value);
  if (is_integer(value)) return value;
  fail(key, "must be a string or an integer, not " + excerpt(value),
       "make it a string: jq -c '" + jq_field(key) + " |= tostring'");
}

std::int64_t Record::integer(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (!is_numeric(value)) wrong(key, "an integer", value);
  Decimal number;
  scan_number(value.data(), value.data() + value.size(), number);
  const auto n = integer_of(number);
  if (!n) wrong(key, "an integer below 2^53", value);
  return *n;
}

double Record::number(std::string_view key) const {
  const std::string& value = need(key).raw;
  const auto x = parse_double(value);
  if (!x) wrong(key, is_numeric(value) ? "a number that fits in 64 bits" : "a number", value);
  return *x;
}

float Record::real(std::string_view key) const {
  const std::string& value = need(key).raw;
  const auto x = parse_float(value);
  if (!x) wrong(key, is_numeric(value) ? "a number that fits in 32 bits" : "a number", value);
  return *x;
}

template <class T, class F>
std::vector<T> Record::list(std::string_view key, const char* wanted, const char* wanted_of_each, F convert) const {
  const std::string& value = need(key).raw;
  if (value[0] != '[') wrong(key, wanted, value);
  std::vector<T> out;
  out.reserve(value.size() / 16);  // a guess; numbers take up to 15 characters
  const char *p = value.data() + 1, *const end = value.data() + value.size();
  const auto take = [&](const Decimal& number, std::string_view token) __attribute__((always_inline)) {
    const auto x = convert(number, token);
    if (!x) wrong(key, wanted_of_each, token);
    out.push_back(*x);
  };
  if (!scan_numbers<true>(p, end, take)) wrong(key, wanted_of_each, {p, skip_value(p, end)});
  return out;
}

std::vector<std::int32_t> Record::ids(std::string_view key) const {
  return list<std::int32_t>(key, "a list of token ids", "a list of token ids",
                            [](const Decimal& number, std::string_view) { return id_of(number); });
}

std::vector<float> Record::reals(std::string_view key) const {
  return list<float>(key, "a list of numbers", "a list of numbers that fit in 32 bits",
                     [](const Decimal& number, std::string_view token) { return value_of<float>(number, token); });
}

std::vector<double> Record::numbers(std::string_view key) const {
  return list<double>(key, "a list of numbers", "a list of numbers that fit in 64 bits",
                      [](const Decimal& number, std::string_view token) { return value_of<double>(number, token); });
}

std::vector<std::string> Record::texts(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (value[0] != '[') wrong(key, "a list of strings", value);
  std::vector<std::string> out;
  each_element(value, [&](std::string_view element) {
    if (element[0] != '"') wrong(key, "a list of strings", element);
    out.push_back(unescape(element));
  });
  return out;
}

std::vector<std::string> Record::elements(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (value[0] != '[') wrong(key, "a list", value);
  std::vector<std::string> out;
  each_element(value, [&](std::string_view element) { out.emplace_back(element); });
  return out;
}

std::vector<Message> Record::messages(std::string_view key) const {
  const std::string& value = need(key).raw;
  constexpr const char* kWanted =
      "a list of {\"role\", \"content\"} objects whose content is a string or a list of parts";
  if (value[0] != '[') wrong(key, kWanted, value);
  std::vector<Message> out;
  each_element(value, [&](std::string_view element) {
    if (element[0] != '{') wrong(key, kWanted, element);
    Message message;
    message.json = element;
    if (!read_message(parsed_json(element).element, message)) wrong(key, kWanted, element);
    out.push_back(std::move(message));
  });
  if (out.empty()) fail(key, "is an empty list");
  return out;
}

std::optional<std::string> Record::find_text(std::string_view key) const {
  return has(key) ? std::optional(text(key)) : std::nullopt;
}
std::optional<std::string> Record::find_name(std::string_view key) const {
  return has(key) ? std::optional(name(key)) : std::nullopt;
}
std::optional<std::int64_t> Record::find_integer(std::string_view key) const {
  return has(key) ? std::optional(integer(key)) : std::nullopt;
}
std::optional<double> Record::find_number(std::string_view key) const {
  return has(key) ? std::optional(number(key)) : std::nullopt;
}
std::optional<float> Record::find_real(std::string_view key) const {
  return has(key) ? std::optional(real(key)) : std::nullopt;
}

void Record::put(std::string_view key, std::string json) {
  for (Field& field : fields_) {
    if (field.key == key) {
      field.raw = std::move(json);
      return;
    }
  }
  fields_.push_back({std::string(key), json_quote(key), std::move(json)});
}

void Record::refuse_to_write(std::string_view key, const std::string& cause) const {
  throw Error(Exit::kInternal, (where_.empty() ? "" : where_ + ": ") + "field " + json_quote(key) + ' ' + cause);
}

void Record::set_text(std::string_view key, std::string_view value) { put(key, json_quote(value)); }

void Record::set_integer(std::string_view key, std::int64_t value) {
  if (value >= kIntegers || value <= -kIntegers) refuse_to_write(key, "would be an integer of 2^53 or more");
  put(key, std::to_string(value));
}

void Record::set_number(std::string_view key, double value) {
  if (!std::isfinite(value)) refuse_to_write(key, "would be a number that is not finite");
  put(key, json_number(value));
}

void Record::set_real(std::string_view key, float value) {
  if (!std::isfinite(value)) refuse_to_write(key, "would be a number that is not finite");
  put(key, json_number(value));
}

void Record::set_ids(std::string_view key, std::span<const std::int32_t> values) {
  put(key, list_of(values, [](char* out, std::int32_t n) { return std::to_chars(out, out + kLongestNumber, n).ptr; }));
}

void Record::set_reals(std::string_view key, std::span<const float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) refuse_to_write(key, "would not be finite at " + std::to_string(i));
  }
  put(key, list_of(values, [](char* out, float x) { return write_number(out, x); }));
}

void Record::set_raw(std::string_view key, std::string json) {
  if (json.find('\n') != std::string::npos || parsed_json(json).error != simdjson::SUCCESS) {
    refuse_to_write(key, "would not be JSON: " + excerpt(json));
  }
  put(key, std::move(json));
}

void Record::erase(std::string_view key) {
  std::erase_if(fields_, [&](const Field& field) { return field.key == key; });
}

void Record::append_to(std::string& out) const {
  out += '{';
  for (const Field& field : fields_) {
    if (&field != fields_.data()) out += ',';
    out.append(field.quoted).append(":").append(field.raw);
  }
  out += '}';
}

std::string Record::line() const {
  std::size_t size = 2;
  for (const Field& field : fields_) size += field.quoted.size() + field.raw.size() + 2;
  std::string out;
  out.reserve(size);
  append_to(out);
  return out;
}

}  // namespace nudge
