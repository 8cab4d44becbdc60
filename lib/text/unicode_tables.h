// Tables of the Unicode Character Database, each in order. Internal to lib/text.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nudge {

struct CodePointRange {
  std::uint32_t first, last;
};
struct CasePair {
  std::uint32_t small, capital;
};
struct Capitals {  // a character whose capital is several: 2 or 3, then 0
  std::uint32_t small, large[3];
};

extern const CodePointRange letter_ranges[], number_ranges[], cased_ranges[], case_ignorable_ranges[];
extern const int letter_range_count, number_range_count, cased_range_count, case_ignorable_range_count;
extern const Capitals capitals[];
extern const int capitals_count;
extern const CasePair later_pairs[];
extern const int later_pair_count;
extern const CodePointRange later_in_nfc[];
extern const int later_in_nfc_count;

// Whether c is in one of the ranges.
inline bool among(std::uint32_t c, const CodePointRange* ranges, int count) {
  const auto below = [](std::uint32_t x, const CodePointRange& range) { return x < range.first; };
  const CodePointRange* const after = std::upper_bound(ranges, ranges + count, c, below);
  return after != ranges && c <= (after - 1)->last;
}

}  // namespace nudge
