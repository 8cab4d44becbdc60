// Which examples make a minibatch, and which of them go through the model together.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace nudge {

// Runs [begin, end) of items whose sizes add up to at most `limit`; an item larger than that is a run of its own.
// A micro-batch is such a run: it bounds memory and, by the law (g), changes no bit.
std::vector<std::pair<std::int64_t, std::int64_t>> runs_within(std::span<const std::int64_t> sizes, std::int64_t limit);

// The order that records are put in before anything depends on it: by id, length first, then bytes.
bool id_less(std::string_view a, std::string_view b);

}  // namespace nudge
