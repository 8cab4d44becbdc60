#include "lib/text/unicode.h"

#include <simdjson.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <new>

#include "lib/text/unicode_tables.h"

namespace nudge {
namespace {

const CodePointRange space_ranges[] = {{0x9, 0xD},       {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                                       {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                       {0x205F, 0x205F}, {0x3000, 0x3000}};

// The length of the well-formed sequence at `at`, or minus the length of the maximal subpart there
// (The Unicode Standard, table 3-7).
int sequence_at(std::string_view s, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0; };
  const int lead = byte(at);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return -1;
  const int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const int low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const int high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(at + 1) < low || byte(at + 1) > high) return -1;
  for (int i = 2; i < length; ++i) {
    if ((byte(at + static_cast<std::size_t>(i)) & 0xC0) != 0x80) return -i;
  }
  return length;
}

void append_nfc(std::string_view run, std::string& out) {
  if (run.empty()) return;
  utf8proc_uint8_t* composed = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(run.data()), static_cast<utf8proc_ssize_t>(run.size()),
                   &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (length < 0) throw std::bad_alloc();  // the only possible cause, since the text is valid
  out.append(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length));
  std::free(composed);
}

// NFC of Unicode 12.1, whatever utf8proc's version: later characters are neither composed nor reordered, and separate
// their neighbours.
void append_nfc_without_later(std::string_view text, std::string& out) {
  std::size_t run = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (!among(next_char(text, at), later_in_nfc, later_in_nfc_count)) continue;
    append_nfc(text.substr(run, begin - run), out);
    out += text.substr(begin, at - begin);
    run = at;
  }
  append_nfc(text.substr(run), out);
}

}  // namespace

CharClasses::CharClasses() {
  std::string flat(0x110000, static_cast<char>(CharClass::kOther));
  const auto set = [&](const CodePointRange* ranges, int count, CharClass value) {
    for (int i = 0; i < count; ++i) {
      std::fill(flat.begin() + ranges[i].first, flat.begin() + ranges[i].last + 1, static_cast<char>(value));
    }
  };
  set(letter_ranges, letter_range_count, CharClass::kLetter);
  set(number_ranges, number_range_count, CharClass::kNumber);
  set(space_ranges, static_cast<int>(std::size(space_ranges)), CharClass::kSpace);
  std::map<std::string, std::uint32_t> stored;
  for (std::uint32_t page = 0; page < 0x1100; ++page) {
    const auto [at, fresh] = stored.emplace(flat.substr(page * 256, 256), static_cast<std::uint32_t>(cells_.size()));
    if (fresh) cells_ += at->first;
    pages_[page] = at->second;
  }
}

const CharClasses& CharClasses::get() {
  static const CharClasses classes;
  return classes;
}

bool is_numeric(std::uint32_t c) {
  if ((c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6)) return true;
  return CharClasses::get()[c] == CharClass::kNumber;
}

bool is_word(std::uint32_t c) {
  if (CharClasses::get()[c] == CharClass::kLetter) return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    default:  // joiners, then the symbols that are Other_Alphabetic: circled and squared letters
      return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
             (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  }
}

std::string_view category_of(std::uint32_t c) { return utf8proc_category_string(static_cast<utf8proc_int32_t>(c)); }

bool is_category(std::string_view name) {
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    if (!name.empty() && category_of(c).starts_with(name)) return true;
  }
  return false;
}

std::uint32_t previous_char(std::string_view text, std::size_t& end) {
  do {
    --end;
  } while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  std::size_t at = end;
  return next_char(text, at);
}

void append_utf8(std::uint32_t c, std::string& out) {
  utf8proc_uint8_t bytes[4];
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
}

std::size_t valid_utf8_prefix(std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) return text.size();
  std::size_t at = 0;
  while (at < text.size()) {
    const int n = sequence_at(text, at);
    if (n < 0) break;
    at += static_cast<std::size_t>(n);
  }
  return at;
}

std::string_view begun_character(std::string_view bytes) {
  for (std::size_t n = 1; n <= std::min<std::size_t>(3, bytes.size()); ++n) {
    const std::string_view tail = bytes.substr(bytes.size() - n);
    if ((static_cast<unsigned char>(tail[0]) & 0xC0) == 0x80) continue;  // inside a character
    if (valid_utf8_prefix(tail) > 0) break;
    // Every incomplete character is completed by the lowest or the highest continuation bytes.
    const bool begun = valid_utf8_prefix(std::string(tail) + "\x80\x80\x80") > 0 ||
                       valid_utf8_prefix(std::string(tail) + "\xBF\xBF\xBF") > 0;
    return begun ? tail : std::string_view();
  }
  return {};
}

std::string lossy_utf8(std::string_view bytes) {
  if (simdjson::validate_utf8(bytes.data(), bytes.size())) return std::string(bytes);
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    const int n = sequence_at(bytes, at);
    const std::size_t length = static_cast<std::size_t>(std::abs(n));
    out += n > 0 ? bytes.substr(at, length) : std::string_view("\xEF\xBF\xBD");
    at += length;
  }
  return out;
}

std::string nfc(std::string_view text) {
  // A character below U+0300, with a lead byte of at most 0xCB, never changes by itself and never composes with the one
  // before it. So only runs of other characters are examined, each with the character before it.
  const auto high = [&](std::size_t i) { return static_cast<unsigned char>(text[i]) > 0xCB; };
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!high(at)) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    if (begin > done) previous_char(text, begin);
    while (at < text.size() && high(at)) next_char(text, at);
    out.append(text, done, begin - done);
    append_nfc_without_later(text.substr(begin, at - begin), out);
    done = at;
  }
  return out.append(text, done);
}

}  // namespace nudge
