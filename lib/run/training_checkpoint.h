// Checkpoints of the programs that train, from which the same command resumes to the same bytes: weights, optimizer
// moments and the loop's numbers. docs/formats.md lists the files. The order of the data and all random numbers are
// functions of the seed and are derived again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/comm.h"
#include "lib/base/stop.h"
#include "lib/cli/tool.h"
#include "lib/io/checkpoint.h"
#include "lib/rl/optimizer.h"
#include "lib/rl/state_fields.h"
#include "lib/run/input_spool.h"
#include "lib/run/run_folder.h"

namespace nudge {

struct SaveOptions {
  std::optional<std::int64_t> every;  // steps; 0: only when stopped; not given: by time

  // --save-every; `steps` is the unit in the help: "steps", "updates".
  Option& add_to(Tool& tool, const std::string& steps);
  // Whether to save after step `step`, `seconds` after the last time.
  bool due(std::int64_t step, double seconds) const;
};

// The options that a checkpoint was made with, "" if it can't be read.
std::string checkpoint_options(const CheckpointPlace& place);

// With several ranks (lib/base/comm.h) all call these functions and read checkpoints; only the first looks for them and
// writes them.
class TrainingCheckpoint {
 public:
  // Keeps nothing and never stops.
  TrainingCheckpoint() = default;
  // From here on a stop signal saves the state. `folder` must know its provenance. Looks for an earlier run's
  // checkpoint and warns of damaged ones. `step` names the unit: "step", "update". Error kBadInput: the saved records
  // are of another run.
  TrainingCheckpoint(Tool& tool, const RunFolder& folder, SaveOptions options, InputSpool& input, std::string step);

  // Register state before resume(). Registered objects must outlive the training loop.
  void learner(const std::string& name, Transformer& model, Adam& adam) { learners_.push_back({name, &model, &adam}); }
  void fields(std::function<void(StateFields&)> visit) { fields_ = std::move(visit); }
  void steps(std::int64_t n) { steps_ = n; }  // in all

  // Steps that an earlier run took; 0 if there is nothing to resume.
  std::int64_t taken() const { return store_ ? step_ : 0; }
  // The field `name` of that run's state, "" if it has none. May be called before resume().
  std::string earlier(const std::string& name) const;
  // Sets weights, moments and fields to those after that step.
  void resume();

  // Call after a step, once its metrics are written: saves if a checkpoint is due. After a stop signal it saves and
  // throws Error kStopped.
  void after(std::int64_t step);

  // Saves the records if they came through a pipe, then runs f, a part of the run. A StopRequested in it saves the
  // state after the last step and becomes Error kStopped. Where the input or the options are at fault, the run would
  // fail again: its checkpoint is removed.
  template <class F>
  void guarded(F&& f) {
    try {
      keep_input();
      const Interruptible scope(store_.has_value());
      f();
    } catch (const StopRequested&) {
      stop();
    } catch (const Error& e) {
      if (store_ && comm().first() && (e.status() == Exit::kBadInput || e.status() == Exit::kUsage)) store_->remove();
      throw;
    }
  }

 private:
  // While it lives, a stop signal interrupts long loops (lib/base/stop.h).
  struct Interruptible {
    explicit Interruptible(bool on);
    ~Interruptible();
  };
  struct Learner {
    std::string name;
    Transformer* model;
    Adam* adam;
    std::string weights() const { return name + ".safetensors"; }
    std::string moments() const { return name + "-optimizer.safetensors"; }
  };

  void find_last(const InputSpool& input);
  void tell_last();
  void keep_input();
  [[noreturn]] void stop();
  void save();
  void write_state(const std::string& folder);
  void hand_on_input(const std::string& folder) const;
  std::string progress() const;  // "step 3 of 10"

  Tool* tool_ = nullptr;
  SaveOptions options_;
  std::string step_name_;
  InputSpool* input_ = nullptr;
  std::optional<CheckpointStore> store_;
  std::optional<CheckpointPlace> last_;  // that was found or made
  std::vector<Learner> learners_;
  std::function<void(StateFields&)> fields_;
  std::int64_t step_ = 0, steps_ = 0;
  std::chrono::steady_clock::time_point saved_at_;
};

}  // namespace nudge
