// Split's regular expressions. PCRE2's tables depend on the Unicode version it was built with, and its \s includes
// U+180E, so character classes are expanded to ranges before compilation.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <new>
#include <stdexcept>

#include "lib/base/error.h"
#include "lib/text/pretokenize.h"
#include "lib/text/unicode.h"

namespace nudge {
namespace {

// The inside of a character class of everything that `wanted` accepts.
template <class F>
std::string class_body(F&& wanted) {
  std::string out;
  const auto close = [&](std::uint32_t first, std::uint32_t end) {
    char range[40];
    std::snprintf(range, sizeof range, "\\x{%X}-\\x{%X}", first, end - 1);
    out += range;
  };
  std::uint32_t first = 0;
  bool inside = false;
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    const bool in = (c < 0xD800 || c > 0xDFFF) && wanted(c);
    if (in && !inside) first = c;
    if (!in && inside) close(first, c);
    inside = in;
  }
  if (inside) close(first, 0x110000);
  return out;
}

std::string body_of(CharClass kind, bool complement) {
  const CharClasses& classes = CharClasses::get();
  return class_body([&](std::uint32_t c) { return (classes[c] == kind) != complement; });
}

[[noreturn]] void refuse(std::string_view construct) {
  throw std::invalid_argument(std::string(construct) + " is not supported");
}

// Translates an expression from Oniguruma (Ruby's syntax), the reference's engine, to PCRE2. Constructs that both read
// alike pass, known differences are rewritten, anything else is refused.
class Translator {
 public:
  explicit Translator(const std::string& pattern) : pattern_(pattern) {}

  std::string translated() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        if (const std::string ranges = escape(); !ranges.empty()) out_ += "[" + ranges + "]";
      } else if (c == '[') {
        character_class();
      } else if (c == '(') {
        group();
      } else if (c == '{') {
        repetition();
      } else if (c == '.') {
        out_ += "[^\\n]";
        ++at_;
      } else if (c == '^' || c == '$') {
        refuse(std::string(1, c));  // line ends in one engine, text ends in the other
      } else {
        keep(1);
      }
    }
    return std::move(out_);
  }

 private:
  std::string_view rest() const { return std::string_view(pattern_).substr(at_); }
  void keep(std::size_t count) {
    out_.append(pattern_, at_, count);
    at_ += count;
  }

  // Reads an escape: copies a character escape, returns the ranges of a class escape.
  std::string escape() {
    const char name = rest().size() > 1 ? rest()[1] : '\0';
    switch (name) {
      case 's':
      case 'S': at_ += 2; return body_of(CharClass::kSpace, name == 'S');
      case 'd':
      case 'D': at_ += 2; return category("Nd", name == 'D');
      case 'p':
      case 'P': return property(name == 'P');
      case 'n':
      case 'r':
      case 't':
      case 'f': return keep(2), "";
      default:
        if (name < '!' || name > '~' || std::isalnum(static_cast<unsigned char>(name)) != 0) {
          refuse("the escape " + std::string(rest().substr(0, 2)));
        }
        return keep(2), "";
    }
  }

  // \pL, \p{L}, \p{Lu}: general categories.
  std::string property(bool complement) {
    std::string_view name = rest().substr(2, 1);
    std::size_t length = 3;
    if (name == "{") {
      const std::size_t end = rest().find('}');
      if (end == std::string_view::npos) refuse("an unclosed \\p{");
      name = rest().substr(3, end - 3);
      length = end + 1;
    }
    at_ += length;
    if (name == "L") return body_of(CharClass::kLetter, complement);
    if (name == "N") return body_of(CharClass::kNumber, complement);
    if (!is_category(name)) refuse("the property \\p{" + std::string(name) + "}");
    return category(name, complement);
  }

  static std::string category(std::string_view name, bool complement) {
    return class_body([&](std::uint32_t c) { return category_of(c).starts_with(name) != complement; });
  }

  void character_class() {
    keep(rest().starts_with("[^") ? 2 : 1);
    if (rest().starts_with("]")) refuse("an empty character class");
    const std::size_t begin = at_;
    for (bool dash = false; at_ < pattern_.size() && pattern_[at_] != ']';) {
      if (pattern_[at_] == '[') refuse("a nested character class");
      if (rest().starts_with("&&")) refuse("an intersection of character classes");
      if (pattern_[at_] == '\\') {
        const std::string ranges = escape();
        if (dash && !ranges.empty()) refuse("a range that ends in a class");
        out_ += ranges;
        dash = false;
      } else {
        dash = pattern_[at_] == '-' && at_ > begin;
        keep(1);
      }
    }
    if (at_ == pattern_.size()) refuse("an unclosed character class");
    keep(1);
  }

  // Of the groups that begin with "(?", unnamed ones that affect nothing after them.
  void group() {
    if (rest().starts_with("(*")) refuse("(*");
    if (!rest().starts_with("(?")) return keep(1);
    for (const std::string_view known : {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"}) {
      if (rest().starts_with(known)) return keep(known.size());
    }
    refuse("the group " + std::string(rest().substr(0, 4)));
  }

  // {n}, {n,} and {n,m}; a following "+" makes it possessive only in PCRE2, "?" after {n} makes it optional only in
  // Oniguruma.
  void repetition() {
    std::size_t end = 1;
    const auto digits = [&] {
      const std::size_t begin = end;
      while (end < rest().size() && rest()[end] >= '0' && rest()[end] <= '9') ++end;
      return end - begin;
    };
    bool known = digits() > 0, exactly = true;
    if (rest().substr(end, 1) == ",") ++end, digits(), exactly = false;
    known = known && rest().substr(end, 1) == "}";
    const std::string_view behind = rest().substr(std::min(end + 1, rest().size()), 1);
    if (!known || behind == "+" || (exactly && behind == "?")) {
      refuse("the repetition " + std::string(rest().substr(0, end + 2)));
    }
    keep(end + 1);
  }

  const std::string& pattern_;
  std::size_t at_ = 0;
  std::string out_;
};

std::string message_of(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct SplitRegex::Compiled {
  pcre2_code* code = nullptr;
  Compiled(const std::string& pattern, std::uint32_t options) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | options, &error,
                         &offset, nullptr);
    if (code == nullptr) throw std::invalid_argument(message_of(error));
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // if it fails, matching is only slower
  }
  ~Compiled() { pcre2_code_free(code); }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
};

SplitRegex::SplitRegex() = default;
SplitRegex::SplitRegex(const std::string& pattern)
    : compiled_(std::make_unique<Compiled>(Translator(pattern).translated(), PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C)) {}
SplitRegex SplitRegex::literal(const std::string& text) {
  SplitRegex out;
  out.compiled_ = std::make_unique<Compiled>(text, PCRE2_LITERAL);
  return out;
}
SplitRegex::SplitRegex(SplitRegex&&) noexcept = default;
SplitRegex& SplitRegex::operator=(SplitRegex&&) noexcept = default;
SplitRegex::~SplitRegex() = default;

void SplitRegex::find(std::string_view text, std::vector<std::pair<std::size_t, std::size_t>>& matches) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
      pcre2_match_data_create_from_pattern(compiled_->code, nullptr), pcre2_match_data_free);
  if (data == nullptr) throw std::bad_alloc();
  const PCRE2_SIZE* const found = pcre2_get_ovector_pointer(data.get());
  std::size_t at = 0;
  while (at <= text.size()) {
    const int count = pcre2_match(compiled_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                  PCRE2_NO_UTF_CHECK, data.get(), nullptr);
    if (count == PCRE2_ERROR_NOMATCH) return;
    if (count < 0) bad_input("the pre-tokenizer's expression fails on the text: " + message_of(count));
    if (found[1] > found[0]) matches.push_back({found[0], found[1]});
    if (found[1] >= text.size()) return;
    at = found[1];
    if (found[1] == found[0]) next_char(text, at);  // an empty match: continue after the next character
  }
}

}  // namespace nudge
