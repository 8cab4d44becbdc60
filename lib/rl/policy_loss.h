// The policy's loss, to be minimised: for each response token its terms and their derivative by log pi(token). A is the
// advantage, r = pi/pi_old the ratio.
// Formulas and sources: docs/mathematics.md, 1, 2, 7, 11 and 12. No model is needed: log-probs go in, numbers come out.
#pragma once

#include <span>
#include <vector>

namespace nudge {

enum class Objective {
  kClip,       // max(-A r, -A clip(r)), the clipped surrogate
  kKl,         // -A r + beta KL(old || new)
  kIs,         // -A r, unclipped importance sampling
  kReinforce,  // -A log pi, Williams's policy gradient
};

struct PolicyLossOptions {
  Objective objective = Objective::kClip;
  double clip_low = 0.2, clip_high = 0.2;  // kClip: bounds of the ratio, 1 - low and 1 + high
  bool kl_estimate = false;                // kKl: k3 of the samples in place of the exact KL
  double kl_loss = 0;                      // weight of k3 of KL(new || ref), for any objective
};

// Spans over the same n tokens, in nats. pi is the policy in training, pi_old the one that sampled.
struct PolicyTokens {
  std::span<const float> logprobs;      // log pi(token)
  std::span<const float> old_logprobs;  // log pi_old(token)
  std::span<const float> ref_logprobs;  // log pi_ref(token); read with kl_loss alone, may be empty otherwise
  std::span<const float> advantages;
};

// Arrays of n numbers. The loss of a token is loss + beta kl_old (kKl with kl_estimate alone) + kl_loss kl_ref.
struct PolicyLoss {
  std::vector<float> ratio;     // pi/pi_old
  std::vector<float> loss;      // the objective's term, without KL
  std::vector<float> clipped;   // 1 where the clip takes the gradient away, else 0
  std::vector<double> kl_old;   // k3 of KL(old || new)
  std::vector<double> kl_ref;   // k3 of KL(new || ref); empty where kl_loss is 0
  std::vector<float> dlogprob;  // derivative of the token's whole loss
};

// `beta`: weight of KL(old || new) in kKl. Its exact form needs whole distributions, so the language head adds it
// (RowGradient::kl); with kl_estimate it is added here.
PolicyLoss policy_loss(const PolicyTokens& tokens, const PolicyLossOptions& options, double beta);

}  // namespace nudge
