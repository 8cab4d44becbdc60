#include "lib/rl/advantages.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include "lib/base/error.h"

namespace nudge {
namespace {

// A trajectory's score as it enters the rewards.
double entering_score(const Trajectory& t, const AdvantageOptions& options) {
  if (options.bootstrap && options.advantage == Advantage::kGae && !t.stopped) return 0;
  const double score = static_cast<double>(t.reward.value_or(0.0f)) / options.score_scale, clip = options.score_clip;
  return clip > 0 ? std::clamp(score, -clip, clip) : score;
}

// Rewards of each token, and their sum for each trajectory.
void add_rewards(PpoBatch& batch, double kl_beta, const AdvantageOptions& options) {
  batch.rewards.resize(batch.begin.back());
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i) {
    const Trajectory& t = *batch.trajectories[i];
    const auto rewards = batch.part(batch.rewards, i);
    batch.scores.push_back(entering_score(t, options));
    token_rewards(batch.part(batch.old_logprobs, i), batch.part(batch.ref_logprobs, i), kl_beta, batch.scores.back(),
                  rewards);
    const std::vector<float> added = counted(t.view(), t.token_rewards);
    for (std::size_t k = 0; k < added.size(); ++k) rewards[k] += added[k];
    batch.totals.push_back(trajectory_return(rewards, 1));
  }
}

void add_gae(PpoBatch& batch, double gamma, double lambda) {
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i)
    gae(batch.part(batch.rewards, i), batch.part(batch.values, i), gamma, lambda, batch.part(batch.advantages, i),
        batch.part(batch.returns, i), batch.after.empty() ? 0.0 : static_cast<double>(batch.after[i]));
}

std::vector<double> returns_of(const PpoBatch& batch, double gamma) {
  std::vector<double> all;
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i)
    all.push_back(trajectory_return(batch.part(batch.rewards, i), gamma));
  return all;
}

void add_returns(PpoBatch& batch, double gamma, bool baseline) {
  const std::vector<float> weights = return_weights(returns_of(batch, gamma), baseline);
  for (std::size_t i = 0; i < weights.size(); ++i) std::ranges::fill(batch.part(batch.advantages, i), weights[i]);
}

// The members of each group, in the batch's order.
std::map<std::string, std::vector<std::size_t>> groups_of(const PpoBatch& batch) {
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i) groups[batch.trajectories[i]->group].push_back(i);
  for (const auto& [name, members] : groups)
    if (members.size() == 1)
      bad_input(batch.trajectories[members[0]]->where + ": is the only answer of its group \"" + name +
                    "\", and there is none to compare its return with",
                "sample several answers a prompt, rollout -n 4, or take --advantage gae or return");
  return groups;
}

void add_of_groups(PpoBatch& batch, const AdvantageOptions& options) {
  const std::vector<double> all = returns_of(batch, options.gamma);
  std::vector<bool> dropped(all.size());
  for (const auto& [name, members] : groups_of(batch)) {
    std::vector<double> own;
    for (const std::size_t i : members) own.push_back(all[i]);
    const std::vector<float> weights = group_weights(own, options.advantage, options.group_deviation);
    for (std::size_t k = 0; k < own.size(); ++k)
      std::ranges::fill(batch.part(batch.advantages, members[k]), weights[k]);
    ++batch.groups;
    if (std::ranges::any_of(own, [&](double r) { return r != own[0]; })) continue;
    ++batch.equal_groups;
    for (const std::size_t i : members) dropped[i] = options.drop_equal_groups;
  }
  std::erase_if(batch.learnt, [&](std::int64_t i) { return dropped[static_cast<std::size_t>(i)]; });
  if (batch.learnt.empty())
    bad_input("the returns of every group are equal: --drop-equal-groups leaves nothing to learn from",
              "sample more answers a prompt, or look at the rewards with peek");
}

// The advantages of what is learnt, as one list and back.
void whiten_learnt(PpoBatch& batch) {
  std::vector<float> some;
  for (const std::int64_t i : batch.learnt) {
    const auto part = batch.part(batch.advantages, static_cast<std::size_t>(i));
    some.insert(some.end(), part.begin(), part.end());
  }
  whiten(some, true);
  auto next = some.begin();
  for (const std::int64_t i : batch.learnt)
    for (float& x : batch.part(batch.advantages, static_cast<std::size_t>(i))) x = *next++;
}

}  // namespace

void add_advantages(PpoBatch& batch, double kl_beta, const AdvantageOptions& options) {
  add_rewards(batch, kl_beta, options);
  if (options.whiten_rewards) whiten(batch.rewards, false);
  batch.advantages.resize(batch.rewards.size()), batch.returns.resize(batch.rewards.size());
  batch.learnt.resize(batch.trajectories.size());
  std::iota(batch.learnt.begin(), batch.learnt.end(), std::int64_t{0});
  switch (options.advantage) {
    case Advantage::kGae: add_gae(batch, options.gamma, options.lambda); break;
    case Advantage::kReturn: add_returns(batch, options.gamma, options.baseline); break;
    case Advantage::kRloo:
    case Advantage::kGroup: add_of_groups(batch, options); break;
    case Advantage::kField: break;  // gather_recorded copied them
  }
  if (options.advantage != Advantage::kGae) batch.returns = batch.advantages;
  if (options.whiten) whiten_learnt(batch);
}

double score_scale(const Moments& scores) {
  const auto n = static_cast<double>(scores.count());
  const double deviation = n < 2 ? 0 : std::sqrt(*scores.variance() * n / (n - 1));
  return deviation > 0 ? deviation : 1;
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
         std::span<float> advantages, std::span<float> returns, double after) {
  double next_value = after, advantage = 0;
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

// Sums are of differences to the first return: those of equal returns are exactly 0.
std::vector<float> group_weights(std::span<const double> group_returns, Advantage advantage, bool deviation) {
  const auto n = static_cast<double>(group_returns.size());
  double mean = 0, squares = 0;
  for (const double r : group_returns) mean += r - group_returns[0];
  mean /= n;
  std::vector<double> above;
  for (const double r : group_returns) {
    above.push_back(r - group_returns[0] - mean);
    squares += above.back() * above.back();
  }
  // R less the mean of the others is n/(n - 1) times R less the mean of all.
  const double scale =
      (advantage == Advantage::kRloo ? n / (n - 1) : 1.0) / (deviation ? std::sqrt(squares / (n - 1)) + 1e-4 : 1.0);
  std::vector<float> weights;
  for (const double a : above) weights.push_back(static_cast<float>(a * scale));
  return weights;
}

}  // namespace nudge
