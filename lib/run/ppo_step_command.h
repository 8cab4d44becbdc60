// What ppo-step does between its command line and its tally.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/run/command.h"
#include "lib/run/ppo_run.h"
#include "lib/run/streams.h"

namespace nudge {

struct PpoStepCommand {
  PpoRunOptions ppo;
  StreamOptions streams;
  bool dry_run = false;
  MetricsFile metrics;
  bool each_update = false;  // has a line of metrics
  SaveOptions saving;

  void add_to(Tool& tool);
  // Trains and writes the next policy, or with `dry_run` the records. Nothing where the folder had been made already.
  std::optional<Tally> run(Tool& tool);

 private:
  void add_output_to(Tool& tool);
  void train(Tool& tool, PpoRun& run, Metrics& measured, TrainingCheckpoint& checkpoint);
  void write_annotated(Tool& tool, PpoRun& run, const std::string& digest) const;
};

}  // namespace nudge
