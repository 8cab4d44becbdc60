#include "lib/run/step_report.h"

namespace nudge {

void warn_of_no_metrics(Tool& tool, const MetricsFile& metrics, const std::string& folder) {
  if (metrics.path().empty()) return;
  tool.warn(metrics.path() + ": no metrics were written, because nothing was computed; --force writes " + folder +
            " again, with metrics");
}

OnMetrics StepReport::on_metrics() {
  return [this](std::int64_t step, std::int64_t steps, const Metrics& metrics) {
    metrics_.write(metrics.json());
    if (!progress_) progress_.emplace(tool_.console(), "steps", steps);
    if (const auto loss = metrics.get(loss_)) progress_->update(step, "loss " + number_text(static_cast<float>(*loss)));
  };
}

}  // namespace nudge
