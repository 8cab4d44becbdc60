// Supervised fine-tuning, from records to a trained model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/rl/sft.h"
#include "lib/run/step_report.h"
#include "lib/run/training_checkpoint.h"
#include "lib/run/training_options.h"

namespace nudge {

struct SftRunOptions {
  TrainingOptions training;
  Learn learn;
};

struct SftData {
  std::vector<SftExample> examples;         // in the order of their ids
  std::int64_t records = 0, skipped = 0;    // skipped: too long
  bool prompts = false, dialogues = false;  // whether any record has a prompt; is {"messages"}
};

// Errors: kBadInput naming the record, or `what` if no token is left to learn.
SftData sft_data(const std::vector<Record>& records, const Model& model, Dialogues& dialogues,
                 const SftRunOptions& options, const std::string& what);

struct SftReport {
  std::int64_t steps = 0, tokens = 0;           // tokens that counted, over all steps
  std::int64_t earlier_tokens = 0;              // of these, those of the run that this one resumed
  std::optional<double> first_loss, last_loss;  // of steps
  std::optional<double> held_out_before, held_out_after;
};

// Trains the model, resuming from `checkpoint` if that holds a state. Metrics of a step: step, epoch, loss/train, lr,
// grad_norm, tokens (that counted in it); before the first and after the last: step, held_out/loss,
// held_out/perplexity. Errors: kBadInput naming the step where numbers stop being finite; kStopped.
SftReport run_sft(Model& model, const SftData& data, const SftData* held_out, const SftRunOptions& options,
                  const OnMetrics& on_metrics, TrainingCheckpoint& checkpoint);

// "loss 6.2 to 1.3, held-out loss 6.2 to 1.5 (perplexity 4.5)", without what was not measured.
std::string summary(const SftReport& report);

}  // namespace nudge
