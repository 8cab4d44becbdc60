// GPT-2's mapping of bytes to printable characters, which lets a JSON vocabulary hold tokens that are bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nudge {

// The character for a byte: itself if printable (33-126, 161-172, 174-255), else U+0100 and up in byte order.
std::uint32_t byte_level_char(unsigned char byte);

// The byte at index `rank` (0 to 255) in the order of those characters, which is GPT-2's order of its first tokens.
unsigned char byte_level_order(int rank);

// `bytes` in those characters, as UTF-8.
std::string to_byte_level(std::string_view bytes);

// The bytes of `token` (valid UTF-8); false if it holds any other character.
bool from_byte_level(std::string_view token, std::string& bytes);

}  // namespace nudge
