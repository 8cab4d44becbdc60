// One iteration of PPO over scored trajectories (docs/mathematics.md, 1, 2, 4 to 11): rewards per token, advantages,
// then epochs of minibatches with the objective of choice. The order of the records, the micro-batch and the
// threads change no bit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/model/folder.h"
#include "lib/rl/advantages.h"
#include "lib/rl/controller.h"
#include "lib/rl/gradient_parts.h"
#include "lib/rl/optimizer.h"
#include "lib/rl/responses.h"
#include "lib/rl/state_fields.h"
#include "lib/rl/step_metrics.h"
#include "lib/rl/trajectory.h"

namespace nudge {

enum class Objective {
  kClip,       // the clipped surrogate
  kKl,         // E[ratio A] - beta KL(old || new)
  kIs,         // unclipped importance sampling
  kReinforce,  // log pi R(tau): no critic, one pass
};

struct PpoOptions {
  Objective objective = Objective::kClip;
  std::int64_t epochs = 4;
  std::int64_t minibatch = 64;       // sequences
  std::int64_t micro_tokens = 2048;  // changes no bit
  bool recompute = false;            // blocks again in the backward; changes no bit
  std::int64_t groups = 1;           // of a minibatch's gradient: GradientParts
  double clip_low = 0.2, clip_high = 0.2;
  double value_clip = 0.2;   // negative: not clipped
  double c1 = 0.05;          // of the value loss, whose square has no 1/2
  double c2 = 0;             // of the entropy
  double kl_loss = 0;        // of k3(new, ref) in the loss
  bool kl_estimate = false;  // kKl: k3 of the samples in place of the exact KL
  double target_kl = 0;      // stop the iteration when a minibatch's approxkl exceeds it; 0: never
  bool whiten = true;        // advantages
  bool whiten_rewards = false;
  bool baseline = false;  // kReinforce: subtract the batch's mean return
  double gamma = 1, lambda = 0.95;
  double rate = 1e-5, critic_rate = 1e-5;
  double max_norm = 1;
  std::uint64_t seed = 0;
};

// What learning needs of each token, over all trajectories in the order of their ids. With several trajectories
// back to back, begin[i] is the first token of trajectory i.
struct PpoBatch {
  std::vector<const Trajectory*> trajectories;  // ordered by id
  std::vector<std::size_t> begin;
  std::vector<float> old_logprobs, ref_logprobs;  // ref: empty where nothing needs it and some record has none
  std::vector<float> values, rewards, advantages, returns;
  std::vector<double> totals;       // of each trajectory: the sum of its rewards, neither discounted nor whitened
  std::vector<float> new_logprobs;  // before any update; recomputed
  std::vector<float> entropies;
  float first_ratio_min = 1, first_ratio_max = 1;

  std::size_t size(std::size_t i) const { return begin[i + 1] - begin[i]; }
};

// The terms of the loss of some tokens (row-parallel arrays): what `--dry-run` writes and training descends.
struct PolicyTerms {
  std::vector<float> ratio, loss, dlogprob, clipped;  // loss: without the penalty, dlogprob with k3's
};

class Ppo {
 public:
  // `critic` may be null: with kReinforce, or where the policy carries a shared value head.
  Ppo(Model& policy, Model* critic, Adam& adam, Adam* critic_adam, PpoOptions options);

  // Orders, evaluates and computes rewards and advantages. `beta` weighs the KL penalty in the reward. With
  // `off_policy` the recorded log-probs stay the ratio's denominator; otherwise they must equal the recomputed
  // ones bit for bit, else kBadInput names the record.
  PpoBatch prepare(std::span<const Trajectory> trajectories, double beta, bool off_policy);

  // All epochs. `policy_beta`: of kKl's penalty. Sets the policy/, loss/, val/ ... metrics, means over updates. Calls
  // `after` with the number of updates after each.
  void train(const PpoBatch& batch, std::int64_t iteration, double policy_beta, Metrics& metrics,
             const std::function<void(std::int64_t updates)>& after = nullptr);
  // Updates of n trajectories, where --target-kl ends none of them.
  std::int64_t planned_updates(std::int64_t n) const;
  // How far train() is, to be written down after an update and read back before train(), which then goes on there.
  void visit_progress(StateFields& fields);

  // KL(old || policy) in nats per token as the policy stands now, exact or by k3 as the objective `kl` has it.
  double current_kl(const PpoBatch& batch);

  // The policy terms of all tokens against the current policy's log-probs.
  PolicyTerms terms(const PpoBatch& batch, std::span<const float> logprobs, double policy_beta) const;

  // The gradients that one minibatch leaves, for tests: indices into batch.trajectories.
  struct Figures {
    double policy_loss = 0, value_loss = 0, entropy = 0, approxkl = 0, clipfrac = 0, value_clipfrac = 0, ratio = 0,
           ratio_square = 0, kl_loss = 0, kl = 0;
    double loss = 0;  // the whole, minimised
    std::int64_t tokens = 0;
    void add(const Figures& other);  // all but the last two
  };
  Figures accumulate(const PpoBatch& batch, std::span<const std::int64_t> minibatch, double policy_beta);
  const Buffer<float>& policy_gradient() const { return gradients_.values(); }
  const Buffer<float>& critic_gradient() const { return critic_gradients_->values(); }

 private:
  // Where train() is, and its figures so far.
  struct Progress {
    std::int64_t epoch = 0, begin = 0;  // the next minibatch
    bool stopped = false;
    Moments policy_loss, value_loss, loss, entropy, approxkl, clipfrac, value_clipfrac, ratio, ratio_variance, kl,
        norms;
  };

  // The policy gradient holds for samples of the policy that it changes: one update of all of them.
  bool once() const { return options_.objective == Objective::kReinforce; }
  void set_means(Metrics& metrics) const;
  bool shared() const { return policy_.config().shared_value; }
  bool has_values() const { return options_.objective != Objective::kReinforce; }
  void policy_terms(const PpoBatch& batch, std::span<const std::size_t> tokens, std::span<const float> logprobs,
                    double policy_beta, PolicyTerms& terms) const;
  void policy_pass(const PpoBatch& batch, std::span<const std::int64_t> members, double weight, double policy_beta,
                   Figures& figures);
  void critic_pass(const PpoBatch& batch, std::span<const std::int64_t> members, double weight, Figures& figures);
  // Adds the gradients of some members of a minibatch, each token's by `weight`; the sums of their figures.
  Figures accumulate_part(const PpoBatch& batch, std::span<const std::int64_t> members, double weight,
                          double policy_beta);
  void value_terms(const PpoBatch& batch, std::span<const std::size_t> tokens, std::span<const float> values,
                   double weight, std::span<float> dvalue, Figures& figures) const;
  void evaluate_values(PpoBatch& batch, std::span<const ResponseView> views);
  double step();

  Model& policy_;
  Model* critic_;
  Adam& adam_;
  Adam* critic_adam_;
  PpoOptions options_;
  Progress progress_;
  bool finished_ = false;             // train() was done with it
  std::unique_ptr<Transformer> old_;  // kKl: the policy before the first update
  GradientParts parts_;
  Gradients gradients_;
  std::unique_ptr<Gradients> critic_gradients_;
  Trace trace_, old_trace_;
  LanguageHead head_;
  Buffer<float> dfinal_;
};

}  // namespace nudge
