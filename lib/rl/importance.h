// Importance weights of samples of another policy: w = pi_before/pi_recorded, pi_before being the policy as it stands
// before the step (docs/mathematics.md, 2). They multiply the objective's term as constants.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace nudge {

enum class Correction {
  kNone,      // the recorded log-probs are the ratio's denominator; no weights
  kTruncate,  // min(w, high)
  kMask,      // w within [low, high], else 0
};

struct CorrectionOptions {
  Correction correction = Correction::kNone;
  bool by_sequence = false;  // w is the product over a sequence, for each of its tokens
  double low = 0.5, high = 2;
};

struct ImportanceFigures {
  std::optional<double> effective_tokens, effective_sequences;  // before the cut
  double largest = 0;    // before the cut, of what is weighed: tokens or sequences
  double cut_share = 0;  // the fraction of them whose w was truncated or left out
};

struct ImportanceWeights {
  std::vector<float> weights;  // of each token, cut
  ImportanceFigures figures;
};

// (sum w)^2/sum w^2 of w = exp(log_weights) (Kish 1965), scaled by the largest so that nothing overflows. None for none.
std::optional<double> effective_size(std::span<const double> log_weights);

// `log_ratios` of n tokens, log pi_before - log pi_recorded; sequence i is the tokens [begin[i], begin[i + 1]). One
// chain in double, in their order.
ImportanceWeights importance_weights(std::span<const double> log_ratios, std::span<const std::size_t> begin,
                                     const CorrectionOptions& options);

}  // namespace nudge
