// What rm-train does between its command line and its tally.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/run/adapter_options.h"
#include "lib/run/chat_flags.h"
#include "lib/run/command.h"
#include "lib/run/metrics_log.h"
#include "lib/run/rm_run.h"
#include "lib/run/run_folder.h"
#include "lib/run/streams.h"

namespace nudge {

struct RmTrainCommand {
  std::string init, held_out, normalize_on;
  RewardRunOptions training;
  StreamOptions streams;
  ChatFlags chat;
  AdapterOptions adapter;
  Dtype dtype = Dtype::kF32;
  MetricsLog metrics;
  SaveOptions saving;

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
