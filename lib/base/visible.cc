#include "lib/base/visible.h"

#include <cstddef>

namespace nudge {
namespace {

// The length of the UTF-8 character at the start of `text`, or 0 if it is invalid: overlong, a surrogate, or beyond
// U+10FFFF (Unicode, table 3-7).
std::size_t character_size(std::string_view text) {
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned lead = byte(0), second = byte(1);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4 || !follows(1)) return 0;
  if (lead < 0xE0) return 2;
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || !follows(2)) return 0;
  if (lead < 0xF0) return 3;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F) || !follows(3)) return 0;
  return 4;
}

}  // namespace

std::string visible(std::string_view text, VisibleBlanks blanks) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const auto lead = static_cast<unsigned char>(text[0]);
    const auto last = static_cast<unsigned char>(text[size == 2 ? 1 : 0]);
    const bool control = size == 1 ? lead < 0x20 || lead == 0x7F : size == 2 && lead == 0xC2 && last < 0xA0;
    if (lead == '\n') {
      out += blanks.newline;
    } else if (lead == '\t') {
      out += blanks.tab;
    } else if (control || size == 0) {
      out += {'\\', 'x', kDigits[last >> 4], kDigits[last & 15]};  // U+009B is C2 9B: its last byte is its number
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace nudge
