// How good a reward model is on held-out preference pairs. A pair's margin m = r_chosen - r_rejected makes the
// model's probability that people choose as they did sigma(m) (Bradley and Terry; docs/mathematics.md, 3).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "lib/report/estimate.h"

namespace nudge {

inline constexpr std::size_t kCalibrationBins = 10;

struct CalibrationBin {
  double low, high;                 // predicted probability, [low, high); the last includes 1
  std::size_t count;                // of orders of pairs: see below
  std::optional<double> predicted;  // mean prediction, nothing in an empty bin
  std::optional<double> observed;   // how often the answer was in fact chosen
};

// Each pair is judged in both orders: "the chosen one is better" with sigma(m), which was so, and "the
// rejected one is better" with sigma(-m), which was not. (With one order, all outcomes would be 1.) The bins are
// symmetric about 1/2 but for ties, both orders of which are in the bin that holds 1/2.
struct Calibration {
  std::size_t pairs = 0;
  std::size_t identical = 0;             // of them: pairs of the same answer twice, which nobody can judge
  Estimate accuracy;                     // m > 0 in the other pairs, ties count half; binomial error sqrt(a(1 - a)/n)
  Estimate margin;                       // mean m
  Estimate log_loss;                     // mean -log sigma(m), the training loss: log 2 knows nothing
  Estimate brier;                        // mean (1 - sigma(m))^2: 1/4 knows nothing
  std::optional<double> expected_error;  // mean |predicted - observed| over bins, weighted by count
  std::vector<CalibrationBin> bins;      // of equal width
};

// chosen, rejected and `identical`, which may be empty where none is, are (pairs). Throws kBadInput where their
// lengths differ or a reward is not finite (named by its index), kUsage for no bins. Figures of no pairs are absent;
// errors need two.
Calibration calibrate(std::span<const float> chosen, std::span<const float> rejected,
                      std::size_t bins = kCalibrationBins, const std::vector<bool>& identical = {});

double sigmoid(double x);
double softplus(double x);  // log(1 + exp x), without overflow; -log sigma(m) = softplus(-m)

}  // namespace nudge
