#include "lib/rl/policy_loss.h"

#include <cstddef>
#include <cstdint>

#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"
#include "lib/rl/kl_estimators.h"

// Each function is a term of the loss: its formula, with the section of docs/mathematics.md, then its derivative by log
// pi. A is the advantage, r = pi/pi_old the ratio.
namespace nudge {
namespace {

double log_ratio(float numerator, float denominator) {
  return static_cast<double>(numerator) - static_cast<double>(denominator);
}

std::vector<float> exp_of_differences(std::span<const float> a, std::span<const float> b) {
  std::vector<float> r(a.size());
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = a[i] - b[i];
  kernels().exp(r.data(), r.data(), std::ssize(r));
  return r;
}

// (7) max(-A r, -A clip(r, 1 - low, 1 + high)). By log pi: -A r where the first is not smaller, else 0. A NaN passes
// through the clip.
void clipped_surrogate(std::span<const float> A, float low, float high, PolicyLoss& out) {
  const float floor = 1.0f - low, ceiling = 1.0f + high;
  for (std::size_t i = 0; i < A.size(); ++i) {
    const float r = out.ratio[i], bounded_ratio = r < floor ? floor : r > ceiling ? ceiling : r;
    const float plain = -A[i] * r, bounded = -A[i] * bounded_ratio;
    const bool binds = plain < bounded;
    out.loss[i] = binds ? bounded : plain;
    out.dlogprob[i] = binds ? 0.0f : plain;
    out.clipped[i] = binds ? 1.0f : 0.0f;
  }
}

// (2) -A r. By log pi the same, as dr/dlog pi = r.
void importance_sampling(std::span<const float> A, PolicyLoss& out) {
  for (std::size_t i = 0; i < A.size(); ++i) {
    out.loss[i] = -A[i] * out.ratio[i];
    out.dlogprob[i] = -A[i] * out.ratio[i];
  }
}

// (1) -A log pi. By log pi: -A.
void reinforce(std::span<const float> A, std::span<const float> logprobs, PolicyLoss& out) {
  for (std::size_t i = 0; i < A.size(); ++i) {
    out.loss[i] = -A[i] * logprobs[i];
    out.dlogprob[i] = -A[i];
  }
}

// (11, 12) k3 of KL(old || new): r - 1 - log r. By log pi, where the loss has it: r - 1.
void kl_to_old(const PolicyTokens& tokens, bool in_loss, float beta, PolicyLoss& out) {
  for (std::size_t i = 0; i < tokens.logprobs.size(); ++i) {
    out.kl_old[i] = k3_of_log_ratio(log_ratio(tokens.logprobs[i], tokens.old_logprobs[i]));
    if (in_loss) out.dlogprob[i] += beta * (out.ratio[i] - 1);
  }
}

// (12) k3 of KL(new || ref), with q = pi_ref/pi: q - 1 - log q. By log pi: 1 - q.
void kl_to_reference(const PolicyTokens& tokens, float weight, PolicyLoss& out) {
  const std::vector<float> q = exp_of_differences(tokens.ref_logprobs, tokens.logprobs);
  for (std::size_t i = 0; i < q.size(); ++i) {
    out.kl_ref.push_back(k3_of_log_ratio(log_ratio(tokens.ref_logprobs[i], tokens.logprobs[i])));
    out.dlogprob[i] += weight * (1 - q[i]);
  }
}

void add_terms(const PolicyTokens& tokens, const PolicyLossOptions& options, double beta, PolicyLoss& out) {
  out.ratio = exp_of_differences(tokens.logprobs, tokens.old_logprobs);
  switch (options.objective) {
    case Objective::kClip:
      clipped_surrogate(tokens.advantages, static_cast<float>(options.clip_low), static_cast<float>(options.clip_high),
                        out);
      break;
    case Objective::kKl:
    case Objective::kIs: importance_sampling(tokens.advantages, out); break;
    case Objective::kReinforce: reinforce(tokens.advantages, tokens.logprobs, out); break;
  }
  kl_to_old(tokens, options.objective == Objective::kKl && options.kl_estimate, static_cast<float>(beta), out);
  if (options.kl_loss > 0) kl_to_reference(tokens, static_cast<float>(options.kl_loss), out);
}

}  // namespace

PolicyLoss policy_loss(const PolicyTokens& tokens, const PolicyLossOptions& options, double beta) {
  const std::size_t n = tokens.logprobs.size();
  PolicyLoss out;
  for (auto* numbers : {&out.loss, &out.clipped, &out.dlogprob}) numbers->resize(n);
  out.kl_old.resize(n);
  // One thread, with denormals flushed as in every loop over tokens.
  parallel_for(1, [&](std::int64_t) { add_terms(tokens, options, beta, out); });
  return out;
}

}  // namespace nudge
