// GPT-2's way to write bytes as printable characters: a vocabulary holds texts, tokens are bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nudge {

// The character that stands for a byte: itself where it is printable (33-126, 161-172, 174-255), else
// U+0100 and up in the order of the bytes.
std::uint32_t byte_level_char(unsigned char byte);

// The byte at place `rank` (0 to 255) in the order of those characters, in which GPT-2 numbers its first tokens.
unsigned char byte_level_order(int rank);

// `bytes` in those characters, as UTF-8.
std::string to_byte_level(std::string_view bytes);

// The bytes that `token` (valid UTF-8) stands for; false where it holds any other character.
bool from_byte_level(std::string_view token, std::string& bytes);

}  // namespace nudge
