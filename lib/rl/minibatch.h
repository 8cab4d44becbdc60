// Which examples make a minibatch, and which of them go through the model together.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace nudge {

// Runs [begin, end) of items whose sizes add up to at most `limit`; an item larger than that is a run of its own.
// A micro-batch is such a run: it bounds memory and, by the law (g), changes no bit.
std::vector<std::pair<std::int64_t, std::int64_t>> runs_within(std::span<const std::int64_t> sizes, std::int64_t limit);

// Where run i of `runs` contiguous ones of n items begins; the last ends where run `runs` would begin. So the law's
// groups (g) are cut, whatever their members' sizes. Runs are empty where there are more of them than items.
std::int64_t run_begin(std::int64_t n, std::int64_t runs, std::int64_t i);

// The run [begin, end) of items that is this rank's where nothing is added up and the figures are gathered, so that how
// they are dealt can't change a bit: by their sizes.
std::pair<std::size_t, std::size_t> share_of(std::span<const std::int64_t> sizes);

// The order that records are put in before anything depends on it: by id, length first, then bytes.
bool id_less(std::string_view a, std::string_view b);

}  // namespace nudge
