#include "lib/report/estimate.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "lib/base/error.h"

namespace nudge {

void SequenceValues::append(std::span<const float> sequence) {
  values_.insert(values_.end(), sequence.begin(), sequence.end());
  begin_.push_back(values_.size());
}

void SequenceValues::reorder(std::span<const std::size_t> order) {
  SequenceValues sorted;
  for (const std::size_t i : order) sorted.append((*this)[i]);
  *this = std::move(sorted);
}

std::size_t SequenceValues::longest() const {
  std::size_t most = 0;
  for (std::size_t i = 0; i < sequences(); ++i) most = std::max(most, begin_[i + 1] - begin_[i]);
  return most;
}

Estimate estimate(std::span<const double> samples) {
  Estimate out;
  if (samples.empty()) return out;
  const double n = static_cast<double>(samples.size());
  double sum = 0, squares = 0;
  for (const double x : samples) sum += x;
  const double mean = sum / n;
  out.mean = mean;
  if (samples.size() < 2) return out;
  for (const double x : samples) squares += (x - mean) * (x - mean);
  out.standard_error = std::sqrt(squares / (n - 1) / n);
  return out;
}

Estimate estimate(const Moments& samples) {
  Estimate out;
  out.mean = samples.mean();
  // variance() divides by n.
  if (samples.count() >= 2)
    out.standard_error = std::sqrt(*samples.variance() / static_cast<double>(samples.count() - 1));
  return out;
}

namespace {
std::string printed(const char* form, int digits, double x) {
  char text[400];  // a double has up to 309 digits before the point
  std::snprintf(text, sizeof text, form, digits, x);
  return text;
}
}  // namespace

std::string figure_text(double without_error, int digits) { return printed("%.*g", digits, without_error); }

std::string figure_text(const Estimate& e) {
  if (!e.mean) return "?";
  if (!e.standard_error) return figure_text(*e.mean);
  const double error = *e.standard_error;
  if (!(error > 0) || !std::isfinite(error)) return figure_text(*e.mean) + " +- " + figure_text(error);
  // The exponent after rounding to two digits: 0.0996 is written 0.10.
  const std::string rounded = printed("%.*e", 1, error);
  const int exponent = std::atoi(rounded.c_str() + rounded.find('e') + 1);
  const int decimals = std::max(0, 1 - exponent);
  return printed("%.*f", decimals, *e.mean) + " +- " + printed("%.*f", decimals, error);
}

TwoUnits estimate(const SequenceValues& values, TokenFunction f) {
  std::vector<double> sums;
  double total = 0;
  for (std::size_t i = 0; i < values.sequences(); ++i) {
    double sum = 0;
    for (const float x : values[i]) sum += f(static_cast<double>(x));
    sums.push_back(sum);
    total += sum;
  }
  TwoUnits out;
  out.per_sequence = estimate(sums);
  if (values.tokens() == 0) return out;
  const double tokens = static_cast<double>(values.tokens()), mean = total / tokens;
  out.per_token.mean = mean;
  if (sums.size() < 2) return out;
  double squares = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double residual = sums[i] - mean * static_cast<double>(values[i].size());
    squares += residual * residual;
  }
  const double n = static_cast<double>(sums.size());
  out.per_token.standard_error = std::sqrt(n / (n - 1) * squares) / tokens;
  return out;
}

std::vector<PositionMean> by_position(const SequenceValues& values, TokenFunction f) {
  std::vector<PositionMean> out;
  std::vector<double> samples;
  for (std::size_t t = 0; t < values.longest(); ++t) {
    samples.clear();
    for (std::size_t i = 0; i < values.sequences(); ++i)
      if (t < values[i].size()) samples.push_back(f(static_cast<double>(values[i][t])));
    out.push_back({samples.size(), estimate(samples)});
  }
  return out;
}

std::optional<double> quantile(std::span<const double> ascending, double p) {
  if (!(p >= 0 && p <= 1)) usage_error("quantile " + std::to_string(p) + " is outside 0 to 1");
  if (ascending.empty()) return std::nullopt;
  const double position = p * static_cast<double>(ascending.size() - 1);
  const std::size_t low = static_cast<std::size_t>(position), high = std::min(low + 1, ascending.size() - 1);
  const double between = position - static_cast<double>(low);
  // No arithmetic exactly at a sample: its neighbour may be infinite.
  return between == 0 ? ascending[low] : ascending[low] + between * (ascending[high] - ascending[low]);
}

}  // namespace nudge
