#include "lib/report/calibration.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "lib/base/error.h"
#include "lib/base/scalar_math.h"

namespace nudge {
namespace {

struct BinSums {
  std::size_t count = 0;
  double predicted = 0, observed = 0;
};

void count_both_orders(std::vector<BinSums>& sums, double margin) {
  const double p = sigmoid(margin), q = sigmoid(-margin);
  const std::size_t last = sums.size() - 1;
  const std::size_t bin = std::min(static_cast<std::size_t>(p * static_cast<double>(sums.size())), last);
  // The mirrored bin rather than q's own keeps the table symmetric when p is on an edge. The two orders of a tie are
  // one prediction and share a bin; otherwise a model at chance would look badly calibrated.
  BinSums &chosen = sums[bin], &rejected = margin == 0 ? chosen : sums[last - bin];
  ++chosen.count, chosen.predicted += p, chosen.observed += 1;
  ++rejected.count, rejected.predicted += q;
}

void finish_bins(Calibration& out, const std::vector<BinSums>& sums) {
  const double width = static_cast<double>(sums.size());
  double error = 0;
  for (std::size_t b = 0; b < sums.size(); ++b) {
    CalibrationBin bin{static_cast<double>(b) / width, static_cast<double>(b + 1) / width, sums[b].count, {}, {}};
    if (bin.count > 0) {
      const double count = static_cast<double>(bin.count);
      bin.predicted = sums[b].predicted / count;
      bin.observed = sums[b].observed / count;
      error += std::fabs(sums[b].predicted - sums[b].observed);
    }
    out.bins.push_back(bin);
  }
  if (out.pairs > 0) out.expected_error = error / (2.0 * static_cast<double>(out.pairs));
}

}  // namespace

double sigmoid(double x) {
  if (x >= 0) return 1 / (1 + det_exp(-x));
  const double e = det_exp(x);
  return e / (1 + e);
}

double softplus(double x) {
  const double e = det_exp(-std::fabs(x)), one_more = 1 + e;
  // log(1 + e), corrected for the rounding of 1 + e (Kahan), so that a tiny loss is not lost.
  const double log_one_more = one_more == 1 ? e : det_log(one_more) * (e / (one_more - 1));
  return x > 0 ? x + log_one_more : log_one_more;
}

Calibration calibrate(std::span<const float> chosen, std::span<const float> rejected, std::size_t bins,
                      const std::vector<bool>& identical) {
  if (bins == 0) usage_error("a calibration needs at least one bin");
  if (chosen.size() != rejected.size())
    bad_input(std::to_string(chosen.size()) + " chosen rewards for " + std::to_string(rejected.size()) + " rejected");
  if (!identical.empty() && identical.size() != chosen.size())
    bad_input(std::to_string(chosen.size()) + " pairs but " + std::to_string(identical.size()) +
              " flags for identical answers");
  Calibration out;
  out.pairs = chosen.size();
  std::vector<double> right, margins, losses, briers;
  std::vector<BinSums> sums(bins);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (!std::isfinite(chosen[i]) || !std::isfinite(rejected[i]))
      bad_input("pair " + std::to_string(i) + ": a reward is not finite");
    const double margin = static_cast<double>(chosen[i]) - static_cast<double>(rejected[i]);
    if (!identical.empty() && identical[i]) {
      ++out.identical;
    } else {
      right.push_back(margin > 0 ? 1.0 : margin < 0 ? 0.0 : 0.5);
    }
    margins.push_back(margin);
    losses.push_back(softplus(-margin));
    const double wrong = sigmoid(-margin);
    briers.push_back(wrong * wrong);
    count_both_orders(sums, margin);
  }
  out.accuracy.mean = estimate(right).mean;
  if (right.size() >= 2)
    out.accuracy.standard_error =
        std::sqrt(*out.accuracy.mean * (1 - *out.accuracy.mean) / static_cast<double>(right.size()));
  out.margin = estimate(margins);
  out.log_loss = estimate(losses);
  out.brier = estimate(briers);
  finish_bins(out, sums);
  return out;
}

}  // namespace nudge
