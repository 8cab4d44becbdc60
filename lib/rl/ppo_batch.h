// The response tokens of an iteration as flat arrays with one set of offsets: filled once from the trajectories, read
// by the advantages, the losses and the metrics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/model/transformer.h"
#include "lib/rl/importance.h"
#include "lib/rl/policy_loss.h"
#include "lib/rl/trajectory.h"

namespace nudge {

// B trajectories, borrowed, and those N of their predicted response tokens that count (loss_mask), back to back. Arrays are (N) unless marked, and empty
// until something fills them.
struct PpoBatch {
  std::vector<const Trajectory*> trajectories;    // (B) ordered by id, which every sum over the batch follows
  std::vector<std::size_t> begin;                 // (B + 1) first token of each trajectory
  std::vector<float> old_logprobs, ref_logprobs;  // recorded; ref: empty where it is not needed and a record has none
  std::vector<float> new_logprobs, entropies;     // of the policy before any update, recomputed
  std::vector<float> values;                      // V of the critic before any update; empty without one
  std::vector<float> after;                       // (B) V behind a cut response, 0 behind others; empty: 0 everywhere
  std::vector<double> scores;                     // (B) as they enter the rewards: scaled, clipped, or left out
  std::vector<float> rewards;                     // KL penalty and scores, whitened if asked for
  std::vector<float> advantages, returns;         // returns: what the critic learns
  std::vector<float> weights;                     // of the objective's term where samples are corrected, else empty
  std::vector<double> totals;                     // (B) sum of a trajectory's rewards, neither discounted nor whitened
  std::vector<std::int64_t> learnt;               // the trajectories that the updates are made of, ascending
  std::int64_t groups = 0, equal_groups = 0;      // where groups are compared: theirs, and those of equal returns
  float first_ratio_min = 1, first_ratio_max = 1;
  ImportanceFigures importance;  // where samples are corrected

  std::size_t size(std::size_t i) const { return begin[i + 1] - begin[i]; }
  // The part of an array that belongs to tokens [first, first + n), or to trajectory i; empty where the array is.
  static std::span<const float> part(const std::vector<float>& all, std::size_t first, std::size_t n) {
    return all.empty() ? std::span<const float>() : std::span(all).subspan(first, n);
  }
  std::span<const float> part(const std::vector<float>& all, std::size_t i) const {
    return part(all, begin[i], size(i));
  }
  std::span<float> part(std::vector<float>& all, std::size_t i) const {
    return all.empty() ? std::span<float>() : std::span(all).subspan(begin[i], size(i));
  }
  std::vector<ResponseView> views() const;  // (B)

  // Log-probs of the policy that is the ratio's denominator: the recorded ones, or where samples are corrected those of
  // the policy before any update.
  const std::vector<float>& denominators() const { return weights.empty() ? old_logprobs : new_logprobs; }

  // Tokens [first, first + logprobs.size()) with these current log-probs, as the policy's loss reads them.
  PolicyTokens policy_tokens(std::size_t first, std::span<const float> logprobs) const;
  // The same of trajectories [first, last), for a ratio of sequences, too.
  PolicyTokens policy_tokens_of(std::size_t first, std::size_t last, std::span<const float> logprobs) const;

  // A batch of some trajectories, in the order given, with what the losses read: log-probs, values, advantages,
  // returns, weights.
  PpoBatch select(std::span<const std::int64_t> members) const;
};

// Orders trajectories by id, sets the offsets, and copies what was recorded; with `given_advantages` those too, and a
// reward may be absent. Errors: kBadInput naming the record for an id that occurs twice, an absent or non-finite number,
// a list of another length than the response.
PpoBatch gather_recorded(std::span<const Trajectory> trajectories, bool needs_ref, bool given_advantages = false);

// Forwards the policy, and `critic` where it is not null (it may be the policy with its value head): new_logprobs,
// entropies, values; with `bootstrap` also `after`. Errors: kBadInput where a value is not finite.
void evaluate(PpoBatch& batch, const Transformer& policy, const Transformer* critic, std::int64_t micro_tokens,
              bool bootstrap = false);

// Sets the range of the first ratio. Errors: kBadInput naming the record: new log-probs differ from the recorded ones
// by a bit, unless `off_policy`; a ratio is beyond float32.
void compare_with_recorded(PpoBatch& batch, bool off_policy);

// Sets the importance weights of the policy before any update over the recorded one, with their figures.
void add_importance_weights(PpoBatch& batch, const CorrectionOptions& options);

// Error kBadInput naming the record: advantages differ within a sequence, which a ratio of sequences has no use for.
void expect_one_advantage(const PpoBatch& batch);

}  // namespace nudge
