#include "lib/io/record.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <new>

#include "lib/base/error.h"
#include "lib/io/json.h"

namespace nudge {
namespace {

constexpr std::int64_t kIntegers = std::int64_t{1} << 53;  // beyond, a double no longer holds every integer

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The functions below walk over JSON text that simdjson has found valid: they needn't doubt it. simdjson
// itself gives no slices of the text, which are needed to pass fields through and to round floats once.
std::size_t skip_space(std::string_view s, std::size_t i) {
  while (i < s.size() && is_space(s[i])) ++i;
  return i;
}

std::size_t skip_string(std::string_view s, std::size_t i) {  // from the opening quote to after the closing one
  for (++i; i < s.size() && s[i] != '"'; ++i) {
    if (s[i] == '\\') ++i;
  }
  return std::min(i + 1, s.size());
}

std::size_t skip_value(std::string_view s, std::size_t i) {
  if (s[i] == '"') return skip_string(s, i);
  if (s[i] != '{' && s[i] != '[') {
    while (i < s.size() && s[i] != ',' && s[i] != '}' && s[i] != ']' && !is_space(s[i])) ++i;
    return i;
  }
  for (int depth = 0; i < s.size();) {
    const char c = s[i];
    if (c == '"') {
      i = skip_string(s, i);
      continue;
    }
    ++i;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return i;
}

// Calls use(text of the element) for every element of an array.
template <class F>
void each_element(std::string_view array, F use) {
  std::size_t i = skip_space(array, 1);
  while (array[i] != ']') {
    const std::size_t end = skip_value(array, i);
    use(array.substr(i, end - i));
    i = skip_space(array, end);
    if (array[i] == ',') i = skip_space(array, i + 1);
  }
}

struct ParseResult {
  simdjson::error_code error = simdjson::SUCCESS;
  simdjson::dom::element element;
};

// RFC 8259 forbids it, some editors write it. Newer releases of simdjson skip it, which our walks over the same text
// wouldn't.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The result lives until the next call in the same thread.
ParseResult parse_json(std::string_view json) {
  thread_local simdjson::dom::parser parser;
  if (json.size() > parser.capacity() || parser.max_depth() != Record::kMaxDepth) {
    if (parser.allocate(std::max<std::size_t>(json.size(), 4096), Record::kMaxDepth) != simdjson::SUCCESS) {
      throw std::bad_alloc();
    }
  }
  ParseResult result;
  if (json.starts_with(kByteOrderMark)) {
    result.error = simdjson::TAPE_ERROR;
    return result;
  }
  result.error = parser.parse(json.data(), json.size()).get(result.element);
  if (result.error == simdjson::MEMALLOC) throw std::bad_alloc();
  return result;
}

std::string explain(simdjson::error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR: return "is not valid UTF-8";
    case simdjson::DEPTH_ERROR: return "nests deeper than " + std::to_string(Record::kMaxDepth) + " levels";
    case simdjson::NUMBER_ERROR: return "is not valid JSON: a number is malformed or out of range";
    case simdjson::STRING_ERROR: return "is not valid JSON: a text has a bad escape";
    case simdjson::UNESCAPED_CHARS: return "is not valid JSON: a text has an unescaped control character";
    case simdjson::UNCLOSED_STRING: return "is not valid JSON: a text is not closed";
    case simdjson::EMPTY: return "is empty";
    default: return "is not valid JSON";
  }
}

std::string unescape(std::string_view quoted) {
  if (quoted.find('\\') == std::string_view::npos) return std::string(quoted.substr(1, quoted.size() - 2));
  std::string_view text;
  if (parse_json(quoted).element.get_string().get(text) != simdjson::SUCCESS) return {};  // not reached: it is valid
  return std::string(text);
}

bool is_numeric(std::string_view raw) { return raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9'); }

std::optional<std::int64_t> parse_integer(std::string_view raw) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (status != std::errc{} || end != raw.data() + raw.size()) return {};
  return value;
}

// The start of a value for a message, cut between characters.
std::string excerpt(std::string_view raw) {
  constexpr std::size_t kLongest = 40;
  if (raw.size() <= kLongest) return std::string(raw);
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(raw[end]) & 0xC0) == 0x80) --end;
  return std::string(raw.substr(0, end)) + "...";
}

template <class T, class F>
std::string join(std::span<const T> values, F text_of) {
  std::string out = "[";
  for (const T& value : values) {
    if (out.size() > 1) out += ',';
    out += text_of(value);
  }
  return out + ']';
}

}  // namespace

Record Record::parse(std::string_view line, std::string where) {
  Record record(std::move(where));
  if (line.starts_with(kByteOrderMark)) {
    bad_input(record.where_ + ": the line begins with a byte order mark (EF BB BF), which is no JSON");
  }
  const ParseResult parsed = parse_json(line);
  if (parsed.error != simdjson::SUCCESS) bad_input(record.where_ + ": the line " + explain(parsed.error));
  std::size_t i = skip_space(line, skip_space(line, 0) + 1);
  simdjson::dom::object object;
  if (parsed.element.get_object().get(object) != simdjson::SUCCESS) {
    bad_input(record.where_ + ": the line is not a JSON object");
  }
  for (const auto& member : object) {
    const std::size_t key_end = skip_string(line, i);
    const std::size_t value = skip_space(line, skip_space(line, key_end) + 1);  // over the colon
    const std::size_t end = skip_value(line, value);
    record.fields_.push_back({std::string(member.key), std::string(line.substr(i, key_end - i)),
                              std::string(line.substr(value, end - value))});
    i = skip_space(line, skip_space(line, end) + 1);  // over the comma
  }
  std::vector<std::string_view> keys;
  for (const Field& field : record.fields_) keys.push_back(field.key);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) record.fail(*twice, "is there twice");
  return record;
}

void Record::fail(std::string_view key, const std::string& cause) const {
  bad_input(where_ + ": field " + json_quote(key) + ' ' + cause);
}

void Record::wrong(std::string_view key, const char* wanted, std::string_view raw) const {
  fail(key, std::string("has to be ") + wanted + ", not " + excerpt(raw));
}

const Record::Field* Record::find(std::string_view key) const {
  for (const Field& field : fields_) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

const Record::Field& Record::need(std::string_view key) const {
  const Field* field = find(key);
  if (field == nullptr) fail(key, "is missing");
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
  if (value[0] != '"') wrong(key, "a text", value);
  return unescape(value);
}

std::int64_t Record::integer(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (!is_numeric(value)) wrong(key, "an integer", value);
  const auto n = parse_integer(value);
  if (!n || *n >= kIntegers || *n <= -kIntegers) wrong(key, "an integer below 2^53", value);
  return *n;
}

double Record::number(std::string_view key) const {
  const std::string& value = need(key).raw;
  const auto x = parse_double(value);
  if (!x) wrong(key, "a number", value);
  return *x;
}

float Record::real(std::string_view key) const {
  const std::string& value = need(key).raw;
  const auto x = parse_float(value);
  if (!x) wrong(key, is_numeric(value) ? "a number that fits into 32 bits" : "a number", value);
  return *x;
}

std::vector<std::int32_t> Record::ids(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (value[0] != '[') wrong(key, "a list of token ids", value);
  std::vector<std::int32_t> out;
  each_element(value, [&](std::string_view element) {
    const auto n = is_numeric(element) ? parse_integer(element) : std::nullopt;
    if (!n || *n < 0 || *n > INT32_MAX) wrong(key, "a list of token ids", element);
    out.push_back(static_cast<std::int32_t>(*n));
  });
  return out;
}

std::vector<float> Record::reals(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (value[0] != '[') wrong(key, "a list of numbers", value);
  std::vector<float> out;
  each_element(value, [&](std::string_view element) {
    const auto x = parse_float(element);
    if (!x) wrong(key, "a list of numbers that fit into 32 bits", element);
    out.push_back(*x);
  });
  return out;
}

std::vector<double> Record::numbers(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (value[0] != '[') wrong(key, "a list of numbers", value);
  std::vector<double> out;
  each_element(value, [&](std::string_view element) {
    const auto x = parse_double(element);
    if (!x) wrong(key, "a list of numbers", element);
    out.push_back(*x);
  });
  return out;
}

std::vector<std::string> Record::texts(std::string_view key) const {
  const std::string& value = need(key).raw;
  if (value[0] != '[') wrong(key, "a list of texts", value);
  std::vector<std::string> out;
  each_element(value, [&](std::string_view element) {
    if (element[0] != '"') wrong(key, "a list of texts", element);
    out.push_back(unescape(element));
  });
  return out;
}

std::vector<Message> Record::messages(std::string_view key) const {
  const std::string& value = need(key).raw;
  constexpr const char* kWanted = "a list of {\"role\", \"content\"} with texts in both";
  if (value[0] != '[') wrong(key, kWanted, value);
  std::vector<Message> out;
  each_element(value, [&](std::string_view element) {
    if (element[0] != '{') wrong(key, kWanted, element);
    const ParseResult parsed = parse_json(element);
    std::string_view role, content;
    if (parsed.element["role"].get_string().get(role) != simdjson::SUCCESS ||
        parsed.element["content"].get_string().get(content) != simdjson::SUCCESS) {
      wrong(key, kWanted, element);
    }
    out.push_back({std::string(role), std::string(content)});
  });
  if (out.empty()) fail(key, "is an empty list");
  return out;
}

std::optional<std::string> Record::find_text(std::string_view key) const {
  return has(key) ? std::optional(text(key)) : std::nullopt;
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

void Record::born_wrong(std::string_view key, const std::string& cause) const {
  throw Error(Exit::kInternal, (where_.empty() ? "" : where_ + ": ") + "field " + json_quote(key) + ' ' + cause);
}

void Record::set_text(std::string_view key, std::string_view value) { put(key, json_quote(value)); }

void Record::set_integer(std::string_view key, std::int64_t value) {
  if (value >= kIntegers || value <= -kIntegers) born_wrong(key, "would be an integer of 2^53 or more");
  put(key, std::to_string(value));
}

void Record::set_number(std::string_view key, double value) {
  if (!std::isfinite(value)) born_wrong(key, "would be a number that is not finite");
  put(key, json_number(value));
}

void Record::set_real(std::string_view key, float value) {
  if (!std::isfinite(value)) born_wrong(key, "would be a number that is not finite");
  put(key, json_number(value));
}

void Record::set_ids(std::string_view key, std::span<const std::int32_t> values) {
  put(key, join(values, [](std::int32_t n) { return std::to_string(n); }));
}

void Record::set_reals(std::string_view key, std::span<const float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) born_wrong(key, "would not be finite at " + std::to_string(i));
  }
  put(key, join(values, [](float x) { return json_number(x); }));
}

void Record::set_raw(std::string_view key, std::string json) {
  if (json.find('\n') != std::string::npos || parse_json(json).error != simdjson::SUCCESS) {
    born_wrong(key, "would be no JSON: " + excerpt(json));
  }
  put(key, std::move(json));
}

void Record::erase(std::string_view key) {
  std::erase_if(fields_, [&](const Field& field) { return field.key == key; });
}

std::string Record::line() const {
  std::size_t size = 2;
  for (const Field& field : fields_) size += field.quoted.size() + field.raw.size() + 2;
  std::string out;
  out.reserve(size);
  out += '{';
  for (const Field& field : fields_) {
    if (out.size() > 1) out += ',';
    out.append(field.quoted).append(":").append(field.raw);
  }
  return out += '}';
}

}  // namespace nudge
