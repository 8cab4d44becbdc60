// One iteration of PPO over scored trajectories (docs/mathematics.md, 1, 2, 4 to 11): a batch with advantages, then
// epochs of minibatches, an update each. Objective, advantage, critic and number of updates are separate choices. The
// order of the records, the micro-batch and the threads change no bit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lib/model/folder.h"
#include "lib/model/head.h"
#include "lib/rl/advantages.h"
#include "lib/rl/importance.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/optimizer.h"
#include "lib/rl/policy_loss.h"
#include "lib/rl/ppo_batch.h"
#include "lib/rl/state_fields.h"
#include "lib/rl/step_metrics.h"
#include "lib/rl/trajectory.h"

namespace nudge {

// What the terms of a minibatch's loss are divided by, after summing them over tokens.
enum class LossMean {
  kTokens,     // the minibatch's tokens
  kSequences,  // a sequence's tokens, then the minibatch's sequences
  kConstant,   // loss_constant, then the minibatch's sequences
};

struct PpoOptions : PolicyLossOptions, AdvantageOptions {
  bool critic = true;        // a critic learns; kGae needs one
  bool critic_only = false;  // the policy and its optimizer stay: a critic's warm-up
  bool one_update = false;   // of all trajectories, in place of epochs of minibatches
  std::int64_t epochs = 4;
  std::int64_t minibatch = 64;       // sequences
  std::int64_t micro_tokens = 2048;  // tokens that go through the model together; changes no bit
  bool recompute = false;            // blocks again in the backward; changes no bit
  std::int64_t groups = 1;           // parts of a minibatch's gradient: GradientParts
  double value_clip = 0.2;           // negative: not clipped
  double c1 = 0.05;                  // weight of the value loss, whose square has no 1/2
  double c2 = 0;                     // weight of the entropy bonus
  LossMean loss_mean = LossMean::kTokens;
  std::int64_t loss_constant = 0;  // kConstant: tokens
  CorrectionOptions correct;       // of samples of another policy
  double target_kl = 0;            // stop the iteration when a minibatch's approxkl exceeds it; 0: never
  double rate = 1e-5, critic_rate = 1e-5;
  double max_norm = 1;  // of the policy's gradient, and of the critic's
  std::uint64_t seed = 0;
};

// The textbook's REINFORCE (docs/mathematics.md, 1), which --objective reinforce is without --advantage: Williams's loss,
// each trajectory's return as it is for advantage, no critic, and one update, since the policy gradient holds for
// samples of the policy that it changes.
PpoOptions textbook_reinforce(PpoOptions options);

struct LossStatistics {
  // Terms of the loss, means by LossMean: kl_loss is KL(new || ref), kl_old_loss KL(old || new).
  double policy_loss = 0, value_loss = 0, entropy_loss = 0, kl_loss = 0, kl_old_loss = 0;
  double loss = 0;  // the whole, minimised
  // Means over the minibatch's tokens.
  double entropy = 0, approxkl = 0, clipfrac = 0, value_clipfrac = 0, ratio = 0, ratio_square = 0, kl = 0;
  std::int64_t tokens = 0;
};

// By what a token's terms are multiplied in the sum over a minibatch, which is then divided by the tokens (kTokens) or
// the sequences.
double share_of_token(const PpoOptions& options, std::size_t tokens_of_sequence);

struct GradientNorms {
  double policy = 0, critic = 0;  // before clipping; critic: of a separate one
};

class Ppo {
 public:
  // `critic` may be null: where options.critic is off, or the policy carries a shared value head. `reference` is read
  // for the exact KL(new || ref) in the loss alone; it is packed here and must outlive this. Error kInternal where
  // there is no critic to learn, or kGae has none to read, or that KL no reference. With options.critic_only a shared
  // value head learns by `critic_adam`, which is of that tensor alone.
  Ppo(Model& policy, Model* critic, Adam& adam, Adam* critic_adam, PpoOptions options,
      Transformer* reference = nullptr);

  // The iteration's batch with rewards and advantages. `beta` weighs the KL penalty in the reward. With `off_policy`
  // the recorded log-probs stay the ratio's denominator, unless options.correct puts the policy as it stands in their
  // place; otherwise they must equal the recomputed ones bit for bit. Errors: those of ppo_batch.h.
  PpoBatch prepare(std::span<const Trajectory> trajectories, double beta, bool off_policy);

  // Receives the number of updates so far, and the last one's statistics and gradient norms.
  using AfterUpdate = std::function<void(std::int64_t updates, const LossStatistics& s, const GradientNorms& norms)>;
  // All epochs. `policy_beta`: of kKl's penalty. Sets the policy/, loss/, val/ ... metrics, means over updates. Calls
  // `after` after each, and `policy_is_final` when the policy has had its last update and a critic of its own is still
  // to have one; not where --target-kl ends the iteration.
  void train(const PpoBatch& batch, std::int64_t iteration, double policy_beta, Metrics& metrics,
             const AfterUpdate& after = nullptr, const std::function<void()>& policy_is_final = nullptr);
  // Updates of n trajectories, where --target-kl ends none of them.
  std::int64_t planned_updates(std::int64_t n) const;
  // The position within train(): saved after an update or where a stop interrupts train(), read back before train(),
  // which then goes on there.
  void visit_progress(StateFields& fields);

  // KL(old || policy) in nats per token as the policy stands now: exact, or k3 with kl_estimate.
  double current_kl(const PpoBatch& batch);
  // How far the policy has gone since prepare(): the mean of k3 over the samples' tokens, nats.
  double moved(const PpoBatch& batch) const;

  // Leaves the gradients of one minibatch: indices into batch.trajectories.
  LossStatistics accumulate(const PpoBatch& batch, std::span<const std::int64_t> minibatch, double policy_beta);
  const Buffer<float>& policy_gradient() const { return gradients_.values(); }
  const Buffer<float>& critic_gradient() const { return critic_gradients_->values(); }

 private:
  // Where train() is, and running statistics over its updates.
  struct Progress {
    std::int64_t epoch = 0, begin = 0;  // the next minibatch
    bool stopped = false;
    // Whether the policy has learnt by the next minibatch and its critic is still to: its sums and the policy's norm.
    bool policy_done = false;
    LossStatistics sums;
    double policy_norm = 0;
    Moments policy_loss, value_loss, loss, entropy, approxkl, clipfrac, value_clipfrac, ratio, ratio_variance, kl,
        norms, critic_norms;
    void add(const LossStatistics& s, const GradientNorms& norm);  // all but approxkl
  };
  struct Minibatch {
    const PpoBatch& batch;
    std::span<const std::int64_t> members;  // indices into batch.trajectories
    double policy_beta;
    std::int64_t tokens = 0;
    double divisor = 0;  // of the sums over its tokens
  };
  // Consecutive sequences of a minibatch's part, packed for one pass. Its target i is the part's token first() + i.
  struct MicroBatch {
    const PpoBatch& part;
    std::size_t begin, end;  // sequences of the part
    double divisor;
    double policy_beta;
    Batch packed = {};
    Targets targets = {};
    std::vector<double> shares = {};  // of each target's terms in the sum that `divisor` divides
    std::size_t first() const { return part.begin[begin]; }
    double scale(std::size_t target) const { return shares[target] / divisor; }
  };

  // The terms of the loss beside the policy's own, whose weight is 1: value and gradient read them here. The weights of
  // kl_ref and, estimated, of kl_old are in the derivative that policy_loss gives.
  struct LossWeights {
    double value, entropy, kl_ref, kl_old;
  };
  LossWeights weights(double policy_beta) const;
  void set_means(Metrics& metrics) const;
  bool shared_critic() const { return options_.critic && policy_.config().shared_value; }
  bool own_critic() const { return options_.critic && critic_ != nullptr; }
  bool exact_reference() const { return options_.kl_loss > 0 && options_.kl_loss_kind == KlLossKind::kExact; }
  PolicyLoss loss_of_sequences(const MicroBatch& m, const HeadInput& input);
  // `whole`: the micro-batch's loss where it is known before its chunks. `kl_ref`: exact KL(new || ref) of each target,
  // or empty.
  LanguageHead::Loss row_losses(const MicroBatch& m, const std::optional<PolicyLoss>& whole,
                                const std::vector<float>& kl_ref, LossStatistics& sums) const;
  using Pass = void (Ppo::*)(const MicroBatch& m, LossStatistics& sums);
  void policy_pass(const MicroBatch& m, LossStatistics& sums);
  void critic_pass(const MicroBatch& m, LossStatistics& sums);
  // From the final states in `trace` to the value loss's gradient by them, in dfinal_, and by the value head.
  void value_pass(const Transformer& model, const MicroBatch& m, const Trace& trace, Gradients& gradients,
                  LossStatistics& sums);
  Minibatch minibatch_of(const PpoBatch& batch, std::span<const std::int64_t> members, double policy_beta) const;
  // Some members of a minibatch through one pass: adds their gradients, returns sums over their tokens.
  LossStatistics run_part(Pass pass, const Minibatch& m, std::span<const std::int64_t> members);
  // All of them, on all ranks: leaves the gradient and adds to the sums.
  void run_pass(Pass pass, const Minibatch& m, Gradients& gradients, GradientParts& parts, LossStatistics& sums);
  LossStatistics means(LossStatistics sums, const Minibatch& m) const;
  // The update by a minibatch, one network after the other. Null where the policy is too far from where it was.
  std::optional<std::pair<LossStatistics, GradientNorms>> update(const Minibatch& m,
                                                                 const std::function<void()>& after_policy);
  void release_memory();
  double policy_step();
  double critic_step();

  Model& policy_;
  Model* critic_;
  Adam& adam_;
  Adam* critic_adam_;
  PpoOptions options_;
  Progress progress_;
  bool finished_ = false;             // train() is done with progress_
  std::unique_ptr<Transformer> old_;  // for the exact KL: the policy before the first update
  Transformer* reference_;
  GradientParts parts_, critic_parts_;
  Gradients gradients_;
  std::unique_ptr<Gradients> critic_gradients_;
  Trace trace_, old_trace_, ref_trace_;
  LanguageHead head_;
  Buffer<float> dfinal_;
};

}  // namespace nudge
