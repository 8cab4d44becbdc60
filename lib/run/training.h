// What the programs that train on examples share: their options, and the assignment of examples to steps.
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

// --too-long; `what` names the records in the help.
void too_long_option(Tool& tool, bool& skip, const std::string& what);

// Registers the options under "Training"; `examples` names the examples in the help: "sequences", "rankings".
void training_options(Tool& tool, TrainingOptions& options, const std::string& examples);

// --micro-batch-tokens, formerly --micro-batch; `what`: its help, to which "; changes no bit" is added.
void micro_batch_option(Tool& tool, std::int64_t& tokens, const std::string& what = "tokens per micro-batch");

// --recompute, of all programs that train.
void recompute_option(Tool& tool, bool& recompute);

// -o of the programs that write a model folder for each run.
void model_output_option(Tool& tool, std::string& folder);

// --beta1, --beta2, --eps and --weight-decay.
void adam_options(Tool& tool, AdamOptions& adam);

// --groups, of all programs that train: a power of two.
void groups_option(Tool& tool, std::int64_t& groups);
// --ranks: the process joins a world of that size (lib/base/comm.h) before anything else happens after parsing. The
// number must divide `groups`.
void ranks_option(Tool& tool, const std::int64_t& groups);

// Assigns n examples to steps. Each epoch has its own permutation, a function of seed and epoch. No step crosses the
// end of an epoch, so an epoch's last step may be short. In all, epochs * n examples are taken, rounded to the nearest
// number, but at least one unless epochs or n is 0.
class EpochPlan {
 public:
  // `stream` names the random numbers: epoch e draws from "stream/e".
  EpochPlan(std::int64_t n, const TrainingOptions& options, std::string_view stream);

  std::int64_t steps() const { return steps_; }
  // The examples of step s. Ask for steps 0, 1, ... in this order.
  const std::vector<std::int64_t>& step(std::int64_t s);
  // Epochs done after step s; 0.5 is half of the first.
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

// Warns if `metrics` were asked for although the run has nothing to do, because its output `folder` exists already.
void warn_of_no_metrics(Tool& tool, const MetricsFile& metrics, const std::string& folder);
// Warns of pairs in `what` whose two answers are the same tokens; accuracy leaves them out.
void warn_of_identical(Tool& tool, std::int64_t identical, std::int64_t pairs, const std::string& what);

// Receives the metrics after step `step` of `steps`; step 0 is before the first.
using OnMetrics = std::function<void(std::int64_t step, std::int64_t steps, const Metrics& metrics)>;

// Writes a run's metrics to the file and shows progress: the step, and the metric called `loss`.
class StepReport {
 public:
  StepReport(Tool& tool, MetricsFile& metrics, std::string loss)
      : tool_(tool), metrics_(metrics), loss_(std::move(loss)) {}
  OnMetrics on_metrics();

 private:
  Tool& tool_;
  MetricsFile& metrics_;
  std::string loss_;
  std::optional<Progress> progress_;
};

// The records' ids; a record without one gets its number, from 0. Error kBadInput: a duplicate id.
std::vector<std::string> unique_ids(const std::vector<Record>& records);

// Digest of all that an output inherits from a model: its weights and config, and the texts of its other files.
std::string folder_digest(const Model& model);

// Calls f. Prefixes an Error about a metric that is not finite with the step, and adds advice.
void at_step(std::int64_t step, const std::function<void()>& f);

// Error kBadInput if a weight is not finite: training has diverged.
void check_finite(const Transformer& transformer);

}  // namespace nudge
