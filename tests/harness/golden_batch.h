// What an independent double-precision implementation says of a PPO batch, read from the golden.json of each family.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "tests/harness/goldens.h"

namespace nudge::test {

struct GoldenSample {
  double score;
  std::vector<float> old_logprobs, ref_logprobs, old_values, new_logprobs, values;
  std::vector<float> entropy, kl_exact_new_ref, kl_exact_old_new;
  std::vector<double> k1, k2, k3;  // of old and new
  std::vector<double> rewards, advantages, returns, advantages_whitened;
};

struct GoldenBatch {
  double gamma, lambda, kl_beta;
  std::vector<GoldenSample> samples;
  // Of the whole batch.
  double ratio_min, ratio_max, approx_kl_k1, approx_kl_half_square, entropy, explained_variance;
  double new_ref_k1, new_ref_k2, new_ref_k3, new_ref_exact;
  // Of the reward model's pairs.
  double bt_loss, bt_accuracy;
  std::vector<float> chosen, rejected;
};

// The folders model/dev/FAMILY of all golden_folders().
std::vector<std::string> golden_family_folders();
GoldenBatch read_golden_batch(const std::string& folder);

inline bool near(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance; }
// For ratios and what holds them: an error of the log-prob counts as often as the ratio is large.
inline bool near_ratio(double a, double b, double tolerance) {
  return near(a, b, tolerance * std::fmax(1, std::fabs(b)));
}

// Log-ratios a - b, rounded to float once.
std::vector<float> difference(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace nudge::test
