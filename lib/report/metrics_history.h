// A file of a trainer's metrics (--metrics; docs/formats.md), as series.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nudge {

struct MetricSeries {
  std::string key;                // "critic/vf_explained_var"
  std::vector<double> x, values;  // equally long, x ascending; NaN for a null
};

struct MetricsWarning {
  double x = 0;  // the iteration
  std::string text;
};

// An option of the trainer and its values as text: from which x on which holds. One entry where it never changed.
struct ConfigOption {
  std::string key;
  std::vector<std::pair<double, std::string>> values;
};

struct MetricsHistory {
  std::string file;                   // as the user named it; "": there is none
  std::string x_name;                 // "iteration", "step" or "line": what x counts
  std::vector<MetricSeries> series;   // of the lines of iterations or steps, in the order in which keys first occur
  std::vector<MetricSeries> updates;  // of the lines of updates: x = iteration + (update - 1)/updates of that iteration
  std::vector<MetricsWarning> warnings;
  std::vector<ConfigOption> config;
  std::string first_time, last_time;  // "2026-11-30T17:05:00Z"; "" where no line tells

  const MetricSeries* find(std::string_view key) const;  // in `series`; null where there is none
};

// Reads the lines of a file. Blank ones are skipped. Of several lines with the same x and key the last one counts, as a
// run that was made again appends. Error kBadInput naming file and line for one that is not a JSON object, or whose
// "iteration", "step", "update", "warnings", "time" or "config" is of another type.
MetricsHistory read_metrics(const std::string& file, std::string_view text);

}  // namespace nudge
