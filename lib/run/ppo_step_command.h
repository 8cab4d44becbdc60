// What ppo-step does between its command line and its tally.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/run/command.h"
#include "lib/run/metrics_log.h"
#include "lib/run/ppo_run.h"
#include "lib/run/streams.h"

namespace nudge {

struct PpoStepCommand {
  PpoRunOptions ppo;
  StreamOptions streams;
  bool dry_run = false;
  HealthBounds bounds;
  bool strict = false;  // warnings of the health are errors
  MetricsLog metrics;
  bool each_update = false;  // has a line of metrics
  SaveOptions saving;
  bool shed_moments = false;  // of the policy's folder

  void add_to(Tool& tool);
  // Trains and writes the next policy, or with `dry_run` the records. Nothing where the folder had been made already.
  std::optional<Tally> run(Tool& tool);

 private:
  void add_output_to(Tool& tool);
  void add_health_to(Tool& tool);
  void heed(Tool& tool, const std::vector<std::string>& warnings);
  void train(Tool& tool, PpoRun& run, Metrics& measured, TrainingCheckpoint& checkpoint, RunFolder& folder);
  void shed(Tool& tool, const PpoRun& run) const;
  std::string summary(const PpoRun& run, const Metrics& measured) const;
  void write_annotated(Tool& tool, PpoRun& run, const std::string& digest) const;

  std::vector<std::string> warned_;  // of the health
};

}  // namespace nudge
