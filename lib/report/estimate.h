// Means with standard errors, clustered by sequence: tokens of one response are not independent, so an error that
// counted tokens would be too small (docs/mathematics.md, 12).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/rl/step_metrics.h"

namespace nudge {

// Undefined values are absent: the mean of no data, the error of fewer than two samples. JSON writes null, tables leave
// the cell empty.
struct Estimate {
  std::optional<double> mean;
  std::optional<double> standard_error;
};

struct TwoUnits {
  Estimate per_token, per_sequence;
};

// One value per response token of n sequences, back to back. Every statistic is computed from this store, so it depends
// only on the order of the sequences, not on how they were batched.
class SequenceValues {
 public:
  void append(std::span<const float> sequence);
  // Sequence i becomes the former sequence order[i]; `order` is a permutation.
  void reorder(std::span<const std::size_t> order);

  std::size_t sequences() const { return begin_.size() - 1; }
  std::size_t tokens() const { return values_.size(); }
  std::size_t longest() const;  // tokens
  std::span<const float> operator[](std::size_t i) const {
    return std::span<const float>(values_).subspan(begin_[i], begin_[i + 1] - begin_[i]);
  }
  std::span<const float> all() const { return values_; }

 private:
  std::vector<float> values_;
  std::vector<std::size_t> begin_{0};
};

using TokenFunction = double (*)(double);
inline double identity(double x) { return x; }

// Per sequence: the mean over sequences of sum f(value), with error sd/sqrt(n), sd with n - 1.
// Per token: m = sum of all f(value) / number of tokens, a ratio of two sums over sequences, with the
// cluster-robust (linearised) error sqrt(n/(n-1) sum_i (S_i - m T_i)^2) / sum_i T_i, where S_i and T_i are the sum and
// the length of sequence i (Cochran 1977, 6.4). Sequences without tokens count in the former, with sum 0.
TwoUnits estimate(const SequenceValues& values, TokenFunction f);

// The mean of independent samples, error sd/sqrt(n), sd with n - 1.
Estimate estimate(std::span<const double> samples);
Estimate estimate(const Moments& samples);

// "2.57 +- 0.13": the mean with the digits that its error allows, those down to the second significant one of the error.
// Four significant digits of a mean whose error is unknown or 0; "?" for no data. Every figure of a tally is written so.
std::string figure_text(const Estimate& e);
std::string figure_text(double without_error, int digits = 4);

// For each position t of the response: one sample per sequence longer than t.
struct PositionMean {
  std::size_t sequences;
  Estimate value;
};
std::vector<PositionMean> by_position(const SequenceValues& values, TokenFunction f);

// Quantile p (0 to 1) of ascending numbers, interpolated linearly between the two nearest (numpy's default, Hyndman and
// Fan's type 7). Empty for no numbers. Throws kUsage for p outside 0 to 1.
std::optional<double> quantile(std::span<const double> ascending, double p);

}  // namespace nudge
