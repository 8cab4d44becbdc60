// How far judges agree beyond chance: Cohen's and Fleiss' kappa (docs/mathematics.md, 19).
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nudge {

// What judges say of a pair: its first answer is better, its second, or neither.
constexpr std::size_t kVerdicts = 3;

// The verdicts on one pair. Pairs of the same cluster (prompt) are not independent.
struct RatedPair {
  std::string cluster;
  std::vector<std::array<double, kVerdicts>>
      verdicts;  // of each judge, in the judges' order: 1 at what it said, else 0
                 // everywhere: it said nothing
};

struct Agreement {
  std::size_t pairs = 0;                 // with two verdicts or more
  std::optional<double> observed;        // the share of agreeing verdicts; absent for no pairs
  std::optional<double> kappa;           // absent where chance alone would agree always
  std::optional<double> standard_error;  // of kappa: the jackknife's over clusters; absent for fewer than 2
};

// Of two judges, whose shares of each verdict are their own (Cohen 1960). Pairs that only one judged are left out.
Agreement cohens_kappa(std::span<const RatedPair> pairs);
// Of any number of judges, not all of whom need have judged each pair (Fleiss 1971; Gwet 2014 for the latter).
Agreement fleiss_kappa(std::span<const RatedPair> pairs);

}  // namespace nudge
