// Which examples make a step.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/rl/schedule.h"
#include "lib/run/training_options.h"

namespace nudge {

// Assigns n examples to steps. Each epoch has its own permutation, a function of seed and epoch. No step crosses the
// end of an epoch, so an epoch's last step may be short. In all, epochs * n examples are taken, rounded to the nearest
// number, but at least one unless epochs or n is 0.
class EpochPlan {
 public:
  // `stream` names the random numbers: epoch e draws from "stream/e".
  EpochPlan(std::int64_t n, const TrainingOptions& options, std::string_view stream);

  std::int64_t steps() const { return steps_; }
  // The examples of step s. Ask for steps 0, 1, ... in this order.
  const std::vector<std::int64_t>& step(std::int64_t s);
  // Whether step s is the first of an epoch.
  bool begins_epoch(std::int64_t s) const { return s % per_epoch_ == 0; }
  // Epochs done after step s; 0.5 is half of the first.
  double epochs_after(std::int64_t s) const;
  // The schedule over all steps. Error kUsage: a warm-up longer than they are.
  Schedule schedule() const;

 private:
  std::int64_t begin_of(std::int64_t s) const { return s / per_epoch_ * n_ + s % per_epoch_ * batch_; }
  std::int64_t end_of(std::int64_t s) const;

  std::int64_t n_, batch_, per_epoch_, total_ = 0, steps_ = 0, epoch_ = -1;
  std::uint64_t seed_;
  std::string stream_;
  Schedule schedule_;
  std::vector<std::int64_t> order_, minibatch_;
};

}  // namespace nudge
