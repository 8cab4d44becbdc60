#include "lib/rl/policy_loss.h"

#include <cstddef>
#include <cstdint>

#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"
#include "lib/rl/kl_estimators.h"

// Each function is a term of the loss: its formula, with the section of docs/mathematics.md, then its derivative by log
// pi. A is the advantage, r the ratio.
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

// (7) s = exp(mean over a sequence of log pi - log pi_old), for each of its tokens.
std::vector<float> sequence_ratios(const PolicyTokens& tokens) {
  std::vector<float> s(tokens.logprobs.size());
  for (std::size_t q = 0; q + 1 < tokens.offsets.size(); ++q) {
    const std::size_t begin = tokens.offsets[q] - tokens.offsets[0], end = tokens.offsets[q + 1] - tokens.offsets[0];
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += log_ratio(tokens.logprobs[i], tokens.old_logprobs[i]);
    for (std::size_t i = begin; i < end; ++i) s[i] = static_cast<float>(sum / static_cast<double>(end - begin));
  }
  kernels().exp(s.data(), s.data(), std::ssize(s));
  return s;
}

// From derivatives by log s to those by each log pi of the sequence: their sum / T, since log s is the mean.
void spread_over_sequences(std::span<const std::size_t> offsets, std::span<float> derivatives) {
  for (std::size_t q = 0; q + 1 < offsets.size(); ++q) {
    const auto part = derivatives.subspan(offsets[q] - offsets[0], offsets[q + 1] - offsets[q]);
    double sum = 0;
    for (const float d : part) sum += static_cast<double>(d);
    for (float& d : part) d = static_cast<float>(sum / static_cast<double>(part.size()));
  }
}

struct RatioBounds {
  float floor, ceiling;
  float operator()(float r) const { return r < floor ? floor : r > ceiling ? ceiling : r; }  // a NaN passes
};
RatioBounds bounds_of(const PolicyLossOptions& o) {
  return {1.0f - static_cast<float>(o.clip_low), 1.0f + static_cast<float>(o.clip_high)};
}

// (7) max(-A r, -A clip(r, 1 - low, 1 + high)), where A < 0 at most -A C. By log pi: -A r where nothing else binds, else
// 0.
void clipped_surrogate(std::span<const float> A, const PolicyLossOptions& options, PolicyLoss& out) {
  const RatioBounds clip = bounds_of(options);
  const auto most = static_cast<float>(options.dual_clip);
  for (std::size_t i = 0; i < A.size(); ++i) {
    const float plain = -A[i] * out.ratio[i], bounded = -A[i] * clip(out.ratio[i]), ceiling = -A[i] * most;
    const bool dual = most > 0 && A[i] < 0 && plain > ceiling, binds = dual || plain < bounded;
    out.loss[i] = dual ? ceiling : binds ? bounded : plain;
    out.dlogprob[i] = binds ? 0.0f : plain;
    out.clipped[i] = binds ? 1.0f : 0.0f;
  }
}

// (7) -clip(r, 1 - low, 1 + high) A log pi, clip(r) being a constant. By log pi: -clip(r) A.
void cispo(std::span<const float> A, std::span<const float> logprobs, RatioBounds clip, PolicyLoss& out) {
  for (std::size_t i = 0; i < A.size(); ++i) {
    const float weight = clip(out.ratio[i]);
    out.loss[i] = -A[i] * weight * logprobs[i];
    out.dlogprob[i] = -A[i] * weight;
    out.clipped[i] = weight < out.ratio[i] || weight > out.ratio[i] ? 1.0f : 0.0f;
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

// (11, 12) k3 of KL(old || new): r - 1 - log r with the token's r. By log pi, where the loss has it: r - 1.
void kl_to_old(const PolicyTokens& tokens, std::span<const float> r, bool in_loss, float beta, PolicyLoss& out) {
  for (std::size_t i = 0; i < tokens.logprobs.size(); ++i) {
    out.kl_old[i] = k3_of_log_ratio(log_ratio(tokens.logprobs[i], tokens.old_logprobs[i]));
    if (in_loss) out.dlogprob[i] += beta * (r[i] - 1);
  }
}

// (12) k2 of KL(new || ref): (log pi - log pi_ref)^2/2. By log pi: log pi - log pi_ref.
void k2_to_reference(const PolicyTokens& tokens, float weight, PolicyLoss& out) {
  for (std::size_t i = 0; i < tokens.logprobs.size(); ++i) {
    out.kl_ref.push_back(k2_of_log_ratio(log_ratio(tokens.ref_logprobs[i], tokens.logprobs[i])));
    out.dlogprob[i] += weight * (tokens.logprobs[i] - tokens.ref_logprobs[i]);
  }
}

// (12) k3 of KL(new || ref), with q = pi_ref/pi: q - 1 - log q. By log pi: 1 - q.
void k3_to_reference(const PolicyTokens& tokens, float weight, PolicyLoss& out) {
  const std::vector<float> q = exp_of_differences(tokens.ref_logprobs, tokens.logprobs);
  for (std::size_t i = 0; i < q.size(); ++i) {
    out.kl_ref.push_back(k3_of_log_ratio(log_ratio(tokens.ref_logprobs[i], tokens.logprobs[i])));
    out.dlogprob[i] += weight * (1 - q[i]);
  }
}

// The objective's term with its derivative and weight.
void add_objective(const PolicyTokens& tokens, const PolicyLossOptions& options, PolicyLoss& out) {
  const std::span<const float> A = tokens.advantages;
  switch (options.objective) {
    case Objective::kClip: clipped_surrogate(A, options, out); break;
    case Objective::kKl:
    case Objective::kIs: importance_sampling(A, out); break;
    case Objective::kReinforce: reinforce(A, tokens.logprobs, out); break;
    case Objective::kCispo: cispo(A, tokens.logprobs, bounds_of(options), out); break;
  }
  for (std::size_t i = 0; i < tokens.weights.size(); ++i)
    out.loss[i] *= tokens.weights[i], out.dlogprob[i] *= tokens.weights[i];
  // cispo's derivative isn't one by the ratio, which it holds.
  if (options.sequence_ratio && options.objective != Objective::kCispo)
    spread_over_sequences(tokens.offsets, out.dlogprob);
}

void add_terms(const PolicyTokens& tokens, const PolicyLossOptions& options, double beta, PolicyLoss& out) {
  const std::vector<float> token_ratio = exp_of_differences(tokens.logprobs, tokens.old_logprobs);
  out.ratio = options.sequence_ratio ? sequence_ratios(tokens) : token_ratio;
  add_objective(tokens, options, out);
  kl_to_old(tokens, token_ratio, options.objective == Objective::kKl && options.kl_estimate, static_cast<float>(beta),
            out);
  if (options.kl_loss <= 0 || options.kl_loss_kind == KlLossKind::kExact) return;
  const auto weight = static_cast<float>(options.kl_loss);
  if (options.kl_loss_kind == KlLossKind::kK2) k2_to_reference(tokens, weight, out);
  else k3_to_reference(tokens, weight, out);
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
