// Means with their standard errors, where the unit of sampling is the sequence: tokens of one response are
// not independent, so an error that counted tokens would be too small (docs/mathematics.md, 12).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace nudge {

// Nothing where a number is undefined: the mean of no data, an error from fewer than two samples. JSON says
// null, tables leave the place empty.
struct Estimate {
  std::optional<double> mean;
  std::optional<double> standard_error;
};

struct TwoUnits {
  Estimate per_token, per_sequence;
};

// A number per response token of each of n sequences, back to back: the store behind every figure, so that a
// figure depends on the sequences' order alone and not on how they were cut into parts.
class SequenceValues {
 public:
  void append(std::span<const float> sequence);
  // The i-th becomes what was the order[i]-th; `order` is a permutation.
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

// Per sequence: the mean of the sequences' sums of f(value), error sd/sqrt(n), sd with n - 1.
// Per token: m = sum of all f(value) / number of tokens, a ratio of two sums over sequences, with the
// cluster-robust (linearised) error sqrt(n/(n-1) sum_i (S_i - m T_i)^2) / sum_i T_i, S_i and T_i the sum and the
// length of sequence i (Cochran 1977, 6.4). Sequences without tokens count in the first, with sum 0.
TwoUnits estimate(const SequenceValues& values, TokenFunction f);

// The mean of independent samples, error sd/sqrt(n), sd with n - 1.
Estimate estimate(std::span<const double> samples);

// By position t of the response, over the sequences longer than t; each gives one sample.
struct PositionMean {
  std::size_t sequences;
  Estimate value;
};
std::vector<PositionMean> by_position(const SequenceValues& values, TokenFunction f);

// The quantile at p (0 to 1) of ascending numbers, interpolated linearly between the two nearest (numpy's
// default, Hyndman and Fan's type 7). Nothing for no numbers. Throws kUsage for p outside.
std::optional<double> quantile(std::span<const double> ascending, double p);

}  // namespace nudge
