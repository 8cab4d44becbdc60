// The options of PPO, registered beside the structs that they set (lib/rl/ppo.h, lib/run/ppo_run.h).
#pragma once

#include "lib/cli/tool.h"
#include "lib/run/ppo_run.h"

namespace nudge {

// Each registers a group of options and, for after parsing, the checks that refuse options which would do nothing.
void model_options(Tool& tool, PpoRunOptions& options);
void objective_options(Tool& tool, PpoRunOptions& options);
void reward_options(Tool& tool, PpoRunOptions& options);
void update_options(Tool& tool, PpoRunOptions& options);

}  // namespace nudge
