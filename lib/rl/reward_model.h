// Trains a reward model by the Bradley-Terry loss of a pair, or of all pairs of a ranking (docs/mathematics.md, 3).
// Forwards each answer once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/model/folder.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/optimizer.h"
#include "lib/rl/preference.h"

namespace nudge {

struct RewardLossOptions {
  float margin_weight = 0;  // of the records' margins
  float centering = 0;      // weight of the mean of (r_better + r_worse)^2
  float smoothing = 0;      // probability, below 1/2, that a pair's order is wrong
};

struct RewardStatistics {
  double loss = 0;                 // mean over rankings of the mean over their pairs
  std::optional<double> accuracy;  // over pairs of different answers, if any; equal rewards count half
  double margin = 0;               // mean r_better - r_worse over pairs
  double min_reward = 0, mean_reward = 0, max_reward = 0;
  std::int64_t tokens = 0;
};

class RewardTrainer {
 public:
  // `recompute`: as in Trace. `parts`: of a step's gradient (GradientParts); changes its bits.
  RewardTrainer(Model& model, RewardLossOptions loss, AdamOptions adam, std::int64_t micro_tokens,
                bool recompute = false, std::int64_t parts = 1);

  // Leaves the gradient of the minibatch's loss.
  RewardStatistics accumulate(std::span<const Ranking* const> minibatch);
  const Buffer<float>& gradient() const { return gradients_.values(); }
  Adam& adam() { return adam_; }
  double step(float rate);  // returns the gradient's norm before clipping

  // Raw scores of all answers, by ranking.
  std::vector<std::vector<float>> scores(std::span<const Ranking> rankings);
  // One of each response.
  std::vector<float> scores(std::span<const ResponseView> responses) {
    return evaluator_.end_scores(model_.transformer, responses);
  }

 private:
  // Sums over a part of a minibatch's rankings.
  struct Sums {
    double loss = 0, accuracy = 0, margin = 0, reward = 0;
    double min_reward, max_reward;
    std::int64_t pairs = 0, judged = 0, answers = 0;  // judged: pairs of different answers, for the accuracy
    Sums();
    void add(const Sums& other);
  };
  // Adds the gradient of a ranking's loss by its answers' scores, times `weight`, and its pairs' sums.
  void ranking_loss(const Ranking& r, std::span<const float> score, float weight, std::span<float> dscore,
                    Sums& sums) const;
  // Adds the gradient of some rankings' losses, each times `weight`.
  Sums accumulate_part(std::span<const Ranking* const> members, float weight);

  Model& model_;
  RewardLossOptions loss_;
  Adam adam_;
  std::int64_t micro_tokens_;
  GradientParts parts_;
  Gradients gradients_;
  Trace trace_;
  ResponseEvaluator evaluator_;
  Buffer<float> dfinal_;
};

}  // namespace nudge
