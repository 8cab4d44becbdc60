#include "lib/rl/importance.h"

#include <algorithm>
#include <limits>

#include "lib/base/scalar_math.h"

namespace nudge {
namespace {

// A product over a long sequence may be beyond double: then the largest number.
double weight_of(double log_weight) { return std::min(det_exp(log_weight), std::numeric_limits<double>::max()); }

std::vector<double> sums_of_sequences(std::span<const double> log_ratios, std::span<const std::size_t> begin) {
  std::vector<double> sums;
  for (std::size_t q = 0; q + 1 < begin.size(); ++q) {
    sums.push_back(0);
    for (std::size_t i = begin[q]; i < begin[q + 1]; ++i) sums.back() += log_ratios[i];
  }
  return sums;
}

bool is_cut(double w, const CorrectionOptions& o) {
  return w > o.high || (o.correction == Correction::kMask && w < o.low);
}
double cut(double w, const CorrectionOptions& o) {
  if (!is_cut(w, o)) return w;
  return o.correction == Correction::kMask ? 0 : o.high;
}

}  // namespace

std::optional<double> effective_size(std::span<const double> log_weights) {
  if (log_weights.empty()) return std::nullopt;
  const double largest = *std::max_element(log_weights.begin(), log_weights.end());
  double sum = 0, squares = 0;
  for (const double x : log_weights) {
    const double w = det_exp(x - largest);
    sum += w, squares += w * w;
  }
  return sum * sum / squares;
}

ImportanceWeights importance_weights(std::span<const double> log_ratios, std::span<const std::size_t> begin,
                                     const CorrectionOptions& options) {
  ImportanceWeights out;
  const std::vector<double> of_sequences = sums_of_sequences(log_ratios, begin);
  out.figures.effective_tokens = effective_size(log_ratios);
  out.figures.effective_sequences = effective_size(of_sequences);
  const std::span<const double> weighed = options.by_sequence ? std::span<const double>(of_sequences) : log_ratios;
  for (const double x : weighed) {
    const double w = weight_of(x);
    out.figures.largest = std::max(out.figures.largest, w);
    out.figures.cut_share += is_cut(w, options);
  }
  out.figures.cut_share /= static_cast<double>(std::max<std::size_t>(weighed.size(), 1));
  for (std::size_t q = 0; q + 1 < begin.size(); ++q)
    for (std::size_t i = begin[q]; i < begin[q + 1]; ++i)
      out.weights.push_back(
          static_cast<float>(cut(weight_of(options.by_sequence ? of_sequences[q] : log_ratios[i]), options)));
  return out;
}

}  // namespace nudge
