// What the programs that train on examples share: their options, and which examples make each step.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/stop.h"
#include "lib/cli/metrics.h"
#include "lib/cli/tool.h"
#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/rl/optimizer.h"
#include "lib/rl/schedule.h"
#include "lib/rl/step_metrics.h"

namespace nudge {

struct TrainingOptions {
  double epochs = 1;                 // passes over the examples; 0 trains nothing
  std::int64_t batch = 32;           // examples a step
  std::int64_t micro_tokens = 4096;  // through the model at a time; changes no bit
  bool recompute = false;            // blocks again in the backward; changes no bit
  std::int64_t groups = 1;           // of a step's gradient: GradientParts
  Schedule schedule;                 // its `steps` follow from the examples
  AdamOptions adam;
  std::uint64_t seed = 0;
  bool skip_long = false;  // leave out what does not fit the context, instead of failing
};

// --too-long; `what`: of what, in words.
void too_long_option(Tool& tool, bool& skip, const std::string& what);

// Registers them under "Training"; `examples` is what one is called: "sequences", "rankings".
void training_options(Tool& tool, TrainingOptions& options, const std::string& examples);

// --recompute, of all programs that train.
void recompute_option(Tool& tool, bool& recompute);

// --groups, of all programs that train: a power of two.
void groups_option(Tool& tool, std::int64_t& groups);
// --ranks: with it the process joins a world of so many (lib/base/comm.h), before all else that follows the command
// line. They have to divide `groups`.
void ranks_option(Tool& tool, const std::int64_t& groups);

// Which of n examples make each step. Every epoch has a permutation of its own, a function of seed and epoch; no
// step reaches over the end of an epoch, so its last one may be short. `epochs` n examples are taken in all,
// rounded to the nearest number, but at least one where neither epochs nor n is 0.
class EpochPlan {
 public:
  // `stream` names the random numbers: epoch e draws from "stream/e".
  EpochPlan(std::int64_t n, const TrainingOptions& options, std::string_view stream);

  std::int64_t steps() const { return steps_; }
  // Examples of step 0, 1, ...; to be asked for in this order.
  const std::vector<std::int64_t>& step(std::int64_t s);
  // Epochs done after step s, 0.5 for half of the first.
  double epochs_after(std::int64_t s) const;
  // The schedule over all steps. Error kUsage: a warm-up longer than they are.
  Schedule schedule() const;

 private:
  std::int64_t begin_of(std::int64_t s) const { return s / per_epoch_ * n_ + s % per_epoch_ * batch_; }
  std::int64_t end_of(std::int64_t s) const;

  std::int64_t n_, batch_, per_epoch_, total_ = 0, steps_ = 0, epoch_ = -1;
  std::uint64_t seed_;
  std::string stream_;
  Schedule schedule_;
  std::vector<std::int64_t> order_, minibatch_;
};

// Warns where --too-long skip left examples of `what` out.
void warn_of_skipped(Tool& tool, std::int64_t skipped, std::int64_t records, const std::string& what);

// Warns where `metrics` were asked for and the run has nothing to do: its output `folder` is made already.
void warn_of_no_metrics(Tool& tool, const MetricsFile& metrics, const std::string& folder);
// Warns of pairs of `what` whose two answers are the same tokens: no accuracy counts them.
void warn_of_identical(Tool& tool, std::int64_t identical, std::int64_t pairs, const std::string& what);

// What a run tells of itself: after step `step` of `steps`, or 0 before the first.
using OnFigures = std::function<void(std::int64_t step, std::int64_t steps, const Metrics& figures)>;

// Writes a run's figures to `metrics` and shows them on the way: the step, and the figure called `loss`.
class StepReport {
 public:
  StepReport(Tool& tool, MetricsFile& metrics, std::string loss)
      : tool_(tool), metrics_(metrics), loss_(std::move(loss)) {}
  OnFigures on_figures();

 private:
  Tool& tool_;
  MetricsFile& metrics_;
  std::string loss_;
  std::optional<Progress> progress_;
};

// The records' ids, a record's number (from 0) where it has none. Error kBadInput: an id is there twice.
std::vector<std::string> unique_ids(const std::vector<Record>& records);

// Names all that an output takes over from a model: what it computes and the texts of its other files.
std::string folder_digest(const Model& model);

// Calls f; an Error of a figure that is not finite gets the step in front and says what to do.
void at_step(std::int64_t step, const std::function<void()>& f);

// Error kBadInput where a weight is not finite: training has diverged.
void check_finite(const Transformer& transformer);

}  // namespace nudge
