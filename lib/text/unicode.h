// What a tokenizer needs of Unicode: character classes as in the reference engine, UTF-8, NFC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nudge {

// Each character is exactly one of these: \p{L}, \p{N}, \s, anything else. \s is Unicode's White_Space:
// U+0085 is in it, U+FEFF and U+180E are not.
enum class CharClass : std::uint8_t { kOther, kLetter, kNumber, kSpace };

// A table of the class of every character, in pages of 256; equal pages are stored once.
class CharClasses {
 public:
  static const CharClasses& get();
  CharClass ascii(unsigned char c) const { return static_cast<CharClass>(cells_[c]); }  // page 0 is stored first
  CharClass operator[](std::uint32_t c) const { return static_cast<CharClass>(cells_[pages_[c >> 8] + (c & 255)]); }

 private:
  CharClasses();
  std::uint32_t pages_[0x1100];
  std::string cells_;  // of chars, which are filled and compared by memset and memcmp: programs make this as they start
};

// Numeric as in the Digits pre-tokenizer: \p{N} of the next Unicode version.
bool is_numeric(std::uint32_t c);

// \w: alphabetic characters, marks, decimal digits, connecting punctuation, joiners.
bool is_word(std::uint32_t c);

// The general category, two letters such as "Lu"; whether one or two letters name a category.
std::string_view category_of(std::uint32_t c);
bool is_category(std::string_view name);

// The character that starts at `at` in valid UTF-8; `at` moves past it.
inline std::uint32_t next_char(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t lead = byte(at);
  if (lead < 0x80) return ++at, lead;
  if (lead < 0xE0) return at += 2, (lead & 31) << 6 | (byte(at - 1) & 63);
  if (lead < 0xF0) return at += 3, (lead & 15) << 12 | (byte(at - 2) & 63) << 6 | (byte(at - 1) & 63);
  at += 4;
  return (lead & 7) << 18 | (byte(at - 3) & 63) << 12 | (byte(at - 2) & 63) << 6 | (byte(at - 1) & 63);
}

// The character that ends before `end` (> 0) in valid UTF-8; `end` moves to its start.
std::uint32_t previous_char(std::string_view text, std::size_t& end);

void append_utf8(std::uint32_t c, std::string& out);

// The length of the longest valid prefix: text.size() if all of it is UTF-8.
std::size_t valid_utf8_prefix(std::string_view text);

// The bytes at the end of `bytes` that are the incomplete beginning of a character; empty if there are none.
std::string_view begun_character(std::string_view bytes);

// `bytes` with each maximal subpart that is not UTF-8 replaced by U+FFFD (Unicode, chapter 3, "U+FFFD
// substitution of maximal subparts"; what Python's and Rust's lossy decoders do).
std::string lossy_utf8(std::string_view bytes);

// Canonical composition of valid UTF-8 with the tables of Unicode 12.1, like the reference engine: later characters
// neither compose nor are reordered.
std::string nfc(std::string_view text);

}  // namespace nudge
