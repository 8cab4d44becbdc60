// Counts in equal bins between round numbers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nudge {

// Of several sets of numbers in common bins. Bin b is [edges[b], edges[b + 1]); the last one has its upper edge, too.
struct Histogram {
  std::vector<double> edges;  // ascending, multiples of a step of 1, 2 or 5 times 10^k; empty: no numbers
  std::vector<std::vector<std::int64_t>> counts;  // [set][bin]
  std::vector<std::int64_t> below, above;         // [set]: how many of the end bins' lie beyond their edges
};

// About 20 bins, 10 to 30. Where a few numbers lie far out, the edges span the middle 99 % of all (with two of its
// widths on either side), and the end bins hold the rest. Numbers that are not finite count in below and above. Values that
// are all whole numbers get bins of whole widths.
Histogram histogram(std::span<const std::vector<double>> sets);

}  // namespace nudge
