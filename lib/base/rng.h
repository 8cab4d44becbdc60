// Random numbers as a pure function of (seed, stream, position): Philox4x32-10 (Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011). There is no state, so that batches, shards and threads can't change a
// record's draws: law (h).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nudge {

// The block of four 32-bit words for counter (position, stream) under key `seed`.
std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t position);

// A number in [0, 1) with 53 random bits.
double uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t position);

// A number from N(0, 1) by the Box-Muller transform, computed with scalar_math.h.
double normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t position);

// The stream of a text such as a record's id (XXH3, 64 bits).
std::uint64_t stream_of(std::string_view text);

// A permutation of 0..n-1 (Fisher-Yates).
std::vector<std::int64_t> permutation(std::int64_t n, std::uint64_t seed, std::uint64_t stream);

}  // namespace nudge
