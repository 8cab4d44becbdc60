// The policy's loss, to be minimised: for each response token its terms and their derivative by log pi(token). A is the
// advantage, r the ratio pi/pi_old of the token, or the geometric mean of its sequence's.
// Formulas and sources: docs/mathematics.md, 1, 2, 7, 11 and 12. No model is needed: log-probs go in, numbers come out.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace nudge {

enum class Objective {
  kClip,       // max(-A r, -A clip(r)), the clipped surrogate
  kKl,         // -A r + beta KL(old || new)
  kIs,         // -A r, unclipped importance sampling
  kReinforce,  // -A log pi, Williams's policy gradient
  kCispo,      // -clip(r) A log pi with clip(r) held constant
};

enum class KlLossKind { kK2, kK3, kExact };  // of KL(new || ref) in the loss

struct PolicyLossOptions {
  Objective objective = Objective::kClip;
  double clip_low = 0.2, clip_high = 0.2;  // kClip, kCispo: bounds of the ratio, 1 - low and 1 + high
  double dual_clip = 0;         // kClip, above 1: where A < 0 the loss is at most -A times this; 0: unbounded
  bool sequence_ratio = false;  // r is the sequence's; with one advantage a sequence, not for kReinforce
  bool kl_estimate = false;     // kKl: k3 of the samples in place of the exact KL
  double kl_loss = 0;           // weight of KL(new || ref), for any objective
  KlLossKind kl_loss_kind = KlLossKind::kK3;
};

// Spans over the same n tokens, in nats. pi is the policy in training, pi_old the one that sampled.
struct PolicyTokens {
  std::span<const float> logprobs;      // log pi(token)
  std::span<const float> old_logprobs;  // log pi_old(token)
  std::span<const float> ref_logprobs;  // log pi_ref(token); read with kl_loss alone, may be empty otherwise
  std::span<const float> advantages;
  std::span<const float> weights = {};        // constants by which the objective's term is multiplied; empty: 1
  std::span<const std::size_t> offsets = {};  // with sequence_ratio: where each sequence begins and the last one ends,
                                              // counted from anywhere
};

// Arrays of n numbers. The loss of a token is loss + beta kl_old (kKl with kl_estimate alone) + kl_loss kl_ref.
struct PolicyLoss {
  std::vector<float> ratio;     // r
  std::vector<float> loss;      // the objective's term with its weight, without KL
  std::vector<float> clipped;   // 1 where a clip takes the gradient away (kCispo: where it binds), else 0
  std::vector<double> kl_old;   // k3 of KL(old || new)
  std::vector<double> kl_ref;   // k2 or k3 of KL(new || ref); empty where kl_loss is 0 or the kind is exact
  std::vector<float> dlogprob;  // derivative of the sum of all tokens' losses
};

// `beta`: weight of KL(old || new) in kKl. The exact forms of both KL need whole distributions, so the language head
// adds them (RowGradient); estimates are added here.
PolicyLoss policy_loss(const PolicyTokens& tokens, const PolicyLossOptions& options, double beta);

}  // namespace nudge
