// What ppo-step does around Ppo: the policy folder with its critic and its trainer's state, in and out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/report/estimate.h"
#include "lib/run/background_jobs.h"
#include "lib/run/health.h"
#include "lib/run/ppo_options.h"
#include "lib/run/run_folder.h"
#include "lib/run/stored_moments.h"
#include "lib/run/trainer_state.h"
#include "lib/run/training_checkpoint.h"

namespace nudge {

// What the tally of an iteration tells of its samples.
struct SampleFigures {
  Estimate reward;                           // of a trajectory: its score, and the record's rewards per token
  Estimate kl;                               // to the reference, nats per sequence; absent where that is unknown
  Estimate entropy;                          // nats per token
  std::optional<double> explained_variance;  // of the critic, where there is one
};

class PpoRun {
 public:
  // Errors: kBadInput, naming the folder, where the run's iterations are done.
  explicit PpoRun(PpoRunOptions options);

  // Takes a record of the input. Errors: kBadInput naming it: not a trajectory of this policy's, fields missing.
  void add(const Record& record);
  std::int64_t size() const { return static_cast<std::int64_t>(records_.size()); }

  // Names the policy's folder with its critic and state, and the input whatever its order.
  std::string policy_digest() const { return folder_digest_; }
  std::string reference_digest() const;      // "" without one
  std::vector<std::string> remarks() const;  // Model's, of policy and critic
  std::string input_digest();

  // Recomputes log-probs, values, advantages. Sets the objective/, val/, critic/ ... metrics. Errors: kBadInput,
  // kUsage for a controller that can't go on.
  void prepare(Metrics& metrics);
  float first_ratio_min() const { return batch_.first_ratio_min; }
  float first_ratio_max() const { return batch_.first_ratio_max; }
  // After prepare().
  std::int64_t planned_updates() const { return ppo_->planned_updates(std::ssize(batch_.learnt)); }
  SampleFigures figures() const;
  SampleHealth sample_health() const;
  std::int64_t tokens() const { return std::ssize(batch_.old_logprobs); }  // of the responses
  std::int64_t iteration() const { return state_.iteration; }              // from 0; train() ends it
  // Before this iteration. Each steps one of the optimizers at least, in the critic's warm-up only the critic's; a shared
  // critic has one of its own only then, and its count ends with it.
  std::int64_t earlier_updates() const {
    if (critic_) return std::max(state_.steps, state_.critic_steps);
    return critic_adam_ ? state_.critic_steps : state_.steps;
  }
  // Receives an update's metrics: iteration, update (from 1), loss/..., policy/..., val/..., actor/grad_norm,
  // critic/grad_norm (0 without a separate critic).
  using OnUpdate = std::function<void(std::int64_t update, const Metrics& metrics)>;
  // All updates, from `checkpoint` on where that has some, and the controllers' step. Writes policy and critic into
  // `folder`, if one is given, from when they are final, while the rest is computed. Errors: kBadInput where training
  // diverges.
  void train(Metrics& metrics, TrainingCheckpoint& checkpoint, const OnUpdate& on_update, RunFolder* folder);
  // After train(): writes the trainer's state as well, and waits for all of it.
  void save(RunFolder& folder);
  // Removes the moments that this iteration began with, when its output is in place (StoredMoments).
  void shed_moments() const;
  // The input's records, in its order, with "values", "advantages", "returns", "token_rewards", "ratio" and
  // "policy_loss" added; nothing is trained.
  std::vector<Record> annotated();

 private:
  void load_critic();
  Model new_critic();
  void load_shared_critic();
  void load_trainer();
  void take_place_in_run();
  void finish_iteration(Metrics& metrics);
  void save_policy(const std::string& folder, const std::string& trainer) const;
  void save_critic(const std::string& folder, const std::string& trainer) const;
  void load_reference();
  void check_age(const Trajectory& t) const;
  std::string critic_digest();
  std::string advice_on_policy(const std::string& sampled_by);
  bool is_new_adapter() const;  // of the policy
  bool stored_critic() const;   // whether the policy's folder has one
  void take_over_controllers();
  bool uses_critic() const { return options_.ppo.critic; }
  void scale_scores();
  void describe_rewards(Metrics& metrics) const;
  double mean_kl() const;  // sum of log pi - log ref over a sequence, mean over sequences

  PpoRunOptions options_;
  Bases bases_;
  std::unique_ptr<Model> policy_, critic_, reference_;
  std::unique_ptr<Adam> adam_, critic_adam_;
  StoredMoments moments_, critic_moments_;
  Dtype dtype_ = Dtype::kF32;
  std::unique_ptr<Ppo> ppo_;
  TrainerState state_;
  std::string digest_, folder_digest_;  // of what samples, and of all that the output takes over
  std::vector<Record> records_;
  std::vector<Trajectory> trajectories_;
  PpoBatch batch_;
  BackgroundJobs ahead_;  // reads what stands before it
};

}  // namespace nudge
