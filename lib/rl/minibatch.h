// How items are divided: into micro-batches, parts of a minibatch, shares of ranks.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace nudge {

// Consecutive runs [begin, end) of items whose sizes add up to at most `limit`; a larger item is a run of its own.
// A micro-batch is such a run: it bounds memory and, by the law (g), changes no bit.
std::vector<std::pair<std::int64_t, std::int64_t>> runs_within(std::span<const std::int64_t> sizes, std::int64_t limit);

// Divides n items into `runs` contiguous runs; run i holds items floor(n i/runs) to floor(n (i+1)/runs) - 1 and may be
// empty. The parts of a minibatch's gradient (g) are cut so, whatever their members' sizes.
std::int64_t run_begin(std::int64_t n, std::int64_t runs, std::int64_t i);

// This rank's share [begin, end), balanced by size. For gathered per-item results only, so the split cannot affect any
// bit.
std::pair<std::size_t, std::size_t> share_of(std::span<const std::int64_t> sizes);

// The order of records wherever order matters: by id, shorter ones first, then bytewise.
bool id_less(std::string_view a, std::string_view b);

}  // namespace nudge
