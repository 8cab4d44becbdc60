// Tables of the Unicode Character Database, each in order. Internal to lib/text.
#pragma once

#include <cstdint>

namespace nudge {

struct CodePointRange {
  std::uint32_t first, last;
};
struct Capitals {  // a character whose capital is several: 2 or 3, then 0
  std::uint32_t small, large[3];
};

extern const CodePointRange letter_ranges[], number_ranges[], cased_ranges[], case_ignorable_ranges[];
extern const int letter_range_count, number_range_count, cased_range_count, case_ignorable_range_count;
extern const Capitals capitals[];
extern const int capitals_count;

}  // namespace nudge
