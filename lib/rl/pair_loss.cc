#include "lib/rl/pair_loss.h"

#include <cstdint>
#include <utility>

#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"

namespace nudge {
namespace {

struct Found {
  std::vector<float> loss, slope;
};

Found bradley_terry(const std::vector<float>& first, const std::vector<float>& second,
                    const std::vector<float>& margin) {
  Found f{std::vector<float>(first.size()), std::vector<float>(first.size())};
  parallel_for(1, [&](std::int64_t) {
    kernels().bradley_terry(first.data(), second.data(), margin.data(), std::ssize(first), f.loss.data(),
                            f.slope.data());
  });
  return f;
}

}  // namespace

void PairLosses::evaluate() {
  Found right = bradley_terry(better_, worse_, margin_);
  loss_.assign(right.loss.begin(), right.loss.end());
  slope_ = std::move(right.slope);
  if (smoothing_ == 0) return;
  // Turned round, a pair's difference is the same to the last bit, with the other sign.
  std::vector<float> turned;
  for (const float m : margin_) turned.push_back(-m);
  const Found wrong = bradley_terry(worse_, better_, turned);
  const double e = static_cast<double>(smoothing_);
  for (std::size_t p = 0; p < loss_.size(); ++p) {
    loss_[p] = (1 - e) * loss_[p] + e * static_cast<double>(wrong.loss[p]);
    slope_[p] = (1 - smoothing_) * slope_[p] - smoothing_ * wrong.slope[p];
  }
}

}  // namespace nudge
