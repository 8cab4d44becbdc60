// The counters and controllers that travel from one iteration to the next in trainer/state.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/rl/state_fields.h"
#include "lib/rl/step_metrics.h"

namespace nudge {

struct TrainerState {
  std::int64_t iteration = 0, episodes = 0, steps = 0, critic_steps = 0;
  std::optional<double> reward_beta, objective_beta;
  Moments scores;                     // of all iterations with --reward-scale running
  std::vector<std::string> policies;  // digests of those before this one, newest first, at most kKnownPolicies
  std::optional<double> entropy;      // of the last iteration's samples, nats per token

  // A fresh one where the folder has none. Error kBadInput names file and field.
  static TrainerState read(const std::string& folder);
  std::string json() const;
  void visit(StateFields& fields);
};

}  // namespace nudge
