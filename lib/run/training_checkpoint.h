// What the programs that train keep on the way, so that the same command goes on to the same bytes: the weights, the
// optimizers' moments, the numbers of the loop. docs/formats.md lists the files. The order of the data and all random
// numbers are functions of the seed, and are made again.
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

  // Whether to save after step `step`, `seconds` after the last time.
  bool due(std::int64_t step, double seconds) const;
};

// --save-every, of all programs that train; `steps` is what they call their steps.
Option& save_option(Tool& tool, SaveOptions& options, const std::string& steps);

// The options that a checkpoint says it was made with, "" where it can't be read.
std::string checkpoint_options(const CheckpointPlace& place);

// Of several ranks (lib/base/comm.h) the first one alone looks for checkpoints and writes them; all call the functions,
// and read.
class TrainingCheckpoint {
 public:
  // Keeps nothing and never stops.
  TrainingCheckpoint() = default;
  // From here on a stop signal is one that saves. `folder` knows its provenance. Looks for what an earlier run left and
  // warns of what is damaged. `step` names the unit: "step", "update". Error kBadInput: the kept records are another
  // run's.
  TrainingCheckpoint(Tool& tool, const RunFolder& folder, SaveOptions options, InputSpool& input, std::string step);

  // What is kept of the run; to be said before resume(). What is named has to live as long as steps are taken.
  void learner(const std::string& name, Transformer& model, Adam& adam) { learners_.push_back({name, &model, &adam}); }
  void fields(std::function<void(StateFields&)> visit) { fields_ = std::move(visit); }
  void steps(std::int64_t n) { steps_ = n; }  // in all

  // Steps that an earlier run took; 0 where there is nothing to go on from.
  std::int64_t taken() const { return store_ ? step_ : 0; }
  // Reads one field of that run's state before anything else is read back: what `name` was, "" where it was not.
  std::string earlier(const std::string& name) const;
  // Makes weights, moments and fields those after that step.
  void resume();

  // After a step, once its figures are written: saves where it is time to. Where the run is to stop it saves and
  // throws Error kStopped.
  void after(std::int64_t step);

  // Runs f, a part of the run, once the records are kept where they came from no file. A StopRequested in it saves the
  // state after the last step and becomes Error kStopped.
  // Where the input or the options are at fault, the run would fail again: nothing of it is kept.
  template <class F>
  void guarded(F&& f) {
    try {
      keep_input();
      f();
    } catch (const StopRequested&) {
      stop();
    } catch (const Error& e) {
      if (store_ && comm().first() && (e.status() == Exit::kBadInput || e.status() == Exit::kUsage)) store_->remove();
      throw;
    }
  }

 private:
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
