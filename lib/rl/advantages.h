// From log-probs, values and a score to what a policy and a critic learn from: rewards per token, advantages (GAE,
// Schulman et al. 2016), returns (docs/mathematics.md, 4 to 6; REINFORCE's weights: 1). T is the number of response
// tokens of one sequence; every per-token array of a sequence has that length. Each sum is one chain in double, in
// the order of the tokens, rounded to float once: the same bits for every number of threads, which these functions
// don't use.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace nudge {

// One sampled response, borrowed.
struct TrajectoryView {
  std::span<const float> logprobs;            // (T) log pi_old(token), nats
  std::span<const float> ref_logprobs;        // (T) log pi_ref(token); may be empty where kl_beta is 0
  std::span<const float> values;              // (T) V before the token is seen; may be empty for REINFORCE
  double score = 0;                           // of the whole response, given at its last token
  std::span<const float> token_rewards = {};  // (T) given besides, from other programs; may be empty
  std::string where = {};                     // named in errors; its index in the batch where empty
};

struct AdvantageOptions {
  double kl_beta = 0.05;          // weight of the penalty in the reward
  double gamma = 1.0;             // discount per token, 0 to 1
  double lambda = 0.95;           // GAE's, 0 to 1; 1 is the plain discounted return
  bool whiten_rewards = false;    // per-token rewards over the batch, without shifting the mean
  bool whiten_advantages = true;  // over the batch; not for REINFORCE
  bool reinforce = false;         // no critic: each token's advantage is its trajectory's return
  bool baseline = false;          // REINFORCE: less the batch's mean return
};

// The per-token signals of a batch, its sequences back to back.
struct TokenSignals {
  std::vector<std::size_t> begin;  // (sequences + 1) where each sequence starts
  std::vector<double> totals;      // (sequences) sum of the rewards, neither discounted nor whitened
  std::vector<float> rewards;      // as GAE read them
  std::vector<float> advantages;
  std::vector<float> returns;  // before the advantages are whitened; REINFORCE's advantages

  std::span<const float> rewards_of(std::size_t i) const { return part(rewards, i); }
  std::span<const float> advantages_of(std::size_t i) const { return part(advantages, i); }
  std::span<const float> returns_of(std::size_t i) const { return part(returns, i); }

 private:
  std::span<const float> part(const std::vector<float>& all, std::size_t i) const {
    return std::span<const float>(all).subspan(begin[i], begin[i + 1] - begin[i]);
  }
};

// All of the below in their order for a batch. Its order is the caller's (the law asks for the order of ids:
// whitening sums in it). Throws kBadInput naming the sequence where lengths differ or a number is not finite.
TokenSignals token_signals(std::span<const TrajectoryView> batch, const AdvantageOptions& options);

// r_t = -kl_beta (logprobs_t - ref_logprobs_t) + [t = T-1] score, into out (T). With kl_beta 0 the reference
// is not read. T = 0 writes nothing: there is no token to carry the score.
void token_rewards(std::span<const float> logprobs, std::span<const float> ref_logprobs, double kl_beta, double score,
                   std::span<float> out);

// delta_t = r_t + gamma V_{t+1} - V_t with V_T = 0; A_t = delta_t + gamma lambda A_{t+1}; return_t = A_t + V_t.
// rewards, values, advantages and returns are (T).
void gae(std::span<const float> rewards, std::span<const float> values, double gamma, double lambda,
         std::span<float> advantages, std::span<float> returns);

// x <- (x - mean)/sqrt(var + 1e-8), with the biased variance (Ziegler et al. 2019), in place over all
// response tokens of a batch. Without shift_mean the mean is added back, as their rewards have it.
void whiten(std::span<float> all, bool shift_mean);

// R(tau) = sum_t gamma^t r_t of one sequence: the weight that REINFORCE gives each of its tokens.
double trajectory_return(std::span<const float> rewards, double gamma);

// The weights of a batch (one a sequence) from its trajectory returns: unchanged, or, with the baseline, less
// their mean (lower variance; biased by 1/n, as each sequence is part of its own baseline).
std::vector<float> reinforce_weights(std::span<const double> trajectory_returns, bool mean_baseline);

}  // namespace nudge
