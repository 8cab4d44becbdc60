// All that is known of a run: the statistics of its files, one an iteration, its metrics, and what is computed from both.
// lib/report/report_json.h writes it, lib/report/run_page.h draws it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/report/histogram.h"
#include "lib/report/kl_report.h"
#include "lib/report/metrics_history.h"
#include "lib/report/over_optimisation.h"
#include "lib/report/run_difference.h"

namespace nudge {

// Answers of several files side by side.
struct AnswersShown {
  std::vector<std::string> files;  // a column each: the first, the middle and the last; fewer where there are fewer
  bool same_prompts = false;       // a row's answers are to one prompt; else each column has prompts of its own
  std::vector<std::vector<ShownAnswer>> rows;  // [row][column], at most kShownAnswers rows
};
inline constexpr std::size_t kShownAnswers = 10;

// A fitted curve, the points it is of, and what the points' rewards are.
struct RewardCurves {
  bool gold = false;                // the points are of the gold reward, else of the reward
  std::vector<RewardPoint> points;  // one a file that has a distance and a reward, in the order of the files
  std::vector<std::string> files;   // of the points
  std::vector<FittedCurve> fits;    // at most one of each form
};

struct RunReport {
  std::string name;                  // of --run NAME=...; "" where there is one run
  std::vector<FileReport> files;     // iteration i is file i
  MetricsHistory metrics;            // its `file` is "" where none was given
  std::vector<RewardCurves> curves;  // of the gold reward, where there is one, then of the reward
  // Over the files ([set] is the file). Lengths in tokens; ratios new/old by token.
  Histogram rewards, golds, lengths, ratios;
  AnswersShown answers;
};

// The indices of those of n files whose answers are shown: the first, the middle and the last one.
std::vector<std::size_t> shown_files(std::size_t n);

// Everything computed from the files; `samples`: files whose answers are shown in place of the run's own. Errors: those
// of check_same_evaluators.
RunReport run_report(std::string name, std::vector<FileReport> files, MetricsHistory metrics = {},
                     std::span<const FileReport> samples = {});

}  // namespace nudge
