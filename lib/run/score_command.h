// What score does between its command line and its tally.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/run/chat_flags.h"
#include "lib/run/command.h"
#include "lib/run/filter.h"
#include "lib/run/scoring.h"

namespace nudge {

struct ScoreCommand {
  std::vector<std::string> reward_models;  // FOLDER or NAME=FOLDER
  std::string reference;
  std::optional<std::int64_t> best;
  ScoringOptions scoring;
  StreamOptions streams;
  ChatFlags chat;

  void add_to(Tool& tool);
  // Scores all records. Nothing where the output had been made already.
  std::optional<Tally> run(Tool& tool);

 private:
  void add_ensemble_to(Tool& tool);
  void add_models_to(Tool& tool);
  void score_all(FilterInput& in, Scorer& scorer, RecordWriter& out, KeptRecords& kept, Progress& progress) const;
  // Returns what was chosen, in words.
  std::string choose(FilterInput& in, Scorer& scorer, RecordWriter& out, KeptRecords& kept, Progress& progress) const;
  void warn_of_unused_chat(Tool& tool, const Scorer& scorer) const;
  Tally report(Tool& tool, const Scorer& scorer, std::int64_t records) const;

  std::vector<const Option*> of_trajectories_;  // options that pairs have no use for
};

}  // namespace nudge
