#include "lib/text/byte_level.h"

#include <array>

#include "lib/text/unicode.h"

namespace nudge {
namespace {

struct Table {
  std::array<std::uint32_t, 256> to_char{};
  std::array<std::int16_t, 512> to_byte{};
  std::array<unsigned char, 256> order{};
  Table() {
    to_byte.fill(-1);
    std::uint32_t unprintable = 0;
    for (unsigned b = 0; b < 256; ++b) {
      const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b != 173);
      to_char[b] = printable ? b : 256 + unprintable++;
      to_byte[to_char[b]] = static_cast<std::int16_t>(b);
    }
    std::size_t rank = 0;
    for (const std::int16_t b : to_byte) {
      if (b >= 0) order[rank++] = static_cast<unsigned char>(b);
    }
  }
};
const Table& table() {
  static const Table made;
  return made;
}

}  // namespace

std::uint32_t byte_level_char(unsigned char byte) { return table().to_char[byte]; }

unsigned char byte_level_order(int rank) { return table().order[static_cast<std::size_t>(rank)]; }

std::string to_byte_level(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_utf8(byte_level_char(static_cast<unsigned char>(c)), out);
  return out;
}

bool from_byte_level(std::string_view token, std::string& bytes) {
  bytes.clear();
  for (std::size_t at = 0; at < token.size();) {
    const std::uint32_t c = next_char(token, at);
    if (c >= table().to_byte.size() || table().to_byte[c] < 0) return false;
    bytes += static_cast<char>(table().to_byte[c]);
  }
  return true;
}

}  // namespace nudge
