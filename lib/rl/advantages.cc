#include "lib/rl/advantages.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "lib/base/error.h"

namespace nudge {
namespace {

// One number a token, all finite.
void expect_sound(const std::string& where, const char* what, std::span<const float> numbers, std::size_t tokens) {
  if (numbers.size() != tokens)
    bad_input(where + ": " + std::to_string(numbers.size()) + " " + what + "s for " + std::to_string(tokens) +
              " response tokens");
  for (std::size_t t = 0; t < tokens; ++t)
    if (!std::isfinite(numbers[t]))
      bad_input(where + ": " + what + " of token " + std::to_string(t) + " is not finite");
}

void expect_sound(std::size_t i, const TrajectoryView& view, const AdvantageOptions& options) {
  const std::string where = view.where.empty() ? "sequence " + std::to_string(i) : view.where;
  const std::size_t tokens = view.logprobs.size();
  expect_sound(where, "log-prob", view.logprobs, tokens);
  if (!options.reinforce) expect_sound(where, "value", view.values, tokens);
  if (options.kl_beta != 0) expect_sound(where, "reference log-prob", view.ref_logprobs, tokens);
  if (!view.token_rewards.empty()) expect_sound(where, "reward", view.token_rewards, tokens);
  if (!std::isfinite(view.score)) bad_input(where + ": the score is not finite");
}

}  // namespace

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

TokenSignals token_signals(std::span<const TrajectoryView> batch, const AdvantageOptions& options) {
  TokenSignals out;
  out.begin.push_back(0);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    expect_sound(i, batch[i], options);
    out.begin.push_back(out.begin.back() + batch[i].logprobs.size());
  }
  const std::size_t N = out.begin.back();
  out.rewards.resize(N), out.advantages.resize(N), out.returns.resize(N);
  const auto part = [&out](std::vector<float>& all, std::size_t i) {
    return std::span<float>(all).subspan(out.begin[i], out.begin[i + 1] - out.begin[i]);
  };
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto rewards = part(out.rewards, i);
    token_rewards(batch[i].logprobs, batch[i].ref_logprobs, options.kl_beta, batch[i].score, rewards);
    for (std::size_t t = 0; t < batch[i].token_rewards.size(); ++t) rewards[t] += batch[i].token_rewards[t];
    out.totals.push_back(trajectory_return(rewards, 1));
  }
  if (options.whiten_rewards) whiten(out.rewards, false);
  if (options.reinforce) {
    std::vector<double> returns;
    for (std::size_t i = 0; i < batch.size(); ++i)
      returns.push_back(trajectory_return(part(out.rewards, i), options.gamma));
    const auto weights = reinforce_weights(returns, options.baseline);
    for (std::size_t i = 0; i < batch.size(); ++i) std::ranges::fill(part(out.advantages, i), weights[i]);
    out.returns = out.advantages;
    return out;
  }
  for (std::size_t i = 0; i < batch.size(); ++i)
    gae(part(out.rewards, i), batch[i].values, options.gamma, options.lambda, part(out.advantages, i),
        part(out.returns, i));
  if (options.whiten_advantages) whiten(out.advantages, true);
  return out;
}

double trajectory_return(std::span<const float> rewards, double gamma) {
  double sum = 0, discount = 1;
  for (const float r : rewards) {
    sum += discount * static_cast<double>(r);
    discount *= gamma;
  }
  return sum;
}

std::vector<float> reinforce_weights(std::span<const double> trajectory_returns, bool mean_baseline) {
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
