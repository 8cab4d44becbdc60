#include "lib/report/run_report.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "lib/base/scalar_math.h"
#include "lib/rl/minibatch.h"

namespace nudge {
namespace {

using Values = std::vector<double>;

template <class F>
Histogram histogram_over(std::span<const FileReport> files, F values_of) {
  std::vector<Values> sets;
  for (const FileReport& f : files) sets.push_back(values_of(f));
  return histogram(sets);
}

Values ratios_of(const FileReport& f) {
  Values ratios;
  for (const float x : f.old_new.log_ratios().all()) ratios.push_back(det_exp(static_cast<double>(x)));
  return ratios;
}

// The best of n is where the bound on its KL says.
std::optional<double> distance_of(const FileReport& f) {
  const std::optional<double> bound = f.best_of_bound();
  return bound ? std::optional(std::sqrt(*bound)) : f.distance();
}

// Where some files are the best of n and others are not, each form is of its own kind of files; a file at distance 0, the
// policy itself, is of both.
void fit_both(RewardCurves& curves, const std::vector<bool>& is_best) {
  const bool mixed = std::ranges::count(is_best, true) % std::ssize(is_best) != 0;
  for (const FittedCurve::Form form : {FittedCurve::Form::kReinforcement, FittedCurve::Form::kBestOfN}) {
    std::vector<RewardPoint> points;
    for (std::size_t i = 0; i < curves.points.size(); ++i)
      if (!mixed || curves.points[i].distance == 0 || is_best[i] == (form == FittedCurve::Form::kBestOfN))
        points.push_back(curves.points[i]);
    if (const std::optional<FittedCurve> curve = fit(form, points)) curves.fits.push_back(*curve);
  }
}

void add_curves(std::span<const FileReport> files, bool gold, std::vector<RewardCurves>& all) {
  RewardCurves curves{.gold = gold, .points = {}, .files = {}, .fits = {}};
  std::vector<bool> is_best;
  for (const FileReport& f : files) {
    const std::optional<double> distance = distance_of(f);
    const Estimate reward = gold ? f.gold() : f.reward();
    if (!distance || !reward.mean) continue;
    curves.points.push_back({*distance, reward});
    curves.files.push_back(f.name);
    is_best.push_back(f.best_of_bound().has_value());
  }
  if (curves.points.empty()) return;
  fit_both(curves, is_best);
  all.push_back(std::move(curves));
}

// At most `most` of n indices, evenly spread, the first and the last among them.
std::vector<std::size_t> spread_over(std::size_t n, std::size_t most) {
  std::vector<std::size_t> at;
  const std::size_t k = std::min(n, most);
  for (std::size_t i = 0; i < k; ++i) at.push_back(k == 1 ? 0 : i * (n - 1) / (k - 1));
  return at;
}

struct ByIdOrder {
  bool operator()(const std::string& a, const std::string& b) const { return id_less(a, b); }
};

// The first answer to each prompt, by id.
using FirstAnswers = std::map<std::string, const ShownAnswer*, ByIdOrder>;

FirstAnswers first_answers(const FileReport& file) {
  FirstAnswers first;
  for (const ShownAnswer& a : file.shown) first.emplace(a.group, &a);
  return first;
}

// The prompts that all columns answered.
std::vector<std::string> common_prompts(const std::vector<FirstAnswers>& columns) {
  std::vector<std::string> common;
  for (const auto& first : columns[0]) {
    const auto same = [&](const FirstAnswers& column) {
      const auto found = column.find(first.first);
      return found != column.end() && found->second->prompt == first.second->prompt;
    };
    if (std::ranges::all_of(columns, same)) common.push_back(first.first);
  }
  return common;
}

AnswersShown side_by_side(std::span<const FileReport> files) {
  AnswersShown out;
  std::vector<FirstAnswers> columns;
  for (const std::size_t i : spread_over(files.size(), 3)) {
    if (files[i].shown.empty()) continue;
    out.files.push_back(files[i].name);
    columns.push_back(first_answers(files[i]));
  }
  if (columns.empty()) return out;
  const std::vector<std::string> common = common_prompts(columns);
  out.same_prompts = !common.empty();
  if (out.same_prompts) {
    for (const std::size_t i : spread_over(common.size(), kShownAnswers)) {
      out.rows.emplace_back();
      for (const FirstAnswers& column : columns) out.rows.back().push_back(*column.at(common[i]));
    }
    return out;
  }
  std::size_t rows = kShownAnswers;
  for (const FirstAnswers& column : columns) rows = std::min(rows, column.size());
  out.rows.resize(rows);
  for (const FirstAnswers& column : columns) {
    const std::vector<std::size_t> at = spread_over(column.size(), rows);
    for (std::size_t r = 0; r < rows; ++r)
      out.rows[r].push_back(*std::next(column.begin(), static_cast<std::ptrdiff_t>(at[r]))->second);
  }
  return out;
}

}  // namespace

std::vector<std::size_t> shown_files(std::size_t files) { return spread_over(files, 3); }

RunReport run_report(std::string name, std::vector<FileReport> files, MetricsHistory metrics,
                     std::span<const FileReport> samples) {
  check_same_evaluators(files);
  RunReport run;
  run.name = std::move(name), run.metrics = std::move(metrics), run.files = std::move(files);
  add_curves(run.files, true, run.curves);
  add_curves(run.files, false, run.curves);
  run.rewards = histogram_over(run.files, [](const FileReport& f) { return f.rewards; });
  run.golds = histogram_over(run.files, [](const FileReport& f) { return f.golds; });
  run.lengths = histogram_over(run.files, [](const FileReport& f) { return f.lengths; });
  run.ratios = histogram_over(run.files, ratios_of);
  run.answers = side_by_side(samples.empty() ? std::span<const FileReport>(run.files) : samples);
  return run;
}

}  // namespace nudge
