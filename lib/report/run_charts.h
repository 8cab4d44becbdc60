// The charts of a run's page, each a list of <figure>. Internal to lib/report.
#pragma once

#include <span>
#include <string>

#include "lib/report/run_report.h"

namespace nudge {

// Over iterations, from the records: reward, gold reward, KL; then length, share cut, entropy.
std::string outcome_charts(std::span<const RunReport> runs);
std::string sample_charts(std::span<const RunReport> runs);
// Reward over sqrt(KL) with the fitted curves.
std::string trade_off_charts(std::span<const RunReport> runs);
// From the metrics: those that one looks at first; and all others.
std::string training_charts(std::span<const RunReport> runs);
std::string other_metrics_charts(std::span<const RunReport> runs);
// Of one run.
std::string distribution_charts(const RunReport& run);
std::string position_charts(const RunReport& run);

}  // namespace nudge
