// Quality of a reward model on held-out preference pairs. For a pair with margin m = r_chosen - r_rejected, the model's
// probability of the human choice is sigma(m) (Bradley and Terry; docs/mathematics.md, 3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/report/estimate.h"

namespace nudge {

inline constexpr std::size_t kCalibrationBins = 10;

struct CalibrationBin {
  double low, high;                 // predicted probability, [low, high); the last bin includes 1
  std::size_t count;                // pairs times two orders, see below
  std::optional<double> predicted;  // mean prediction; empty for an empty bin
  std::optional<double> observed;   // how often that answer was chosen
};

// A pair of answers with the reward and the number of tokens of each. Pairs of one set, a ranking, stand together and
// share answers, so standard errors count sets.
struct JudgedPair {
  float chosen = 0, rejected = 0;
  std::int64_t chosen_tokens = 0, rejected_tokens = 0;
  bool identical = false;  // its two answers are the same tokens
  std::size_t set = 0;
};

// The accuracy of some of the pairs of different answers.
struct AccuracyGroup {
  std::size_t count = 0;
  Estimate accuracy;
  std::optional<double> greatest;  // |m|
};

// Each pair counts in both orders: "the chosen one is better", predicted with sigma(m) and true, and "the rejected
// one is better", predicted with sigma(-m) and false. (With one order, all outcomes would be 1.) The bins are
// symmetric about 1/2, except that both orders of a tie fall in the bin that holds 1/2.
struct Calibration {
  std::size_t pairs = 0;
  std::size_t identical = 0;             // pairs of two identical answers, which nobody can judge
  Estimate accuracy;                     // m > 0 in the other pairs, ties count half; binomial error sqrt(a(1 - a)/n)
  Estimate margin;                       // mean m
  Estimate log_loss;                     // mean -log sigma(m), the training loss; chance level log 2
  Estimate brier;                        // mean (1 - sigma(m))^2; chance level 1/4
  std::optional<double> expected_error;  // mean |predicted - observed| over bins, weighted by count
  std::vector<CalibrationBin> bins;      // of equal width

  // Of pairs whose lengths are known. A model that likes length is right where the chosen answer is the longer one and
  // wrong where it is the shorter; its correlation of reward with length, within pairs, is near 1
  // (docs/mathematics.md, 3).
  AccuracyGroup chosen_longer, same_length, chosen_shorter;
  std::optional<double> length_correlation;
  std::array<AccuracyGroup, 4> by_margin;  // quarters of the pairs of different answers, by |m|, the least first
};

// chosen, rejected, identical: (pairs); `identical` may be empty if no pair is. Throws kBadInput if lengths differ or a
// reward is not finite (naming its index), kUsage for zero bins. Without pairs the estimates are absent; standard
// errors need two.
Calibration calibrate(std::span<const float> chosen, std::span<const float> rejected,
                      std::size_t bins = kCalibrationBins, const std::vector<bool>& identical = {});

// The same with accuracy by length and by |m|, and errors that count sets.
Calibration calibrate(std::span<const JudgedPair> pairs);

// Accuracy by length and |m| as a table, a line a row; groups without pairs are left out. "" for none of the pairs.
std::vector<std::string> accuracy_table(const Calibration& c);

double sigmoid(double x);
double softplus(double x);  // log(1 + exp x), without overflow; -log sigma(m) = softplus(-m)

}  // namespace nudge
