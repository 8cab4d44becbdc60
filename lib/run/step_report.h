// The metrics of a training run, and its progress.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/cli/tool.h"
#include "lib/rl/step_metrics.h"
#include "lib/run/metrics_log.h"

namespace nudge {

// Warns if `metrics` were asked for although the run has nothing to do, because its output `folder` exists already.
void warn_of_no_metrics(Tool& tool, const std::vector<std::string>& names, const std::string& folder);

// The options that determine the output, as a JSON object: numbers, booleans, texts.
std::string config_json(const std::deque<Option>& options);

// Adds to a line of metrics what its run warned of, if anything, as "warnings", and the options as "config".
void attach_facts(Metrics& metrics, const std::vector<std::string>& warnings, const Tool& tool);

// The last update of this iteration that the end of the metrics' file tells of, 0 where it tells of none.
std::int64_t last_update_told(const MetricsFile& metrics, std::int64_t iteration);

// Receives the metrics after step `step` of `steps`; step 0 is before the first.
using OnMetrics = std::function<void(std::int64_t step, std::int64_t steps, const Metrics& metrics)>;

// Logs a run's metrics and shows progress: the step, and the metric called `loss`.
class StepReport {
 public:
  StepReport(Tool& tool, MetricsLog& metrics, std::string loss)
      : tool_(tool), metrics_(metrics), loss_(std::move(loss)) {}
  OnMetrics on_metrics();

 private:
  Tool& tool_;
  MetricsLog& metrics_;
  std::string loss_;
  std::optional<Progress> progress_;
};

}  // namespace nudge
