#include "lib/report/histogram.h"

#include <algorithm>
#include <cmath>

#include "lib/report/estimate.h"

namespace nudge {
namespace {

constexpr double kMostBins = 20;

// width * 10^exponent, a bin's width; edges are its multiples. Divided where the exponent is negative: 3/10 is the double
// nearest to 0.3, and 3 * 0.1 is not.
struct Step {
  double digit = 1;
  int exponent = 0;

  double times(double k) const {
    double power = 1;
    for (int i = 0; i < std::abs(exponent); ++i) power *= 10;
    return exponent < 0 ? k * digit / power : k * digit * power;
  }
};

// The least of 1, 2, 5 times 10^k of which `range` holds at most kMostBins.
Step step_of(double range) {
  constexpr int kLeast = -300, kMost = 300;
  Step step{1, 0};
  while (step.exponent > kLeast && step.times(kMostBins) >= range) --step.exponent;
  while (step.exponent < kMost && step.times(kMostBins) < range) {
    if (step.digit == 5) step = {1, step.exponent + 1};
    else step.digit = step.digit == 1 ? 2 : 5;
  }
  return step;
}

// The edges around low to high.
std::vector<double> edges_of(double low, double high, bool whole) {
  const double middle = std::fabs(low) > 0 ? std::fabs(low) / 10 : 1;
  Step step = step_of(high > low ? high - low : middle);
  if (whole && step.exponent < 0) step = {1, 0};
  const double width = step.times(1);
  double first = std::floor(low / width), last = std::floor(high / width) + 1;
  while (step.times(first) > low) --first;  // the quotients are rounded
  while (step.times(last) <= high) ++last;
  std::vector<double> edges;
  for (double k = first; k <= last; ++k) edges.push_back(step.times(k));
  return edges;
}

void put_in_bin(double x, Histogram& h, std::size_t set) {
  const std::size_t bins = h.edges.size() - 1;
  const auto above = std::upper_bound(h.edges.begin(), h.edges.end(), x) - h.edges.begin();
  h.below[set] += above == 0;
  h.above[set] += x >= h.edges.back();
  ++h.counts[set][above == 0 ? 0 : std::min(static_cast<std::size_t>(above) - 1, bins - 1)];
}

}  // namespace

Histogram histogram(std::span<const std::vector<double>> sets) {
  std::vector<double> all;
  for (const auto& set : sets)
    std::copy_if(set.begin(), set.end(), std::back_inserter(all), [](double x) { return std::isfinite(x); });
  Histogram h;
  if (all.empty()) return h;
  std::sort(all.begin(), all.end());
  const double low = *quantile(all, 0.005), high = *quantile(all, 0.995), margin = 2 * (high - low);
  const bool whole = std::all_of(all.begin(), all.end(), [](double x) { return x == std::floor(x); });
  h.edges = edges_of(std::max(all.front(), low - margin), std::min(all.back(), high + margin), whole);
  h.counts.assign(sets.size(), std::vector<std::int64_t>(h.edges.size() - 1, 0));
  h.below.assign(sets.size(), 0), h.above.assign(sets.size(), 0);
  for (std::size_t s = 0; s < sets.size(); ++s)
    for (const double x : sets[s])
      if (!std::isnan(x)) put_in_bin(x, h, s);
  return h;
}

}  // namespace nudge
