// What rm-train does between its command line and its tally.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/run/chat_flags.h"
#include "lib/run/rm_run.h"
#include "lib/run/run_folder.h"
#include "lib/run/streams.h"

namespace nudge {

struct RmTrainCommand {
  std::string init, output, held_out, normalize_on;
  RewardRunOptions training;
  std::vector<std::string> files;
  ChatFlags chat;
  Dtype dtype = Dtype::kF32;
  bool force = false, salvage = false;
  MetricsFile metrics;
  SaveOptions saving;

  struct Tally {
    std::int64_t rankings = 0, steps = 0, tokens = 0;
    double mean = 0, std = 1;  // of the rewards, as stored
  };

  RmTrainCommand() { training.training.schedule.peak = 1e-5; }
  void add_to(Tool& tool);
  // Trains and writes the model. Nothing where the folder had been made already.
  std::optional<Tally> run(Tool& tool);

 private:
  void add_output_to(Tool& tool);
  std::optional<std::vector<RewardSample>> load_samples(Tool& tool, const Model& model, Provenance& provenance) const;
  RewardData load(Tool& tool, const std::vector<Record>& records, const Model& model, Dialogues& dialogues,
                  const std::string& what) const;
  void tell_made_already(Tool& tool, const RunFolder& folder) const;
};

}  // namespace nudge
