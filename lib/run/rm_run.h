// Reward-model training, from records to a model with its normalisation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/report/calibration.h"
#include "lib/rl/preference.h"
#include "lib/rl/reward_model.h"
#include "lib/run/step_report.h"
#include "lib/run/training_checkpoint.h"
#include "lib/run/training_options.h"

namespace nudge {

struct RewardRunOptions {
  TrainingOptions training;
  RewardLossOptions loss;
  bool normalize = true;       // rewards get mean 0 over the training answers, or over samples
  bool normalize_std = false;  // and standard deviation 1 over the training answers; over samples they always do
};

struct RewardData {
  std::vector<Ranking> rankings;          // in the order of their ids
  std::int64_t records = 0, skipped = 0;  // skipped: too long
  std::int64_t pairs = 0, identical = 0;  // identical: with the same answer twice
  bool margins() const;                   // whether any margin is not 0
};

// Errors: kBadInput naming the record, or `what` if no record is left.
RewardData reward_data(const std::vector<Record>& records, const Model& model, Dialogues& dialogues, bool skip_long,
                       const std::string& what);

// A policy's response, for the normalisation of rewards.
struct RewardSample {
  std::string id;
  std::vector<std::int32_t> prompt, response;
};

// Reads "prompt_ids" and "response_ids" of trajectories and sorts them by id. Errors: kBadInput naming record and
// field: other tokenizers, tokens beyond the vocabulary, an empty response, beyond the context (unless `skip_long`).
std::vector<RewardSample> reward_samples(const std::vector<Record>& records, const Model& model, bool skip_long,
                                         const std::string& what);

struct RewardReport {
  std::int64_t steps = 0, tokens = 0;
  std::optional<double> first_loss, last_loss;  // of steps
  std::optional<Calibration> held_out;
  std::int64_t earlier_tokens = 0;  // of `tokens`, those of the run that this one resumed
  Estimate loss, accuracy;          // means over the rankings of the last epoch's steps, each before its update
  Estimate mean;                    // of the rewards, as stored, with its error over the answers
  double std = 1;                   // as stored
};

// Trains the model, resuming from `checkpoint` if that holds a state, and stores the normalisation in its config.
// Metrics of a step: step, epoch, loss, accuracy, margin, min_reward, mean_reward, max_reward (raw scores), num_tokens
// (forwarded so far), lr, grad_norm; at the end held_out/... Errors: kBadInput where numbers stop being finite, or all
// scores are equal and their standard deviation is needed; kStopped.
RewardReport run_rm(Model& model, const RewardData& data, const RewardData* held_out,
                    const std::vector<RewardSample>* samples, const RewardRunOptions& options,
                    const OnMetrics& on_metrics, TrainingCheckpoint& checkpoint);

// Calibration over all pairs of each ranking's scores, best first; errors count rankings. `rankings` tell the answers'
// lengths and which are identical; without them all are of one length, and none is.
Calibration judge(const std::vector<std::vector<float>>& scores, std::span<const Ranking> rankings = {});

// The held-out results in words and a table, a line each.
std::vector<std::string> report_lines(const Calibration& held_out);

}  // namespace nudge
