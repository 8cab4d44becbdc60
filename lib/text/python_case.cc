// Case as Python's str changes it. utf8proc knows the mappings of one character to one; those to several are
// SpecialCasing.txt's.
#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "lib/text/python_text.h"
#include "lib/text/unicode.h"

namespace nudge::python {
namespace {

// Characters whose capital is several, in order (SpecialCasing.txt, without its conditions).
struct Capitals {
  std::uint32_t small, large[3];
};
// clang-format off
constexpr Capitals kCapitals[] = {
    {0xDF, {0x53, 0x53}}, {0x149, {0x2BC, 0x4E}}, {0x1F0, {0x4A, 0x30C}}, {0x390, {0x399, 0x308, 0x301}},
    {0x3B0, {0x3A5, 0x308, 0x301}}, {0x587, {0x535, 0x552}}, {0x1E96, {0x48, 0x331}}, {0x1E97, {0x54, 0x308}},
    {0x1E98, {0x57, 0x30A}}, {0x1E99, {0x59, 0x30A}}, {0x1E9A, {0x41, 0x2BE}}, {0x1F50, {0x3A5, 0x313}},
    {0x1F52, {0x3A5, 0x313, 0x300}}, {0x1F54, {0x3A5, 0x313, 0x301}}, {0x1F56, {0x3A5, 0x313, 0x342}},
    {0x1F80, {0x1F08, 0x399}}, {0x1F81, {0x1F09, 0x399}}, {0x1F82, {0x1F0A, 0x399}}, {0x1F83, {0x1F0B, 0x399}},
    {0x1F84, {0x1F0C, 0x399}}, {0x1F85, {0x1F0D, 0x399}}, {0x1F86, {0x1F0E, 0x399}}, {0x1F87, {0x1F0F, 0x399}},
    {0x1F88, {0x1F08, 0x399}}, {0x1F89, {0x1F09, 0x399}}, {0x1F8A, {0x1F0A, 0x399}}, {0x1F8B, {0x1F0B, 0x399}},
    {0x1F8C, {0x1F0C, 0x399}}, {0x1F8D, {0x1F0D, 0x399}}, {0x1F8E, {0x1F0E, 0x399}}, {0x1F8F, {0x1F0F, 0x399}},
    {0x1F90, {0x1F28, 0x399}}, {0x1F91, {0x1F29, 0x399}}, {0x1F92, {0x1F2A, 0x399}}, {0x1F93, {0x1F2B, 0x399}},
    {0x1F94, {0x1F2C, 0x399}}, {0x1F95, {0x1F2D, 0x399}}, {0x1F96, {0x1F2E, 0x399}}, {0x1F97, {0x1F2F, 0x399}},
    {0x1F98, {0x1F28, 0x399}}, {0x1F99, {0x1F29, 0x399}}, {0x1F9A, {0x1F2A, 0x399}}, {0x1F9B, {0x1F2B, 0x399}},
    {0x1F9C, {0x1F2C, 0x399}}, {0x1F9D, {0x1F2D, 0x399}}, {0x1F9E, {0x1F2E, 0x399}}, {0x1F9F, {0x1F2F, 0x399}},
    {0x1FA0, {0x1F68, 0x399}}, {0x1FA1, {0x1F69, 0x399}}, {0x1FA2, {0x1F6A, 0x399}}, {0x1FA3, {0x1F6B, 0x399}},
    {0x1FA4, {0x1F6C, 0x399}}, {0x1FA5, {0x1F6D, 0x399}}, {0x1FA6, {0x1F6E, 0x399}}, {0x1FA7, {0x1F6F, 0x399}},
    {0x1FA8, {0x1F68, 0x399}}, {0x1FA9, {0x1F69, 0x399}}, {0x1FAA, {0x1F6A, 0x399}}, {0x1FAB, {0x1F6B, 0x399}},
    {0x1FAC, {0x1F6C, 0x399}}, {0x1FAD, {0x1F6D, 0x399}}, {0x1FAE, {0x1F6E, 0x399}}, {0x1FAF, {0x1F6F, 0x399}},
    {0x1FB2, {0x1FBA, 0x399}}, {0x1FB3, {0x391, 0x399}}, {0x1FB4, {0x386, 0x399}}, {0x1FB6, {0x391, 0x342}},
    {0x1FB7, {0x391, 0x342, 0x399}}, {0x1FBC, {0x391, 0x399}}, {0x1FC2, {0x1FCA, 0x399}}, {0x1FC3, {0x397, 0x399}},
    {0x1FC4, {0x389, 0x399}}, {0x1FC6, {0x397, 0x342}}, {0x1FC7, {0x397, 0x342, 0x399}}, {0x1FCC, {0x397, 0x399}},
    {0x1FD2, {0x399, 0x308, 0x300}}, {0x1FD3, {0x399, 0x308, 0x301}}, {0x1FD6, {0x399, 0x342}},
    {0x1FD7, {0x399, 0x308, 0x342}}, {0x1FE2, {0x3A5, 0x308, 0x300}}, {0x1FE3, {0x3A5, 0x308, 0x301}},
    {0x1FE4, {0x3A1, 0x313}}, {0x1FE6, {0x3A5, 0x342}}, {0x1FE7, {0x3A5, 0x308, 0x342}}, {0x1FF2, {0x1FFA, 0x399}},
    {0x1FF3, {0x3A9, 0x399}}, {0x1FF4, {0x38F, 0x399}}, {0x1FF6, {0x3A9, 0x342}}, {0x1FF7, {0x3A9, 0x342, 0x399}},
    {0x1FFC, {0x3A9, 0x399}}, {0xFB00, {0x46, 0x46}}, {0xFB01, {0x46, 0x49}}, {0xFB02, {0x46, 0x4C}},
    {0xFB03, {0x46, 0x46, 0x49}}, {0xFB04, {0x46, 0x46, 0x4C}}, {0xFB05, {0x53, 0x54}}, {0xFB06, {0x53, 0x54}},
    {0xFB13, {0x544, 0x546}}, {0xFB14, {0x544, 0x535}}, {0xFB15, {0x544, 0x53B}}, {0xFB16, {0x54E, 0x546}},
    {0xFB17, {0x544, 0x53D}},
};
// clang-format on

const Capitals* capitals_of(std::uint32_t c) {
  const auto found = std::lower_bound(std::begin(kCapitals), std::end(kCapitals), c,
                                      [](const Capitals& row, std::uint32_t x) { return row.small < x; });
  return found != std::end(kCapitals) && found->small == c ? found : nullptr;
}

// Pairs of Unicode 15 and 16, which older releases of utf8proc lack: the capital of a small letter, or c.
std::uint32_t newer_upper(std::uint32_t c) {
  switch (c) {
    case 0x19B: return 0xA7DC;
    case 0x264: return 0xA7CB;
    case 0x1C8A: return 0x1C89;
    case 0xA7CD: return 0xA7CC;
    case 0xA7DB: return 0xA7DA;
    default: return c >= 0x10D70 && c <= 0x10D85 ? c - 0x20 : c;
  }
}
std::uint32_t newer_lower(std::uint32_t c) {
  switch (c) {
    case 0xA7DC: return 0x19B;
    case 0xA7CB: return 0x264;
    case 0x1C89: return 0x1C8A;
    case 0xA7CC: return 0xA7CD;
    case 0xA7DA: return 0xA7DB;
    default: return c >= 0x10D50 && c <= 0x10D65 ? c + 0x20 : c;
  }
}

std::uint32_t simple_lower(std::uint32_t c) {
  const std::uint32_t newer = newer_lower(c);
  return newer != c ? newer : static_cast<std::uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

bool among(std::uint32_t c, const CodePointRange* begin, const CodePointRange* end) {
  const auto below = [](std::uint32_t x, const CodePointRange& range) { return x < range.first; };
  const CodePointRange* const after = std::upper_bound(begin, end, c, below);
  return after != begin && c <= (after - 1)->last;
}

// The property Cased: letters with case, and what Other_Lowercase, Other_Uppercase and newer versions add.
bool is_cased(std::uint32_t c) {
  // clang-format off
  static constexpr CodePointRange kOthers[] = {
      {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},     {0x2C0, 0x2C1},     {0x2E0, 0x2E4},
      {0x345, 0x345},     {0x37A, 0x37A},     {0x10FC, 0x10FC},   {0x1C89, 0x1C8A},   {0x1D2C, 0x1D6A},
      {0x1D78, 0x1D78},   {0x1D9B, 0x1DBF},   {0x2071, 0x2071},   {0x207F, 0x207F},   {0x2090, 0x209C},
      {0x2160, 0x217F},   {0x24B6, 0x24E9},   {0x2C7C, 0x2C7D},   {0xA69C, 0xA69D},   {0xA770, 0xA770},
      {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0xA7F2, 0xA7F4},   {0xA7F8, 0xA7F9},   {0xAB5C, 0xAB5F},
      {0xAB69, 0xAB69},   {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA},
      {0x10D50, 0x10D65}, {0x10D70, 0x10D85}, {0x1E030, 0x1E06D}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169},
      {0x1F170, 0x1F189}};
  // clang-format on
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT ||
         among(c, std::begin(kOthers), std::end(kOthers));
}

// The property Case_Ignorable: marks, modifiers, formats, punctuation that stands within words, and newer marks.
bool is_case_ignorable(std::uint32_t c) {
  // clang-format off
  static constexpr CodePointRange kOthers[] = {
      {0x27, 0x27},       {0x2E, 0x2E},       {0x3A, 0x3A},       {0xB7, 0xB7},       {0x387, 0x387},
      {0x55F, 0x55F},     {0x5F4, 0x5F4},     {0x897, 0x897},     {0x2018, 0x2019},   {0x2024, 0x2024},
      {0x2027, 0x2027},   {0xFE13, 0xFE13},   {0xFE52, 0xFE52},   {0xFE55, 0xFE55},   {0xFF07, 0xFF07},
      {0xFF0E, 0xFF0E},   {0xFF1A, 0xFF1A},   {0x10D4E, 0x10D4E}, {0x10D69, 0x10D6D}, {0x10D6F, 0x10D6F},
      {0x10EFC, 0x10EFC}, {0x113BB, 0x113C0}, {0x113CE, 0x113CE}, {0x113D0, 0x113D0}, {0x113D2, 0x113D2},
      {0x113E1, 0x113E2}, {0x11F5A, 0x11F5A}, {0x1611E, 0x16129}, {0x1612D, 0x1612F}, {0x16D40, 0x16D42},
      {0x16D6B, 0x16D6C}, {0x1E5EE, 0x1E5EF}};
  // clang-format on
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: return among(c, std::begin(kOthers), std::end(kOthers));
  }
}

constexpr std::uint32_t kSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;

// The small letter of the sigma at [begin, end): final behind a letter with none following.
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
  const std::uint32_t newer = newer_upper(c);
  append_utf8(newer != c ? newer : static_cast<std::uint32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))), out);
}

// The character at [begin, end).
void append_lower(std::string_view text, std::size_t begin, std::size_t end, std::string& out) {
  std::size_t at = begin;
  const std::uint32_t c = next_char(text, at);
  if (c == kSigma) return append_utf8(small_sigma(text, begin, end), out);
  if (c == 0x130) out += "i\xCC\x87";  // a capital I with a dot is i and the dot
  else append_utf8(simple_lower(c), out);
}

// Of several capitals the first stays large: all others become small, and a capital iota the one that stands below.
void append_title(std::uint32_t c, std::string& out) {
  const std::uint32_t title = static_cast<std::uint32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
  const Capitals* several = capitals_of(c);
  constexpr std::uint32_t kSharpS = 0xDF, kApostropheN = 0x149, kIota = 0x399, kIotaBelow = 0x345;
  if (c == kApostropheN || (several == nullptr && newer_upper(c) != c)) return append_upper(c, out);
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
