// What an iteration of PPO is asked for, and the options that say it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/cli/tool.h"
#include "lib/rl/controller.h"
#include "lib/rl/ppo.h"
#include "lib/rl/schedule.h"
#include "lib/run/adapter_options.h"

namespace nudge {

enum class CriticKind { kOwn, kShared };

inline constexpr std::int64_t kKnownPolicies = 100;  // iterations whose policies the trainer's state remembers

struct PpoRunOptions {
  std::string policy, critic_init;
  AdapterOptions adapter;
  std::string reference;  // for the exact KL(new || ref) in the loss
  CriticKind critic = CriticKind::kOwn;
  bool off_policy = false, allow_truncated = false;
  std::optional<std::int64_t> max_age;  // of the policy that sampled a record, in iterations
  std::optional<std::int64_t> records;  // that the input has to have
  bool running_scale = false;           // scores over the deviation of all so far
  KlController reward_kl;               // beta of the penalty in the reward; nats per sequence
  KlController objective_kl{KlControl::kFixed, 1.0, 0.01, 10000};  // of the objective `kl`; nats per token
  AdamOptions adam{0.9, 0.999, 1e-5, 0, 1};
  PpoOptions ppo;                      // after parsing with the choice of `advantage`; its rates: the peaks
  std::optional<Advantage> advantage;  // not given: gae, with --objective reinforce return
  Decay decay = Decay::kConstant;
  std::optional<std::int64_t> iterations;  // of the whole run, over which the rates decay
  std::uint64_t warmup = 0;                // iterations over which the rates rise
  std::int64_t critic_warmup = 0;          // iterations in which only the critic learns
  bool no_moments = false;                 // the output has none
  std::optional<Dtype> dtype;              // the records' where not given

  const Option *rate_option = nullptr, *critic_rate_option = nullptr;  // --lr, --critic-lr

  // The rate of an iteration, from 0, where the highest is `peak` (docs/mathematics.md, 13).
  double rate(double peak, std::int64_t iteration) const;

  // Registers the groups "Models" to "Training" and, for after parsing, the checks that refuse options which would do
  // nothing. Then `ppo` also has what --objective reinforce and --advantage stand for.
  void add_to(Tool& tool);
  Advantage chosen_advantage() const;

 private:
  void add_models_to(Tool& tool);
  void add_objective_to(Tool& tool);
  void add_loss_to(Tool& tool);
  void add_off_policy_to(Tool& tool);
  void add_rewards_to(Tool& tool);
  void add_advantages_to(Tool& tool);
  void add_updates_to(Tool& tool);
  void add_schedule_to(Tool& tool);
};

}  // namespace nudge
