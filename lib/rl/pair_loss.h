// The loss of pairs of scores: Bradley and Terry's, with a margin and with smoothed labels (docs/mathematics.md, 3).
#pragma once

#include <vector>

namespace nudge {

class PairLosses {
 public:
  // `smoothing`: the probability, from 0 to below 1/2, that a pair's answers are the wrong way round.
  explicit PairLosses(float smoothing) : smoothing_(smoothing) {}

  void add(float better, float worse, float margin) {
    better_.push_back(better), worse_.push_back(worse), margin_.push_back(margin);
  }
  // The loss of each pair and its derivative by the better score; that by the worse is its negative.
  void evaluate();

  const std::vector<float>& better() const { return better_; }
  const std::vector<float>& worse() const { return worse_; }
  const std::vector<double>& loss() const { return loss_; }
  const std::vector<float>& slope() const { return slope_; }

 private:
  float smoothing_;
  std::vector<float> better_, worse_, margin_, slope_;
  std::vector<double> loss_;
};

}  // namespace nudge
