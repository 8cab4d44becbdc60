#include "lib/report/kl_statistics.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "lib/base/error.h"
#include "lib/base/scalar_math.h"
#include "lib/rl/importance.h"

namespace nudge {
namespace {

double ratio_of(double log_ratio) { return det_exp(log_ratio); }

void expect_finite(const char* what, std::span<const float> numbers) {
  for (std::size_t t = 0; t < numbers.size(); ++t)
    if (!std::isfinite(numbers[t])) bad_input(std::string(what) + " of token " + std::to_string(t) + " is not finite");
}

void expect_length(const char* what, std::span<const float> numbers, std::size_t tokens) {
  if (numbers.size() != tokens)
    bad_input(std::to_string(numbers.size()) + " " + what + " for " + std::to_string(tokens) + " log-ratios");
}

}  // namespace

// The first sequence with tokens decides which optional values are required.
void KlStatistics::settle_kind(bool has_exact, bool has_entropy) {
  if (tokens() > 0 && has_exact != has_exact_) bad_input("an exact KL is given for some sequences only");
  if (tokens() > 0 && has_entropy != has_entropy_) bad_input("an entropy is given for some sequences only");
  has_exact_ = has_exact, has_entropy_ = has_entropy;
}

void KlStatistics::add(std::span<const float> log_ratios, std::span<const float> exact_kl,
                       std::span<const float> entropy) {
  if (!exact_kl.empty()) expect_length("exact KL values", exact_kl, log_ratios.size());
  if (!entropy.empty()) expect_length("entropies", entropy, log_ratios.size());
  expect_finite("the log-ratio", log_ratios);
  expect_finite("the exact KL", exact_kl);
  expect_finite("the entropy", entropy);
  if (!log_ratios.empty()) settle_kind(!exact_kl.empty(), !entropy.empty());
  log_ratios_.append(log_ratios);
  exact_.append(exact_kl);
  entropy_.append(entropy);
}

void KlStatistics::reorder(std::span<const std::size_t> order) {
  for (SequenceValues* values : {&log_ratios_, &exact_, &entropy_}) values->reorder(order);
}

TwoUnits KlStatistics::exact() const { return has_exact_ ? estimate(exact_, identity) : TwoUnits{}; }
TwoUnits KlStatistics::entropy() const { return has_entropy_ ? estimate(entropy_, identity) : TwoUnits{}; }
std::vector<PositionMean> KlStatistics::exact_by_position() const { return by_position(exact_, identity); }
std::vector<PositionMean> KlStatistics::entropy_by_position() const { return by_position(entropy_, identity); }

Estimate KlStatistics::ratio() const { return estimate(log_ratios_, ratio_of).per_token; }

std::optional<double> KlStatistics::ratio_variance() const {
  const std::optional<double> mean = ratio().mean;
  if (!mean) return std::nullopt;
  double squares = 0;
  for (const float x : log_ratios_.all()) {
    const double d = ratio_of(static_cast<double>(x)) - *mean;
    squares += d * d;
  }
  return squares / static_cast<double>(tokens());
}

std::vector<double> KlStatistics::ratio_quantiles(std::span<const double> at) const {
  std::vector<double> ratios, out;
  for (const float x : log_ratios_.all()) ratios.push_back(ratio_of(static_cast<double>(x)));
  std::sort(ratios.begin(), ratios.end());
  for (const double p : at)
    if (const std::optional<double> q = quantile(ratios, p)) out.push_back(*q);
  return out;
}

Estimate KlStatistics::outside(double low, double high) const {
  SequenceValues flags;
  std::vector<float> flag;
  for (std::size_t i = 0; i < sequences(); ++i) {
    flag.clear();
    for (const float x : log_ratios_[i]) {
      const double r = ratio_of(static_cast<double>(x));
      flag.push_back(r < 1 - low || r > 1 + high ? 1.0f : 0.0f);
    }
    flags.append(flag);
  }
  return estimate(flags, identity).per_token;
}

std::optional<double> KlStatistics::effective_tokens() const {
  std::vector<double> log_weights;
  for (const float x : log_ratios_.all()) log_weights.push_back(static_cast<double>(x));
  return effective_size(log_weights);
}

std::optional<double> KlStatistics::effective_sequences() const {
  std::vector<double> log_weights;
  for (std::size_t i = 0; i < sequences(); ++i) {
    double sum = 0;
    for (const float x : log_ratios_[i]) sum += static_cast<double>(x);
    log_weights.push_back(sum);
  }
  return effective_size(log_weights);
}

}  // namespace nudge
