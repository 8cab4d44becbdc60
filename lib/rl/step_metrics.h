// Named figures of one step, written as one line of JSON, and the accumulators behind some of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nudge {

// In the order in which they were first set. Names are those other trainers use (objective/kl,
// policy/approxkl_avg, loss/value_avg ...), so that existing dashboards read them.
class Metrics {
 public:
  // Throws kBadInput naming the metric where the value is not finite (training has diverged), kInternal where
  // the name is not plain ASCII without quotes and backslashes.
  void set(std::string_view name, double value);
  void set(std::string_view name, std::optional<double> value);  // nothing becomes null

  // Nothing where the metric is absent or null.
  std::optional<double> get(std::string_view name) const;

  // {"name":value,...} without a line end. Values in the shortest form that reads back to the same double;
  // whole numbers below 2^53 without an exponent.
  std::string json() const;

 private:
  std::vector<std::pair<std::string, std::optional<double>>> entries_;
};

// Weighted mean and variance of a stream, in the order of its numbers (Welford).
class Moments {
 public:
  void add(double value, double weight = 1);  // weight > 0: tokens of a sequence, say
  std::size_t count() const { return count_; }
  std::optional<double> mean() const;      // nothing where nothing was added, as all of these
  std::optional<double> variance() const;  // biased

  // All that it holds, as f(name, number), for what writes it down and reads it back.
  template <class F>
  void visit(F&& f) {
    auto count = static_cast<std::int64_t>(count_);
    f("count", count), f("weight", weight_), f("mean", mean_), f("squares", squares_);
    count_ = static_cast<std::size_t>(count);
  }

 private:
  std::size_t count_ = 0;
  double weight_ = 0, mean_ = 0, squares_ = 0;
};

// 1 - var(returns - values)/var(returns), for critic/vf_explained_var: 1 is a perfect critic, 0 is no better
// than a constant (docs/mathematics.md, 5). Nothing where the returns don't vary. Both are (N), N tokens.
std::optional<double> explained_variance(std::span<const float> values, std::span<const float> returns);

}  // namespace nudge
