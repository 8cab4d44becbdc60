// What rollout does between its command line and its tally.
#pragma once

#include <optional>

#include "lib/run/chat_flags.h"
#include "lib/run/command.h"
#include "lib/run/rollout.h"
#include "lib/run/streams.h"

namespace nudge {

struct RolloutCommand {
  RolloutOptions rollout;
  StreamOptions streams;
  ChatFlags chat;
  Dtype dtype = Dtype::kF32;
  std::string base;
  bool continues = false;  // trajectories are read, not prompts

  void add_to(Tool& tool);
  // Samples all prompts, or goes on with all trajectories. Nothing where the output had been made already.
  std::optional<Tally> run(Tool& tool);

 private:
  std::optional<Tally> answer(Tool& tool, Model& model);
  std::optional<Tally> go_on(Tool& tool, Model& model);
};

}  // namespace nudge
