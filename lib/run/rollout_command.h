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

  void add_to(Tool& tool);
  // Samples all prompts. Nothing where the output had been made already.
  std::optional<Tally> run(Tool& tool);
};

}  // namespace nudge
