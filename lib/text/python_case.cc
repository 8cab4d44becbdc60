// Case as Python's str changes it. utf8proc knows the mappings of one character to one; those to several are
// SpecialCasing.txt's.
#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "lib/text/python_text.h"
#include "lib/text/unicode.h"
#include "lib/text/unicode_tables.h"

namespace nudge::python {
namespace {

const Capitals* capitals_of(std::uint32_t c) {
  const Capitals* const end = capitals + capitals_count;
  const auto below = [](const Capitals& row, std::uint32_t x) { return row.small < x; };
  const Capitals* const found = std::lower_bound(capitals, end, c, below);
  return found != end && found->small == c ? found : nullptr;
}

// Letters that older releases of utf8proc lack: the other letter of the pair, or c.
std::uint32_t later_upper(std::uint32_t c) {
  for (int i = 0; i < later_pair_count; ++i)
    if (later_pairs[i].small == c) return later_pairs[i].capital;
  return c;
}
std::uint32_t later_lower(std::uint32_t c) {
  for (int i = 0; i < later_pair_count; ++i)
    if (later_pairs[i].capital == c) return later_pairs[i].small;
  return c;
}

std::uint32_t simple_lower(std::uint32_t c) {
  const std::uint32_t later = later_lower(c);
  return later != c ? later : static_cast<std::uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

// The property Cased: letters with case, and what Other_Lowercase, Other_Uppercase and newer versions add.
bool is_cased(std::uint32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT ||
         among(c, cased_ranges, cased_range_count);
}

// The property Case_Ignorable: marks, modifiers, formats, punctuation within words, and newer marks.
bool is_case_ignorable(std::uint32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: return among(c, case_ignorable_ranges, case_ignorable_range_count);
  }
}

constexpr std::uint32_t kSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;

// The lower case of the sigma at [begin, end): final after a letter if none follows.
std::uint32_t small_sigma(std::string_view text, std::size_t begin, std::size_t end) {
  std::uint32_t c = 0;
  bool any = false;
  while (begin > 0 && !any) any = !is_case_ignorable(c = previous_char(text, begin));
  if (!any || !is_cased(c)) return kSmallSigma;
  for (any = false; end < text.size() && !any;) any = !is_case_ignorable(c = next_char(text, end));
  return any && is_cased(c) ? kSmallSigma : kFinalSigma;
}

void append_upper(std::uint32_t c, std::string& out) {
  if (const Capitals* several = capitals_of(c)) {
    for (const std::uint32_t large : several->large) {
      if (large != 0) append_utf8(large, out);
    }
    return;
  }
  const std::uint32_t later = later_upper(c);
  append_utf8(later != c ? later : static_cast<std::uint32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))), out);
}

// The character at [begin, end).
void append_lower(std::string_view text, std::size_t begin, std::size_t end, std::string& out) {
  std::size_t at = begin;
  const std::uint32_t c = next_char(text, at);
  if (c == kSigma) return append_utf8(small_sigma(text, begin, end), out);
  if (c == 0x130) out += "i\xCC\x87";  // dotted capital I: i and the dot
  else append_utf8(simple_lower(c), out);
}

// Of several upper-case characters only the first stays: the others become lower case, a capital iota the subscript
// one.
void append_title(std::uint32_t c, std::string& out) {
  const std::uint32_t title = static_cast<std::uint32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
  const Capitals* several = capitals_of(c);
  constexpr std::uint32_t kSharpS = 0xDF, kApostropheN = 0x149, kIota = 0x399, kIotaBelow = 0x345;
  if (c == kApostropheN || (several == nullptr && later_upper(c) != c)) return append_upper(c, out);
  const bool is_title = utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_LT;
  if (several == nullptr || is_title || (title != c && c != kSharpS)) return append_utf8(title, out);
  append_utf8(several->large[0], out);
  for (const std::uint32_t large : {several->large[1], several->large[2]}) {
    if (large != 0) append_utf8(large == kIota ? kIotaBelow : simple_lower(large), out);
  }
}

}  // namespace

std::string upper(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) append_upper(next_char(text, at), out);
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    next_char(text, at);
    append_lower(text, begin, at, out);
  }
  return out;
}

std::string title(std::string_view text) {
  std::string out;
  bool within = false;  // a word
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const std::uint32_t c = next_char(text, at);
    if (within) append_lower(text, begin, at, out);
    else append_title(c, out);
    within = is_cased(c);
  }
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const std::uint32_t c = next_char(text, at);
    if (begin == 0) append_title(c, out);
    else append_lower(text, begin, at, out);
  }
  return out;
}

}  // namespace nudge::python
