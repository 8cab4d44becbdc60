// What score does between its command line and its tally.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/run/chat_flags.h"
#include "lib/run/command.h"
#include "lib/run/filter.h"
#include "lib/run/scoring.h"

namespace nudge {

struct ScoreCommand {
  std::string reward_model, reference;
  ScoringOptions scoring;
  StreamOptions streams;
  ChatFlags chat;

  void add_to(Tool& tool);
  // Scores all records. Nothing where the output had been made already.
  std::optional<Tally> run(Tool& tool);

 private:
  void add_models_to(Tool& tool);
  Tally report(Tool& tool, const Scorer& scorer, std::int64_t records) const;

  std::vector<const Option*> of_trajectories_;  // options that pairs have no use for
};

}  // namespace nudge
