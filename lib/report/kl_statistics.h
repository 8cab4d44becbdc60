// How far a new policy is from an old one, from the old one's samples: KL(old || new) in nats by three
// estimators and, where given, exactly over the vocabulary, and how the ratios r = new/old are spread.
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
  // One sequence: log r per response token (T), and the exact KL at each position and an entropy (T each), or
  // nothing: for all sequences, or for none. Throws kBadInput where lengths differ, where they are given for
  // some only, or where a number is not finite.
  void add(std::span<const float> log_ratios, std::span<const float> exact_kl = {},
           std::span<const float> entropy = {});

  // The sequences in another order, a permutation (SequenceValues): figures' last digits depend on it.
  void reorder(std::span<const std::size_t> order);

  std::size_t sequences() const { return log_ratios_.sequences(); }
  std::size_t tokens() const { return log_ratios_.tokens(); }

  TwoUnits k1() const { return estimate(log_ratios_, k1_of_log_ratio); }
  TwoUnits k2() const { return estimate(log_ratios_, k2_of_log_ratio); }
  TwoUnits k3() const { return estimate(log_ratios_, k3_of_log_ratio); }
  TwoUnits exact() const;    // all absent where no exact values were given
  TwoUnits entropy() const;  // likewise; per sequence: the sum over the response
  std::vector<PositionMean> k1_by_position() const { return by_position(log_ratios_, k1_of_log_ratio); }
  std::vector<PositionMean> k3_by_position() const { return by_position(log_ratios_, k3_of_log_ratio); }
  std::vector<PositionMean> exact_by_position() const;
  std::vector<PositionMean> entropy_by_position() const;

  Estimate ratio() const;                        // the mean of r over tokens, 1 in expectation; the error is clustered
  std::optional<double> ratio_variance() const;  // biased, over all tokens

  // Quantiles of r over all tokens, at each p in 0 to 1 (0 and 1: the extremes). Empty where there are none.
  std::vector<double> ratio_quantiles(std::span<const double> at) const;

  // The share of tokens with r < 1 - low or r > 1 + high, strictly; the error is clustered.
  Estimate outside(double low, double high) const;

  // (sum w)^2/sum w^2 of the importance weights: w = r over tokens, or the product of r over a sequence. Between
  // 1 and the number of them; nothing where there are none.
  std::optional<double> effective_tokens() const;
  std::optional<double> effective_sequences() const;

  const SequenceValues& log_ratios() const { return log_ratios_; }

 private:
  void settle_kind(bool has_exact, bool has_entropy);

  SequenceValues log_ratios_, exact_, entropy_;
  bool has_exact_ = false, has_entropy_ = false;
};

}  // namespace nudge
