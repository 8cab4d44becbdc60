// The two skippable zstd frames that open and close a stream written by nudge. Internal to lib/io.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/io/stream.h"

namespace nudge {

constexpr std::uint32_t kFrameMagic = 0xFD2FB528;  // zstd's, little endian
constexpr std::uint32_t kMarkMagic = 0x184D2A5B;   // one of the 16 of skippable frames
constexpr std::size_t kLongestMark = 4096;         // bytes of payload

// The complete skippable frame: magic, size, one line of JSON, the digest of that line.
std::string encode_mark(const StreamMark& mark);

// Whether a skippable frame's payload claims to be a mark; and its content, if the digest matches.
bool claims_to_be_mark(std::string_view payload);
std::optional<StreamMark> decode_mark(std::string_view payload);

std::uint32_t little_endian(const char* bytes);

}  // namespace nudge
