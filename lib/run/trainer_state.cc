#include "lib/run/trainer_state.h"

#include "lib/base/error.h"
#include "lib/io/files.h"

namespace nudge {

void TrainerState::visit(StateFields& fields) {
  fields("iteration", iteration), fields("episodes", episodes);
  fields("steps", steps), fields("critic_steps", critic_steps);
  fields("reward_kl_beta", reward_beta), fields("objective_kl_beta", objective_beta);
  fields.optional("scores", scores);
  fields("policies", policies);
  fields("entropy", entropy);
}

TrainerState TrainerState::read(const std::string& folder) {
  TrainerState s;
  const std::string path = folder + "/trainer/state.json";
  if (!file_exists(path)) return s;
  try {
    Record record = read_state(path);
    StateFields reading(record, StateFields::kRead);
    s.visit(reading);
    for (const char* counter : {"iteration", "episodes", "steps", "critic_steps"})
      if (record.integer(counter) < 0) record.fail(counter, "must be 0 or more");
    for (const char* part : {"scores/count", "scores/weight", "scores/squares"})
      if (record.find_number(part).value_or(0) < 0) record.fail(part, "must be 0 or more");
    for (const char* beta : {"reward_kl_beta", "objective_kl_beta"})
      if (!(record.find_number(beta).value_or(1) > 0)) record.fail(beta, "must be above 0");
  } catch (const Error& e) {
    throw Error(e.status(), e.what(), "remove the folder trainer/ to start with a fresh optimizer");
  }
  return s;
}

std::string TrainerState::json() const {
  Record record("the trainer's state");
  StateFields writing(record, StateFields::kWrite);
  TrainerState(*this).visit(writing);
  return state_text(record, 2);
}

}  // namespace nudge
