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

// Copies a text with its numbers replaced by ones that simdjson holds. Spaces keep a replacement from merging with what
// stands beside it.
class Copy {
 public:
  Copy(std::string_view json, std::string_view beyond)
      : done_(json.data()), end_(json.data() + json.size()), beyond_(beyond) {}

  void run(bool words) {
    for (const char* p = done_; p != end_;) {
      const std::string_view word = words ? word_at({p, end_}) : std::string_view();
      if (*p == '"') {
        p = skip_value(p, end_);
      } else if (!word.empty()) {
        replace_beyond(p, p + word.size());
        p += word.size();
      } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
        p = number(p);
      } else {
        ++p;
      }
    }
  }

  const Substitutions& made() const { return made_; }
  std::string text() { return std::move(out_.append(done_, end_)); }

 private:
  void replace(const char* from, const char* to, std::string_view by) {
    out_.append(done_, from).append(by);
    done_ = to;
  }
  void replace_beyond(const char* from, const char* to) {
    replace(from, to, beyond_);
    made_.beyond = true;
  }

  // The end of the number at `p`.
  const char* number(const char* p) {
    Decimal number;
    const char* const after = scan_number(p, end_, number);
    if (after == nullptr) return skip_number_characters(p + 1, end_);
    constexpr std::uint64_t kMostDigits = std::uint64_t{1} << 63;
    if (!value_of<double>(number, {p, after})) {
      replace_beyond(p, after);
    } else if (number.integer && (!number.exact || number.digits > kMostDigits)) {
      replace(after, after, ".0");
      made_.long_integers = true;
    }
    return after;
  }

  const char *done_, *end_;
  std::string_view beyond_;
  std::string out_;
  Substitutions made_;
};

// Which error simdjson gives for a number it can't hold depends on the number and the release. So any error leads to a
// second try, with the copy: what else is wrong is wrong in the copy, too.
simdjson::error_code parse(simdjson::dom::parser& parser, std::string_view json, Copy copy, bool words,
                           simdjson::dom::element& root, Substitutions& made) {
  if (json.starts_with(kByteOrderMark)) return simdjson::TAPE_ERROR;
  const simdjson::error_code error = parser.parse(json.data(), json.size()).get(root);
  if (error == simdjson::SUCCESS || error == simdjson::MEMALLOC) return error;
  copy.run(words);
  made = copy.made();
  if (!made.beyond && !made.long_integers) return error;
  const std::string text = copy.text();
  if (text.size() > parser.capacity()) {  // parse() itself would forget the depth
    if (parser.allocate(text.size(), parser.max_depth()) != simdjson::SUCCESS) return simdjson::MEMALLOC;
  }
  return parser.parse(text.data(), text.size()).get(root);
}

}  // namespace

simdjson::error_code parse_json(simdjson::dom::parser& parser, std::string_view json, simdjson::dom::element& root) {
  Substitutions ignored;
  return parse(parser, json, Copy(json, " 0 "), false, root, ignored);
}

simdjson::error_code parse_python_json(simdjson::dom::parser& parser, std::string_view json,
                                       simdjson::dom::element& root, Substitutions& substitutions) {
  return parse(parser, json, Copy(json, " [[]] "), true, root, substitutions);
}

std::string_view not_a_number_in(std::string_view json) {
  const char* const end = json.data() + json.size();
  for (const char* p = json.data(); p != end;) {
    if (const std::string_view word = word_at({p, end}); !word.empty()) return word;
    p = *p == '"' ? skip_value(p, end) : p + 1;
  }
  return {};
}

}  // namespace nudge
