#include "lib/report/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
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

double rightness(double margin) { return margin > 0 ? 1.0 : margin < 0 ? 0.0 : 0.5; }

SequenceValues margins_by_set(std::span<const JudgedPair> pairs) {
  SequenceValues sets;
  std::vector<float> margins;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    margins.push_back(pairs[i].chosen - pairs[i].rejected);
    if (i + 1 < pairs.size() && pairs[i + 1].set == pairs[i].set) continue;
    sets.append(margins);
    margins.clear();
  }
  return sets;
}

// Where sets hold several pairs, the errors of the means follow from the sets.
void count_errors_by_set(Calibration& c, std::span<const JudgedPair> all, std::span<const JudgedPair> judged) {
  const SequenceValues sets = margins_by_set(all);
  if (sets.tokens() == sets.sequences()) return;
  const auto error = [&](TokenFunction f) { return estimate(sets, f).per_token.standard_error; };
  if (!judged.empty()) c.accuracy.standard_error = estimate(margins_by_set(judged), rightness).per_token.standard_error;
  c.margin.standard_error = error(identity);
  c.log_loss.standard_error = error([](double m) { return softplus(-m); });
  c.brier.standard_error = error([](double m) { return sigmoid(-m) * sigmoid(-m); });
}

Estimate accuracy_of(std::span<const JudgedPair> judged) {
  if (judged.empty()) return {};
  const SequenceValues sets = margins_by_set(judged);
  Estimate accuracy = estimate(sets, rightness).per_token;
  const double n = static_cast<double>(judged.size());
  if (sets.tokens() == sets.sequences() && judged.size() > 1)
    accuracy.standard_error = std::sqrt(*accuracy.mean * (1 - *accuracy.mean) / n);
  return accuracy;
}

double absolute_margin(const JudgedPair& p) {
  return std::fabs(static_cast<double>(p.chosen) - static_cast<double>(p.rejected));
}

template <class F>
AccuracyGroup group_of(std::span<const JudgedPair> judged, F belongs) {
  std::vector<JudgedPair> members;
  AccuracyGroup group;
  for (const JudgedPair& p : judged) {
    if (!belongs(p)) continue;
    members.push_back(p);
    group.greatest = std::max(group.greatest.value_or(0), absolute_margin(p));
  }
  group.count = members.size();
  group.accuracy = accuracy_of(members);
  return group;
}

// Equal margins share a quarter.
void group_by_margin(Calibration& c, std::span<const JudgedPair> judged) {
  std::vector<double> ascending;
  for (const JudgedPair& p : judged) ascending.push_back(absolute_margin(p));
  std::sort(ascending.begin(), ascending.end());
  if (ascending.empty()) return;
  const double bounds[] = {*quantile(ascending, 0.25), *quantile(ascending, 0.5), *quantile(ascending, 0.75)};
  for (std::ptrdiff_t q = 0; q < 4; ++q)
    c.by_margin[static_cast<std::size_t>(q)] = group_of(judged, [&](const JudgedPair& p) {
      return std::count_if(std::begin(bounds), std::end(bounds), [&](double b) { return b < absolute_margin(p); }) == q;
    });
}

std::int64_t excess(const JudgedPair& p) { return p.chosen_tokens - p.rejected_tokens; }

std::optional<double> length_correlation(std::span<const JudgedPair> pairs) {
  double both = 0, rewards = 0, lengths = 0;
  for (const JudgedPair& p : pairs) {
    const double r = static_cast<double>(p.chosen) - static_cast<double>(p.rejected);
    const double l = static_cast<double>(excess(p));
    both += r * l, rewards += r * r, lengths += l * l;
  }
  if (!(rewards > 0) || !(lengths > 0)) return {};
  return both / (std::sqrt(rewards) * std::sqrt(lengths));
}

std::string shown(double x, const char* form) {
  char text[48];
  std::snprintf(text, sizeof text, form, x);
  return text;
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
      right.push_back(rightness(margin));
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

Calibration calibrate(std::span<const JudgedPair> pairs) {
  std::vector<float> chosen, rejected;
  std::vector<bool> identical;
  std::vector<JudgedPair> judged;
  for (const JudgedPair& p : pairs) {
    chosen.push_back(p.chosen), rejected.push_back(p.rejected), identical.push_back(p.identical);
    if (!p.identical) judged.push_back(p);
  }
  Calibration c = calibrate(chosen, rejected, kCalibrationBins, identical);
  count_errors_by_set(c, pairs, judged);
  c.chosen_longer = group_of(judged, [](const JudgedPair& p) { return excess(p) > 0; });
  c.same_length = group_of(judged, [](const JudgedPair& p) { return excess(p) == 0; });
  c.chosen_shorter = group_of(judged, [](const JudgedPair& p) { return excess(p) < 0; });
  c.length_correlation = length_correlation(pairs);
  group_by_margin(c, judged);
  return c;
}

std::vector<std::string> accuracy_table(const Calibration& c) {
  std::vector<std::string> lines;
  const auto row = [&](std::string name, const AccuracyGroup& g) {
    if (g.count == 0) return;
    name.resize(std::max<std::size_t>(name.size(), 28), ' ');
    const auto error = g.accuracy.standard_error;
    lines.push_back("  " + name + shown(*g.accuracy.mean, "%.3f") + (error ? shown(*error, " +- %.3f") : "         ") +
                    shown(static_cast<double>(g.count), " %7.0f"));
  };
  row("chosen answer longer", c.chosen_longer);
  row("of the same length", c.same_length);
  row("chosen answer shorter", c.chosen_shorter);
  for (std::size_t q = 0; q < c.by_margin.size(); ++q)
    row("|margin| up to " + shown(c.by_margin[q].greatest.value_or(0), "%.3g"), c.by_margin[q]);
  if (lines.empty()) return lines;
  const std::string r = c.length_correlation ? shown(*c.length_correlation, "%.2f") : "?";
  lines.insert(lines.begin(), "  pairs                       accuracy          count");
  lines.insert(lines.begin(),
               "correlation of reward with length within pairs " + r + "; accuracy by length and margin:");
  return lines;
}

}  // namespace nudge
