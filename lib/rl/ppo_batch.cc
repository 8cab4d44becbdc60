#include "lib/rl/ppo_batch.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/responses.h"

namespace nudge {

std::vector<ResponseView> PpoBatch::views() const {
  std::vector<ResponseView> all;
  for (const Trajectory* t : trajectories) all.push_back(t->view());
  return all;
}

PolicyTokens PpoBatch::policy_tokens(std::size_t first, std::span<const float> logprobs) const {
  const auto chunk = [&](const std::vector<float>& all) { return part(all, first, logprobs.size()); };
  return {logprobs, chunk(denominators()), chunk(ref_logprobs), chunk(advantages), chunk(weights)};
}

PolicyTokens PpoBatch::policy_tokens_of(std::size_t first, std::size_t last, std::span<const float> logprobs) const {
  PolicyTokens tokens = policy_tokens(begin[first], logprobs);
  tokens.offsets = std::span(begin).subspan(first, last - first + 1);
  return tokens;
}

PpoBatch PpoBatch::select(std::span<const std::int64_t> members) const {
  PpoBatch some;
  some.begin.push_back(0);
  for (const std::int64_t member : members) {
    const auto i = static_cast<std::size_t>(member);
    some.trajectories.push_back(trajectories[i]);
    some.begin.push_back(some.begin.back() + size(i));
    for (const auto array : {&PpoBatch::old_logprobs, &PpoBatch::new_logprobs, &PpoBatch::ref_logprobs,
                             &PpoBatch::values, &PpoBatch::advantages, &PpoBatch::returns, &PpoBatch::weights}) {
      const auto numbers = part(this->*array, i);
      (some.*array).insert((some.*array).end(), numbers.begin(), numbers.end());
    }
  }
  return some;
}

namespace {

void order_by_id(std::span<const Trajectory> trajectories, PpoBatch& batch) {
  for (const Trajectory& t : trajectories) batch.trajectories.push_back(&t);
  std::ranges::stable_sort(batch.trajectories, id_less, [](const Trajectory* t) { return std::string_view(t->id); });
  batch.begin.push_back(0);
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i) {
    const Trajectory& t = *batch.trajectories[i];
    if (i > 0 && batch.trajectories[i - 1]->id == t.id)
      bad_input(t.where + ": duplicate id \"" + t.id + "\", also in " + batch.trajectories[i - 1]->where);
    batch.begin.push_back(batch.begin.back() + static_cast<std::size_t>(t.view().predicted()));
  }
}

void expect_finite(const Trajectory& t, const char* what, std::span<const float> numbers) {
  for (std::size_t k = 0; k < numbers.size(); ++k)
    if (!std::isfinite(numbers[k]))
      bad_input(t.where + ": " + what + " of token " + std::to_string(k) + " is not finite");
}

// One finite number a listed token.
void expect_sound(const Trajectory& t, const char* what, const std::vector<float>& numbers) {
  if (std::ssize(numbers) != t.view().listed())
    bad_input(t.where + ": " + std::to_string(numbers.size()) + " " + what + "s for " +
              std::to_string(t.view().listed()) + " response tokens");
  expect_finite(t, what, numbers);
}

void append(const Trajectory& t, const char* what, const std::vector<float>& numbers, std::vector<float>& to) {
  expect_sound(t, what, numbers);
  const std::vector<float> some = counted(t.view(), numbers);
  to.insert(to.end(), some.begin(), some.end());
}

}  // namespace

PpoBatch gather_recorded(std::span<const Trajectory> trajectories, bool needs_ref, bool given_advantages) {
  PpoBatch batch;
  order_by_id(trajectories, batch);
  const bool all_have_ref = std::ranges::none_of(trajectories, [](const auto& t) { return t.ref_logprobs.empty(); });
  for (const Trajectory* t : batch.trajectories) {
    if (t->logprobs.empty()) refuse_absent(*t, "logprobs", "", "rollout writes it");
    if (given_advantages) {
      if (t->advantages.empty())
        refuse_absent(*t, "advantages", ", which --advantage field takes",
                      "add a number, or a list of one for each response token");
      append(*t, "advantage", t->advantages, batch.advantages);
    } else if (!t->reward && t->token_rewards.empty()) {
      refuse_absent(*t, "reward", "", "add it with score --reward-model or a program of yours");
    }
    append(*t, "log-prob", t->logprobs, batch.old_logprobs);
    if (!t->token_rewards.empty()) expect_sound(*t, "reward", t->token_rewards);
    if (t->reward && !std::isfinite(*t->reward)) bad_input(t->where + ": the score is not finite");
    if (!needs_ref && !all_have_ref) continue;
    if (t->ref_logprobs.empty())
      refuse_absent(*t, "ref_logprobs", ", which the KL penalty needs",
                    "add it with score --ref, or set --kl-beta 0 and no --kl-loss");
    append(*t, "reference log-prob", t->ref_logprobs, batch.ref_logprobs);
  }
  return batch;
}

namespace {

// V after the last token of each response that was cut, where the next one would be predicted.
void add_after(PpoBatch& batch, ResponseEvaluator& evaluator, const Transformer& critic) {
  std::vector<ResponseView> cut;
  for (const Trajectory* t : batch.trajectories)
    if (!t->stopped) cut.push_back(t->view());
  const std::vector<float> values = cut.empty() ? std::vector<float>() : evaluator.last_scores(critic, cut);
  auto next = values.begin();
  for (const Trajectory* t : batch.trajectories) {
    batch.after.push_back(t->stopped ? 0.0f : *next++);
    if (!std::isfinite(batch.after.back())) bad_input(t->where + ": the value after its last token is not finite");
  }
}

}  // namespace

void evaluate(PpoBatch& batch, const Transformer& policy, const Transformer* critic, std::int64_t micro_tokens,
              bool bootstrap) {
  ResponseEvaluator evaluator(micro_tokens);
  const auto views = batch.views();
  TokenStats stats = evaluator.stats(policy, views);
  batch.new_logprobs = std::move(stats.logprobs), batch.entropies = std::move(stats.entropies);
  if (critic == nullptr) return;
  batch.values = evaluator.token_scores(*critic, views);
  for (std::size_t i = 0; i < views.size(); ++i)
    expect_finite(*batch.trajectories[i], "value", spread(views[i], batch.part(std::as_const(batch.values), i)));
  if (bootstrap) add_after(batch, evaluator, *critic);
}

void compare_with_recorded(PpoBatch& batch, bool off_policy) {
  const std::size_t n = batch.old_logprobs.size();
  std::vector<float> ratio(n);
  for (std::size_t i = 0; i < n; ++i) ratio[i] = batch.new_logprobs[i] - batch.old_logprobs[i];
  parallel_for(1, [&](std::int64_t) { kernels().exp(ratio.data(), ratio.data(), std::ssize(ratio)); });
  batch.first_ratio_min = *std::ranges::min_element(ratio);
  batch.first_ratio_max = *std::ranges::max_element(ratio);
  const auto refuse = [&](std::size_t i, std::size_t k, const char* why, const char* advice) {
    const Trajectory& t = *batch.trajectories[i];
    const std::size_t token = place_of(t.view(), k - batch.begin[i]);
    bad_input(t.where + ": the log-prob of response token " + std::to_string(token) + " is " + why, advice);
  };
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i)
    for (std::size_t k = batch.begin[i]; k < batch.begin[i + 1]; ++k) {
      if (!off_policy && batch.new_logprobs[k] != batch.old_logprobs[k])
        refuse(i, k, "not the one that this policy gives",
               "the record was changed after it was sampled; --off-policy accepts it");
      if (!std::isfinite(ratio[k]))
        refuse(i, k, "so far from this policy's that their ratio is beyond float32", "drop such records");
    }
}

void add_importance_weights(PpoBatch& batch, const CorrectionOptions& options) {
  std::vector<double> log_ratios;
  for (std::size_t i = 0; i < batch.new_logprobs.size(); ++i)
    log_ratios.push_back(static_cast<double>(batch.new_logprobs[i]) - static_cast<double>(batch.old_logprobs[i]));
  ImportanceWeights found = importance_weights(log_ratios, batch.begin, options);
  batch.weights = std::move(found.weights);
  batch.importance = found.figures;
}

void expect_one_advantage(const PpoBatch& batch) {
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i) {
    const auto advantages = batch.part(batch.advantages, i);
    if (std::ranges::adjacent_find(advantages, std::ranges::not_equal_to()) != advantages.end())
      bad_input(batch.trajectories[i]->where + ": its tokens have different advantages, a ratio of sequences wants one",
                "give each record one advantage, or leave --ratio sequence out");
  }
}

}  // namespace nudge
