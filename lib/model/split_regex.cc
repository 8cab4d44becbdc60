// Split's regular expressions. PCRE2's tables are those of whatever Unicode it was built with, and its \s
// holds U+180E, so \p{L}, \p{N}, \s and their complements are written out as ranges before it compiles.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <stdexcept>

#include "lib/base/error.h"
#include "lib/model/pretokenize.h"
#include "lib/model/unicode.h"

namespace nudge {
namespace {

// The inside of a character class that holds what `wanted` accepts.
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

// The escape at the start of `rest`, as ranges, and its length; length 0 for any other escape.
std::pair<std::string, std::size_t> translate(std::string_view rest) {
  const bool braces = rest.size() >= 5 && rest[2] == '{' && rest[4] == '}';
  const char name = braces ? rest[3] : rest.size() >= 3 ? rest[2] : '\0';
  if (rest[1] == 's' || rest[1] == 'S') return {body_of(CharClass::kSpace, rest[1] == 'S'), 2};
  if ((rest[1] == 'p' || rest[1] == 'P') && (name == 'L' || name == 'N') && (braces || rest[2] == name)) {
    return {body_of(name == 'L' ? CharClass::kLetter : CharClass::kNumber, rest[1] == 'P'), braces ? 5u : 3u};
  }
  return {{}, 0};
}

std::string translate_pattern(const std::string& pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '\\' && at + 1 < pattern.size()) {
      const auto [ranges, length] = translate(std::string_view(pattern).substr(at));
      if (length == 0) {
        out.append(pattern, at++, 2);
      } else {
        out += in_class ? ranges : "[" + ranges + "]";
        at += length - 1;
      }
      continue;
    }
    if (c == '&' && in_class && at + 1 < pattern.size() && pattern[at + 1] == '&') {
      throw std::invalid_argument("intersections of character classes are not supported");
    }
    if (c == '[' && in_class) throw std::invalid_argument("character classes in character classes are not supported");
    if (c == '[') {
      in_class = true;
      const std::size_t first = at + (pattern.compare(at + 1, 1, "^") == 0 ? 2 : 1);
      if (pattern.compare(std::min(first, pattern.size()), 1, "]") == 0) {
        throw std::invalid_argument("a character class is empty");
      }
    }
    if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

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
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                         PCRE2_UTF | options, &error, &offset, nullptr);
    if (code == nullptr) throw std::invalid_argument(message_of(error));
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without it, matching is slower and the same
  }
  ~Compiled() { pcre2_code_free(code); }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
};

SplitRegex::SplitRegex() = default;
SplitRegex::SplitRegex(const std::string& pattern)
    : compiled_(std::make_unique<Compiled>(translate_pattern(pattern), PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C)) {}
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
    if (found[1] == found[0]) next_char(text, at);  // an empty match: go on behind the next character
  }
}

}  // namespace nudge
