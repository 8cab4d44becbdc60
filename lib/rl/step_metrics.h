// Named metrics of one step, written as one line of JSON, and the running statistics behind some of them.
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

// Kept in the order in which they were first set. Names are those of other trainers (objective/kl, policy/approxkl_avg,
// loss/value_avg ...), so that existing dashboards read them.
class Metrics {
 public:
  // Errors: kBadInput naming the metric where the value is not finite (training has diverged); kInternal where the name
  // is not plain ASCII without quotes and backslashes.
  void set(std::string_view name, double value);
  void set(std::string_view name, std::optional<double> value);  // nothing becomes null

  // What is no number and stands behind the numbers: valid JSON on one line, kept verbatim.
  void attach(std::string_view name, std::string json);

  // None where the metric is absent or null.
  std::optional<double> get(std::string_view name) const;

  // All of them, in their order; nothing is null.
  const std::vector<std::pair<std::string, std::optional<double>>>& entries() const { return entries_; }

  // {"name":value,...} without a newline. Values in the shortest form that reads back to the same double; whole numbers
  // below 2^53 without an exponent.
  std::string json() const;

 private:
  std::vector<std::pair<std::string, std::optional<double>>> entries_;
  std::vector<std::pair<std::string, std::string>> attached_;
};

// Running weighted mean and variance (Welford), in the order of the numbers.
class Moments {
 public:
  void add(double value, double weight = 1);  // weight > 0: tokens of a sequence, say
  std::size_t count() const { return count_; }
  std::optional<double> mean() const;      // none before the first add
  std::optional<double> variance() const;  // biased

  // The whole state as f(name, number), to save it or restore it.
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

// 1 - var(returns - values)/var(returns), over N tokens: 1 is a perfect critic, 0 is no better than a constant
// (docs/mathematics.md, 5). None where the returns don't vary.
std::optional<double> explained_variance(std::span<const float> values, std::span<const float> returns);

}  // namespace nudge
