// From log-probs, values and scores to what policy and critic learn from: rewards per token, advantages, returns
// (docs/mathematics.md, 1 and 4 to 6). T is the number of response tokens of one sequence, N that of the batch. Each
// sum is one chain in double, in the order of the tokens, rounded to float once. No threads.
#pragma once

#include <span>
#include <vector>

#include "lib/rl/ppo_batch.h"
#include "lib/rl/step_metrics.h"

namespace nudge {

// What weighs a token's log-prob. All but kGae need no critic, and all but kGae and kField give one number to all tokens
// of a trajectory, from its return.
enum class Advantage {
  kGae,     // generalised advantage estimation (Schulman et al. 2015), from a critic's values
  kReturn,  // the trajectory's whole discounted return
  kRloo,    // less the mean return of the other answers to its prompt (Kool et al. 2019)
  kGroup,   // less the mean return of all answers to its prompt (Shao et al. 2024)
  kField,   // the record's "advantages"
};

inline bool of_group(Advantage a) { return a == Advantage::kRloo || a == Advantage::kGroup; }

struct AdvantageOptions {
  Advantage advantage = Advantage::kGae;
  double score_scale = 1;          // what scores are divided by: 1, or score_scale() of all so far
  double score_clip = 0;           // then clipped to [-X, X]; 0: not
  bool bootstrap = false;          // kGae: V after a cut response takes the place of its score
  double gamma = 1.0;              // discount per token, 0 to 1
  double lambda = 0.95;            // kGae: 0 to 1; 1 is the plain discounted return less V
  bool baseline = false;           // kReturn: less the batch's mean return
  bool group_deviation = false;    // kRloo, kGroup: divided by the deviation of the group's returns
  bool drop_equal_groups = false;  // kRloo, kGroup: nothing is learnt from groups whose returns are all equal
  bool whiten = true;              // the advantages, over what is learnt
  bool whiten_rewards = false;     // the rewards, over the batch, without shifting their mean
};

// Fills the batch's scores, rewards, totals, advantages, returns and what is learnt of it. Reads recorded log-probs,
// scores, and for kGae values. Without kGae the returns are the advantages before whitening. Sums run in the batch's order.
// Errors: kBadInput where a group has one answer, or nothing is left to be learnt.
void add_advantages(PpoBatch& batch, double kl_beta, const AdvantageOptions& options);

// The deviation of all scores so far, with n - 1; 1 where they are fewer than two, or equal: these have no scale.
double score_scale(const Moments& scores);

// r_t = -kl_beta (logprobs_t - ref_logprobs_t) + [t = T-1] score, into out (T). With kl_beta 0 the reference
// is not read. T = 0 writes nothing: there is no token to carry the score.
void token_rewards(std::span<const float> logprobs, std::span<const float> ref_logprobs, double kl_beta, double score,
                   std::span<float> out);

// delta_t = r_t + gamma V_{t+1} - V_t with V_T = after; A_t = delta_t + gamma lambda A_{t+1}; return_t = A_t + V_t.
// rewards, values, advantages and returns are (T).
void gae(std::span<const float> rewards, std::span<const float> values, double gamma, double lambda,
         std::span<float> advantages, std::span<float> returns, double after = 0);

// x <- (x - mean)/sqrt(var + 1e-8) in place, over the (N) tokens of a batch, with the biased variance (Ziegler et al.
// 2019). Without shift_mean the mean is added back, as their code does for rewards.
void whiten(std::span<float> all, bool shift_mean);

// R(tau) = sum_t gamma^t r_t of one sequence.
double trajectory_return(std::span<const float> rewards, double gamma);

// The weight of each sequence's tokens under kReturn: its return, with the baseline less the mean of all (lower
// variance; biased by 1/n, as each sequence is part of its own baseline).
std::vector<float> return_weights(std::span<const double> trajectory_returns, bool mean_baseline);

// The weights of a group's n > 1 answers under kGroup, R - mean, and under kRloo, R - mean of the others; with
// `deviation` over s + 1e-4, s the deviation of the n returns with n - 1. Equal returns weigh exactly 0.
std::vector<float> group_weights(std::span<const double> group_returns, Advantage advantage, bool deviation);

}  // namespace nudge
