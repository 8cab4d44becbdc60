#include "lib/report/run_charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "lib/page/axis.h"
#include "lib/page/chart.h"
#include "lib/report/report_page.h"

namespace nudge {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

ChartPoint point_of(double x, const std::string& x_name, const Estimate& e) {
  const std::string place = x_name + " " + plain_number(x) + ": ";
  return {x, e.mean.value_or(kNothing), e.standard_error,
          place + (e.standard_error || !e.mean ? formatted(e) : plain_number(*e.mean, 4))};
}

std::string name_of(std::span<const RunReport> runs, std::size_t run) { return runs.size() > 1 ? runs[run].name : ""; }

// Warnings of all runs, as marks of charts over iterations.
std::vector<ChartMark> marks_of(std::span<const RunReport> runs) {
  std::vector<ChartMark> marks;
  for (std::size_t r = 0; r < runs.size(); ++r)
    for (const MetricsWarning& w : runs[r].metrics.warnings) {
      const std::string run = name_of(runs, r);
      marks.push_back(
          {w.x, (run.empty() ? "" : run + ", ") + runs[r].metrics.x_name + " " + plain_number(w.x) + ": " + w.text,
           "#warnings"});
    }
  return marks;
}

// Figures without a chart where no run has more than one file.
std::string figure_unless_empty(const Chart& chart) {
  const bool any = std::ranges::any_of(chart.series, [](const ChartSeries& s) {
    return std::ranges::any_of(s.points, [](const ChartPoint& p) { return std::isfinite(p.y); });
  });
  return any ? chart_figure(chart) : "";
}

using FigureOfFile = std::function<Estimate(const FileReport&)>;

ChartSeries by_file(const RunReport& run, const FigureOfFile& figure) {
  ChartSeries series;
  for (std::size_t i = 0; i < run.files.size(); ++i)
    series.points.push_back(point_of(static_cast<double>(i), "iteration", figure(run.files[i])));
  return series;
}

std::string over_iterations(std::span<const RunReport> runs, Chart chart, const FigureOfFile& figure) {
  if (std::ranges::none_of(runs, [](const RunReport& r) { return r.files.size() > 1; })) return "";
  chart.x_label = "iteration";
  chart.marks = marks_of(runs);
  for (std::size_t r = 0; r < runs.size(); ++r) {
    chart.series.push_back(by_file(runs[r], figure));
    chart.series.back().look = r, chart.series.back().label = name_of(runs, r);
  }
  return figure_unless_empty(chart);
}

Estimate without_error(std::optional<double> x) { return {x, {}}; }

Estimate in_percent(Estimate e) {
  for (std::optional<double>* x : {&e.mean, &e.standard_error})
    if (*x) *x = **x * 100;
  return e;
}

// The curve between the least and the largest distance of its points.
ChartSeries curve_of(const FittedCurve& fit, const std::string& label, std::size_t look) {
  constexpr int kSteps = 60;
  ChartSeries series{.label = label, .draw = Draw::kCurve, .look = look, .points = {}};
  for (int k = 0; k <= kSteps; ++k) {
    const double d = fit.least + (fit.most - fit.least) * k / kSteps;
    series.points.push_back({d, fit.at(d), {}, ""});
  }
  return series;
}

ChartSeries scatter_of(const RewardCurves& curves, const std::string& label, std::size_t look) {
  ChartSeries series{.label = label, .draw = Draw::kScatter, .look = look, .points = {}};
  for (std::size_t i = 0; i < curves.points.size(); ++i) {
    const RewardPoint& p = curves.points[i];
    series.points.push_back({p.distance, p.reward.mean.value_or(kNothing), p.reward.standard_error,
                             curves.files[i] + ": " + formatted(p.reward) + " at √KL " + plain_number(p.distance, 4)});
  }
  return series;
}

const char* form_name(FittedCurve::Form form) {
  return form == FittedCurve::Form::kReinforcement ? "RL: d (α − β ln d)" : "best of n: d (α − β d)";
}

// Of one run both forms; of several the one for reinforcement learning in the colour of the run.
void add_curves(Chart& chart, const RewardCurves& curves, const std::string& run, std::size_t look) {
  chart.series.push_back(scatter_of(curves, run, look));
  for (const FittedCurve& fit : curves.fits) {
    const bool reinforcement = fit.form == FittedCurve::Form::kReinforcement;
    if (run.empty()) chart.series.push_back(curve_of(fit, form_name(fit.form), reinforcement ? 1 : 2));
    else if (reinforcement) chart.series.push_back(curve_of(fit, "", look));
  }
}

struct KnownMetric {
  const char *key, *title, *unit, *caption;
  bool only_if_it_changes = false;
};

constexpr std::array<KnownMetric, 16> kFirstMetrics = {{
    {"policy/entropy_avg", "Entropy of the policy", "nats per token",
     "Over the vocabulary, in the updates. Near 0 the policy writes one answer: raise --kl-beta."},
    {"policy/clipfrac_avg", "Clip fraction", "share of tokens",
     "Tokens clipped in the policy loss. Large: the steps are too big, lower --lr."},
    {"policy/kl_step", "KL of a step", "nats per token", "From the policy before the iteration to that after it."},
    {"critic/vf_explained_var", "Explained variance", "share",
     "Of the returns, by the value model. 1 is perfect; 0 or less is no better than a constant."},
    {"actor/grad_norm", "Gradient norm of the policy", "", "Before clipping."},
    {"critic/grad_norm", "Gradient norm of the value model", "", "Before clipping."},
    {"loss/policy_avg", "Loss of the policy", "", ""},
    {"loss/value_avg", "Loss of the value model", "", ""},
    {"loss/train", "Training loss", "nats per token", ""},
    {"held_out/loss", "Held-out loss", "", "Rises while the training loss falls: overfitting."},
    {"loss", "Loss", "nats", ""},
    {"accuracy", "Accuracy", "share of pairs", ""},
    {"grad_norm", "Gradient norm", "", "Before clipping."},
    {"lr", "Learning rate", "", "", true},
    {"critic/lr", "Learning rate of the value model", "", "", true},
    {"objective/kl_beta", "Coefficient of the KL penalty", "", "", true},
}};

bool changes(const MetricSeries& s) {
  return std::ranges::any_of(s.values, [&](double v) { return std::isfinite(v) && v != s.values[0]; });
}

ChartSeries of_metric(const MetricSeries& s, const std::string& x_name) {
  ChartSeries series;
  for (std::size_t i = 0; i < s.x.size(); ++i)
    series.points.push_back(point_of(s.x[i], x_name, without_error(s.values[i])));
  return series;
}

std::string metric_chart(std::span<const RunReport> runs, const KnownMetric& metric) {
  Chart chart{.title = metric.title, .caption = metric.caption, .y_label = metric.unit};
  chart.marks = marks_of(runs);
  bool changed = false;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const MetricSeries* found = runs[r].metrics.find(metric.key);
    if (found == nullptr) continue;
    changed = changed || changes(*found);
    chart.x_label = runs[r].metrics.x_name;
    chart.series.push_back(of_metric(*found, runs[r].metrics.x_name));
    chart.series.back().look = r, chart.series.back().label = name_of(runs, r);
  }
  return metric.only_if_it_changes && !changed ? "" : figure_unless_empty(chart);
}

bool is_first(std::string_view key) {
  return std::ranges::any_of(kFirstMetrics,
                             [&](const KnownMetric& m) { return m.key == key && !m.only_if_it_changes; });
}

std::string histogram_of(const Histogram& h, HistogramChart chart) {
  if (h.edges.empty()) return "";
  chart.edges = h.edges, chart.counts = h.counts, chart.below = h.below, chart.above = h.above;
  for (std::size_t i = 0; i < h.counts.size(); ++i) chart.x.push_back(static_cast<double>(i));
  return histogram_figure(chart);
}

// Positions that a twentieth of the responses reach: the few behind have errors that would flatten the rest.
ChartSeries by_position_of(const std::vector<PositionMean>& means, const std::string& label, std::size_t look) {
  ChartSeries series{.label = label, .draw = Draw::kLine, .look = look, .points = {}};
  for (std::size_t t = 0; t < means.size() && means[t].sequences * 20 >= means[0].sequences; ++t)
    series.points.push_back(point_of(static_cast<double>(t), "token", means[t].value));
  return series;
}

using PositionsOfFile = std::function<std::vector<PositionMean>(const FileReport&)>;

std::string over_positions(const RunReport& run, Chart chart, const PositionsOfFile& means) {
  chart.x_label = "token of the response, from 0";
  const std::vector<std::size_t> files = shown_files(run.files.size());
  for (std::size_t k = 0; k < files.size(); ++k)
    chart.series.push_back(
        by_position_of(means(run.files[files[k]]), files.size() > 1 ? "iteration " + std::to_string(files[k]) : "", k));
  return figure_unless_empty(chart);
}

}  // namespace

std::string outcome_charts(std::span<const RunReport> runs) {
  return over_iterations(runs, {.title = "Reward", .caption = "Mean of the responses ± one standard error, shaded."},
                         [](const FileReport& f) { return f.reward(); }) +
         over_iterations(runs,
                         {
                             .title = "Gold reward",
                             .caption = "What the reward stands for. Falls while the reward rises: the policy exploits "
                                        "the reward model.",
                         },
                         [](const FileReport& f) { return f.gold(); }) +
         over_iterations(runs,
                         {.title = "KL from the reference",
                          .caption = "KL(policy ‖ ref) by k3. Grows too fast: raise --kl-beta.",
                          .y_label = "nats per response",
                          .with_zero = true},
                         [](const FileReport& f) { return f.to_ref.k3().per_sequence; }) +
         over_iterations(runs,
                         {.title = "Bound on the KL of best of n", .y_label = "nats per response", .with_zero = true},
                         [](const FileReport& f) { return without_error(f.best_of_bound()); });
}

std::string sample_charts(std::span<const RunReport> runs) {
  return over_iterations(runs,
                         {.title = "Length",
                          .caption = "Tokens of a response, its end included. Rises with the reward: the reward model "
                                     "may like long answers.",
                          .y_label = "tokens"},
                         [](const FileReport& f) { return f.length(); }) +
         over_iterations(runs,
                         {.title = "Share cut",
                          .caption = "Responses that ended at the length limit.",
                          .y_label = "% of responses",
                          .with_zero = true},
                         [](const FileReport& f) { return in_percent(f.cut_share()); }) +
         over_iterations(runs,
                         {.title = "Entropy of the samples",
                          .caption = "Mean of −log π of the sampled tokens. Falls towards 0: answers become all alike.",
                          .y_label = "nats per token"},
                         [](const FileReport& f) { return f.entropy_estimate().per_token; }) +
         over_iterations(
             runs, {.title = "KL(old ‖ new)", .caption = "By k3.", .y_label = "nats per response", .with_zero = true},
             [](const FileReport& f) { return f.old_new.k3().per_sequence; });
}

std::string trade_off_charts(std::span<const RunReport> runs) {
  std::string html;
  for (const bool gold : {true, false}) {
    Chart chart{.title = gold ? "Gold reward over √KL" : "Reward over √KL",
                .caption = "Each point is an iteration, ± one standard error; dashed: the fitted curves.",
                .x_label = "√KL(policy ‖ ref), √nats per response",
                .y_label = gold ? "gold reward" : "reward",
                .whole_x = false};
    for (std::size_t r = 0; r < runs.size(); ++r)
      for (const RewardCurves& curves : runs[r].curves)
        if (curves.gold == gold && curves.points.size() > 1) add_curves(chart, curves, name_of(runs, r), r);
    html += figure_unless_empty(chart);
  }
  return html;
}

std::string training_charts(std::span<const RunReport> runs) {
  std::string html;
  for (const KnownMetric& metric : kFirstMetrics) html += metric_chart(runs, metric);
  return html;
}

std::string other_metrics_charts(std::span<const RunReport> runs) {
  std::string html;
  std::set<std::string> seen;
  for (const RunReport& run : runs)
    for (const MetricSeries& s : run.metrics.series)
      if (!is_first(s.key) && seen.insert(s.key).second)
        html += metric_chart(runs, {s.key.c_str(), s.key.c_str(), "", ""});
  return html;
}

std::string distribution_charts(const RunReport& run) {
  const std::string shades = "Each column is an iteration; the darker, the larger the share.";
  const std::string caption = run.files.size() > 1 ? shades : "";
  return histogram_of(run.rewards,
                      {.title = "Rewards", .caption = caption, .value_label = "reward", .counted = "responses"}) +
         histogram_of(
             run.golds,
             {.title = "Gold rewards", .caption = caption, .value_label = "gold reward", .counted = "responses"}) +
         histogram_of(
             run.lengths,
             {.title = "Lengths", .caption = caption, .value_label = "tokens of a response", .counted = "responses"}) +
         histogram_of(
             run.ratios,
             {.title = "Ratios", .caption = caption, .value_label = "π new / π old of a token", .counted = "tokens"});
}

std::string position_charts(const RunReport& run) {
  const std::string caption = "Positions that a twentieth of the responses reach, ± one standard error.";
  return over_positions(run,
                        {.title = "KL from the reference by position",
                         .caption = caption,
                         .y_label = "nats, k3",
                         .with_zero = true},
                        [](const FileReport& f) { return f.to_ref.k3_by_position(); }) +
         over_positions(
             run, {.title = "KL(old ‖ new) by position", .caption = caption, .y_label = "nats, k3", .with_zero = true},
             [](const FileReport& f) { return f.old_new.k3_by_position(); });
}

}  // namespace nudge
