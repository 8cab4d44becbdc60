#include "lib/rl/advantages.h"

#include <algorithm>
#include <cmath>

namespace nudge {
namespace {

// Rewards of each token, and their sum for each trajectory.
void add_rewards(PpoBatch& batch, double kl_beta) {
  batch.rewards.resize(batch.begin.back());
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i) {
    const Trajectory& t = *batch.trajectories[i];
    const auto rewards = batch.part(batch.rewards, i);
    token_rewards(batch.part(batch.old_logprobs, i), batch.part(batch.ref_logprobs, i), kl_beta,
                  static_cast<double>(t.reward.value_or(0.0f)), rewards);
    for (std::size_t k = 0; k < t.token_rewards.size(); ++k) rewards[k] += t.token_rewards[k];
    batch.totals.push_back(trajectory_return(rewards, 1));
  }
}

void add_gae(PpoBatch& batch, double gamma, double lambda) {
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i)
    gae(batch.part(batch.rewards, i), batch.part(batch.values, i), gamma, lambda, batch.part(batch.advantages, i),
        batch.part(batch.returns, i));
}

void add_returns(PpoBatch& batch, double gamma, bool baseline) {
  std::vector<double> of_trajectories;
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i)
    of_trajectories.push_back(trajectory_return(batch.part(batch.rewards, i), gamma));
  const std::vector<float> weights = return_weights(of_trajectories, baseline);
  for (std::size_t i = 0; i < weights.size(); ++i) std::ranges::fill(batch.part(batch.advantages, i), weights[i]);
  batch.returns = batch.advantages;
}

}  // namespace

void add_advantages(PpoBatch& batch, double kl_beta, const AdvantageOptions& options) {
  add_rewards(batch, kl_beta);
  if (options.whiten_rewards) whiten(batch.rewards, false);
  batch.advantages.resize(batch.rewards.size()), batch.returns.resize(batch.rewards.size());
  switch (options.advantage) {
    case Advantage::kGae: add_gae(batch, options.gamma, options.lambda); break;
    case Advantage::kReturn: add_returns(batch, options.gamma, options.baseline); break;
  }
  if (options.whiten) whiten(batch.advantages, true);
}

void token_rewards(std::span<const float> logprobs, std::span<const float> ref_logprobs, double kl_beta, double score,
                   std::span<float> out) {
  const std::size_t T = out.size();
  for (std::size_t t = 0; t < T; ++t) {
    const double log_ratio =
        kl_beta == 0 ? 0.0 : static_cast<double>(logprobs[t]) - static_cast<double>(ref_logprobs[t]);
    // 0 - x, not -x: no penalty is a reward of 0, not of -0.
    const double penalty = 0.0 - kl_beta * log_ratio;
    out[t] = static_cast<float>(t + 1 == T ? penalty + score : penalty);
  }
}

void gae(std::span<const float> rewards, std::span<const float> values, double gamma, double lambda,
         std::span<float> advantages, std::span<float> returns) {
  double next_value = 0, advantage = 0;
  for (std::size_t t = rewards.size(); t-- > 0;) {
    const double value = static_cast<double>(values[t]);
    const double delta = static_cast<double>(rewards[t]) + gamma * next_value - value;
    advantage = delta + gamma * lambda * advantage;
    advantages[t] = static_cast<float>(advantage);
    returns[t] = static_cast<float>(advantage + value);
    next_value = value;
  }
}

void whiten(std::span<float> all, bool shift_mean) {
  if (all.empty()) return;
  const double n = static_cast<double>(all.size());
  double sum = 0, squares = 0;
  for (const float x : all) sum += static_cast<double>(x);
  const double mean = sum / n;
  for (const float x : all) {
    const double d = static_cast<double>(x) - mean;
    squares += d * d;
  }
  const double deviation = std::sqrt(squares / n + 1e-8), center = shift_mean ? 0.0 : mean;
  for (float& x : all) x = static_cast<float>((static_cast<double>(x) - mean) / deviation + center);
}

double trajectory_return(std::span<const float> rewards, double gamma) {
  double sum = 0, discount = 1;
  for (const float r : rewards) {
    sum += discount * static_cast<double>(r);
    discount *= gamma;
  }
  return sum;
}

std::vector<float> return_weights(std::span<const double> trajectory_returns, bool mean_baseline) {
  double baseline = 0;
  if (mean_baseline && !trajectory_returns.empty()) {
    for (const double r : trajectory_returns) baseline += r;
    baseline /= static_cast<double>(trajectory_returns.size());
  }
  std::vector<float> weights;
  for (const double r : trajectory_returns) weights.push_back(static_cast<float>(r - baseline));
  return weights;
}

}  // namespace nudge
