// Where the metrics of a training run go: lines of JSON (--metrics) and event files (--tensorboard).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/cli/common_options.h"
#include "lib/io/event_file.h"
#include "lib/io/record.h"
#include "lib/rl/step_metrics.h"

namespace nudge {

// Some of an iteration's answers: the first ones by their ids, so that iterations over the same prompts show the same.
class SampleAnswers {
 public:
  void add(const Record& trajectory);  // counts if it has a text as response
  // Prompt, response and reward of each, "" where it has none.
  std::vector<EventFile::Row> rows() const;

 private:
  static constexpr std::size_t kMost = 4;
  std::vector<std::pair<std::string, EventFile::Row>> answers_;  // by id
};

class MetricsLog {
 public:
  // Registers --metrics and --tensorboard, and opens what they name before the body runs; with several ranks, in the
  // first alone. `output`: the program's, which the folder must not be or be in. Errors: kUsage, kCannotCreate.
  void add_to(Tool& tool, const std::string& output);
  // For programs whose updates have metrics of their own: a second event file, in `updates` of the folder. Before the
  // options are parsed.
  void log_updates(const bool& asked) { updates_asked_ = &asked; }

  bool asked() const { return options_[0]->given() || options_[1]->given(); }
  const MetricsFile& file() const { return file_; }
  std::vector<std::string> names() const;  // of what was asked for

  // The metrics' "step" or "iteration" is the event's step, the others are its scalars. Error kIo.
  void write(const Metrics& metrics);
  // An update's metrics; `update` counts from the run's first iteration on. The line is left out where `told`, that is
  // where the file has it already.
  void write_update(const Metrics& metrics, std::int64_t update, bool told);
  // At the step of the metrics, those of an iteration.
  void write_samples(const Metrics& metrics, const SampleAnswers& samples);

 private:
  void open(const std::string& output);

  MetricsFile file_;
  const Option* options_[2] = {};
  std::string folder_;
  EventFile events_, update_events_;
  const bool* updates_asked_ = nullptr;
};

}  // namespace nudge
