#include "lib/io/json_parse.h"

#include <string>

#include "lib/io/scan.h"

namespace nudge {
namespace {

constexpr std::string_view kWords[] = {"NaN", "Infinity", "-Infinity"};

std::string_view word_at(std::string_view json) {
  for (const std::string_view word : kWords) {
    if (json.starts_with(word)) return word;
  }
  return {};
}

const char* skip_number_characters(const char* p, const char* end) {
  constexpr std::string_view kCharacters = "+-.0123456789Ee";
  while (p != end && kCharacters.find(*p) != std::string_view::npos) ++p;
  return p;
}

// A copy of a text with other numbers.
class Copy {
 public:
  explicit Copy(std::string_view json) : done_(json.data()), end_(json.data() + json.size()) {}

  void replace(const char* from, const char* to, std::string_view by) {
    out_.append(done_, from).append(by);
    done_ = to;
    changed_ = true;
  }
  bool changed() const { return changed_; }
  std::string text() { return std::move(out_.append(done_, end_)); }

 private:
  const char *done_, *end_;
  std::string out_;
  bool changed_ = false;
};

// Copies the number at `p` as one that simdjson holds, and returns its end. Spaces keep a number that is replaced from
// becoming one with what stands beside it.
const char* copy_number(const char* p, const char* end, std::string_view beyond, Copy& copy) {
  Decimal number;
  const char* const after = scan_number(p, end, number);
  if (after == nullptr) return skip_number_characters(p + 1, end);
  constexpr std::uint64_t kMostDigits = std::uint64_t{1} << 63;
  if (!value_of<double>(number, {p, after})) {
    copy.replace(p, after, beyond);
  } else if (number.integer && (!number.exact || number.digits > kMostDigits)) {
    copy.replace(after, after, ".0");
  }
  return after;
}

// False where there is nothing to be replaced.
bool hold_numbers(std::string_view json, std::string_view beyond, bool words, std::string& out) {
  Copy copy(json);
  const char* const end = json.data() + json.size();
  for (const char* p = json.data(); p != end;) {
    const std::string_view word = words ? word_at({p, end}) : std::string_view();
    if (*p == '"') {
      p = skip_value(p, end);
    } else if (!word.empty()) {
      copy.replace(p, p + word.size(), beyond);
      p += word.size();
    } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
      p = copy_number(p, end, beyond, copy);
    } else {
      ++p;
    }
  }
  if (copy.changed()) out = copy.text();
  return copy.changed();
}

// Which error simdjson gives for a number it can't hold depends on the number and the release: after any the copy is
// tried, and what is wrong besides is wrong in it too.
simdjson::error_code parse(simdjson::dom::parser& parser, std::string_view json, std::string_view beyond, bool words,
                           simdjson::dom::element& root) {
  if (json.starts_with(kByteOrderMark)) return simdjson::TAPE_ERROR;
  const simdjson::error_code error = parser.parse(json.data(), json.size()).get(root);
  std::string copy;
  if (error == simdjson::SUCCESS || error == simdjson::MEMALLOC) return error;
  if (!hold_numbers(json, beyond, words, copy)) return error;
  if (copy.size() > parser.capacity()) {  // parse() itself would forget the depth
    if (parser.allocate(copy.size(), parser.max_depth()) != simdjson::SUCCESS) return simdjson::MEMALLOC;
  }
  return parser.parse(copy.data(), copy.size()).get(root);
}

}  // namespace

simdjson::error_code parse_json(simdjson::dom::parser& parser, std::string_view json, simdjson::dom::element& root) {
  return parse(parser, json, " 0 ", false, root);
}

simdjson::error_code parse_python_json(simdjson::dom::parser& parser, std::string_view json,
                                       simdjson::dom::element& root) {
  return parse(parser, json, " [[]] ", true, root);
}

std::string_view not_a_number_in(std::string_view json) {
  const char* const end = json.data() + json.size();
  for (const char* p = json.data(); p != end;) {
    if (const std::string_view word = word_at({p, end}); !word.empty()) return word;
    p = *p == '"' ? skip_value(p, end) : p + 1;
  }
  return {};
}

bool find_last(simdjson::dom::object object, std::string_view key, simdjson::dom::element& value) {
  bool found = false;
  for (const auto& field : object) {
    if (field.key == key) value = field.value, found = true;
  }
  return found;
}

}  // namespace nudge
