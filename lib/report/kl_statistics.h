// Distance of a new policy from an old one, on the old one's samples: KL(old || new) in nats by three estimators and,
// if given, exact over the vocabulary; and the distribution of the ratios r = new/old.
// (For KL(pi || ref) on pi's samples: old is pi, new is ref.) See docs/mathematics.md, 12.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/report/estimate.h"
#include "lib/rl/kl_estimators.h"

namespace nudge {

class KlStatistics {
 public:
  // Adds a sequence: log r per response token (T), and optionally the exact KL and the entropy at each position (T
  // each); these for all sequences or for none. Throws kBadInput if lengths differ, if they are given for some
  // sequences only, or if a number is not finite.
  void add(std::span<const float> log_ratios, std::span<const float> exact_kl = {},
           std::span<const float> entropy = {});

  // Permutes the sequences (SequenceValues::reorder): the last digits of results depend on their order.
  void reorder(std::span<const std::size_t> order);

  std::size_t sequences() const { return log_ratios_.sequences(); }
  std::size_t tokens() const { return log_ratios_.tokens(); }

  TwoUnits k1() const { return estimate(log_ratios_, k1_of_log_ratio); }
  TwoUnits k2() const { return estimate(log_ratios_, k2_of_log_ratio); }
  TwoUnits k3() const { return estimate(log_ratios_, k3_of_log_ratio); }
  TwoUnits exact() const;    // absent if no exact values were given
  TwoUnits entropy() const;  // likewise; per sequence: the sum over the response
  std::vector<PositionMean> k1_by_position() const { return by_position(log_ratios_, k1_of_log_ratio); }
  std::vector<PositionMean> k3_by_position() const { return by_position(log_ratios_, k3_of_log_ratio); }
  std::vector<PositionMean> exact_by_position() const;
  std::vector<PositionMean> entropy_by_position() const;

  Estimate ratio() const;                        // the mean of r over tokens, 1 in expectation; the error is clustered
  std::optional<double> ratio_variance() const;  // biased, over all tokens

  // Quantiles of r over all tokens, at each p in 0 to 1 (0 and 1: the extremes). Empty without tokens.
  std::vector<double> ratio_quantiles(std::span<const double> at) const;

  // The fraction of tokens with r < 1 - low or r > 1 + high, strictly; the error is clustered.
  Estimate outside(double low, double high) const;

  // Effective sample size (sum w)^2/sum w^2 of the importance weights: w = r of a token, or the product of r over a
  // sequence. Between 1 and their number; absent if there are none.
  std::optional<double> effective_tokens() const;
  std::optional<double> effective_sequences() const;

  const SequenceValues& log_ratios() const { return log_ratios_; }

 private:
  void settle_kind(bool has_exact, bool has_entropy);

  SequenceValues log_ratios_, exact_, entropy_;
  bool has_exact_ = false, has_entropy_ = false;
};

}  // namespace nudge
