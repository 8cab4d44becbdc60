#include "lib/run/epoch_plan.h"

#include <algorithm>
#include <cmath>

#include "lib/base/rng.h"

namespace nudge {

EpochPlan::EpochPlan(std::int64_t n, const TrainingOptions& options, std::string_view stream)
    : n_(n), batch_(std::clamp<std::int64_t>(n, 1, options.batch)), per_epoch_((n + batch_ - 1) / batch_),
      seed_(options.seed), stream_(stream), schedule_(options.schedule) {
  if (n == 0) return;
  total_ = std::llround(options.epochs * static_cast<double>(n));
  if (options.epochs > 0) total_ = std::max<std::int64_t>(1, total_);
  steps_ = total_ / n * per_epoch_ + (total_ % n + batch_ - 1) / batch_;
}

std::int64_t EpochPlan::end_of(std::int64_t s) const {
  return std::min({total_, (s / per_epoch_ + 1) * n_, begin_of(s) + batch_});
}

const std::vector<std::int64_t>& EpochPlan::step(std::int64_t s) {
  const std::int64_t epoch = s / per_epoch_, first = epoch * n_;
  if (epoch != epoch_) order_ = permutation(n_, seed_, stream_of(stream_ + "/" + std::to_string(epoch)));
  epoch_ = epoch;
  minibatch_.assign(order_.begin() + (begin_of(s) - first), order_.begin() + (end_of(s) - first));
  return minibatch_;
}

double EpochPlan::epochs_after(std::int64_t s) const {
  return static_cast<double>(end_of(s)) / static_cast<double>(n_);
}

Schedule EpochPlan::schedule() const {
  Schedule s = schedule_;
  s.steps = static_cast<std::uint64_t>(steps_);
  if (steps_ > 0) s.check();
  return s;
}

}  // namespace nudge
