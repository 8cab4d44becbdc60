#include "lib/run/training_checkpoint.h"

#include <filesystem>

#include "lib/base/comm.h"
#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/cli/signals.h"
#include "lib/io/files.h"
#include "lib/io/safetensors.h"
#include "lib/rl/trajectory.h"

namespace nudge {
namespace {

constexpr const char* kSchema = "checkpoint/1";
constexpr const char* kState = "/state.json";
// A checkpoint writes 12 bytes per weight; a step of some thousand tokens takes tens of thousands of operations per
// weight. So saving takes about a tenth of a step at any model size, and nothing noticeable every ten minutes. Shorter
// runs write none.
constexpr double kPatience = 600;

// Everything that the bytes of a run depend on.
std::string tag_of(const RunFolder& folder) {
  return Digest().text(kSchema).number(kArithmetic).text(folder.provenance()).hex();
}

void write_weights(const Transformer& model, const std::string& path) {
  std::vector<TensorView> views;
  for (const TensorInfo& t : model.trained().tensors)
    if (model.trained().trains(t.offset)) views.push_back({t.name, t.shape, model.trained_values() + t.offset});
  write_safetensors(path, views);
}

void read_weights(Transformer& model, const std::string& path) {
  const SafetensorsFile file(path);
  for (const TensorInfo& t : model.trained().tensors) {
    if (!model.trained().trains(t.offset)) continue;
    if (file.at(t.name).shape != t.shape) bad_input(path + ": tensor " + t.name + " differs in shape from the model's");
    file.read_f32(t.name, model.change() + t.offset);
  }
  model.pack(false);
}

}  // namespace

bool SaveOptions::due(std::int64_t step, double seconds) const {
  if (!every) return seconds >= kPatience;
  return *every > 0 && step % *every == 0;
}

Option& SaveOptions::add_to(Tool& tool, const std::string& steps) {
  return tool
      .option("--save-every", every,
              steps + " between checkpoints, from which the same command resumes; 0: only on a stop signal")
      .at_least(0)
      .at_most(1e9)
      .shown_default("every 10 minutes")
      .neutral();
}

std::string checkpoint_options(const CheckpointPlace& place) {
  try {
    return read_state(place.path + kState).text("options");
  } catch (const Error&) {
    return "";
  }
}

TrainingCheckpoint::TrainingCheckpoint(Tool& tool, const RunFolder& folder, SaveOptions options, InputSpool& input,
                                       std::string step)
    : tool_(&tool), options_(options), step_name_(std::move(step)), input_(&input),
      store_(std::in_place, folder.path(), tag_of(folder)), saved_at_(std::chrono::steady_clock::now()) {
  if (comm().first()) find_last(input);
  tell_last();
}

TrainingCheckpoint::Interruptible::Interruptible(bool on) { let_stops_interrupt(on ? stop_requested : nullptr); }
TrainingCheckpoint::Interruptible::~Interruptible() { let_stops_interrupt(nullptr); }

// Tells all ranks what the first one found.
void TrainingCheckpoint::tell_last() {
  CheckpointPlace place = last_.value_or(CheckpointPlace{"", store_->tag(), -1});
  comm().broadcast(&place.step, sizeof place.step);
  comm().broadcast(place.path);
  if (place.step < 0) return;
  step_ = place.step;
  last_ = place;
}

void TrainingCheckpoint::find_last(const InputSpool& input) {
  if (!input.kept_tag().empty() && input.kept_tag() != store_->tag())
    bad_input("stdin is empty, and the saved records belong to a run with other models", "give the records again");
  last_ = store_->newest(
      [&](const std::string& path) { tool_->warn(path + ": is damaged and was removed; its work is recomputed"); });
}

void TrainingCheckpoint::keep_input() {
  if (store_ && comm().first() && !last_ && input_->folder() != nullptr) save();
}

std::string TrainingCheckpoint::earlier(const std::string& name) const {
  if (taken() == 0) return "";
  return read_state(last_->path + kState).find_text(name).value_or("");
}

void TrainingCheckpoint::resume() {
  if (taken() == 0) return;
  const ProfileScope scope(Part::kLoading);
  Record state = read_state(last_->path + kState);
  for (const Learner& l : learners_) {
    read_weights(*l.model, last_->path + "/" + l.weights());
    l.adam->load(last_->path + "/" + l.moments(), state.integer(l.name + "_steps"));
  }
  StateFields reading(state, StateFields::kRead);
  fields_(reading);
  comm().barrier();  // wait until all have read it: the next checkpoint removes it
  tool_->note("resuming after " + progress());
}

void TrainingCheckpoint::after(std::int64_t step) {
  if (!store_) return;
  step_ = step;
  if (comm().any(stop_requested())) stop();
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - saved_at_;
  if (comm().first() && options_.due(step, since.count())) save();
}

void TrainingCheckpoint::stop() {
  if (!store_) throw Error(Exit::kStopped, "stopped");
  if (comm().first() && step_ > 0 && (!last_ || last_->step != step_)) save();
  comm().barrier();  // a rank that ends would end the one that saves
  if (step_ > 0) throw Error(Exit::kStopped, "stopped after " + progress() + ", which is saved");
  throw Error(Exit::kStopped,
              "stopped before the first " + step_name_ + (last_ ? "; its records are kept" : ", with nothing to save"));
}

// Before the first step there are only the records, in the folder that they were copied to.
void TrainingCheckpoint::save() {
  const ProfileScope scope(Part::kSaving);
  std::optional<TemporaryFolder> fresh;
  if (step_ > 0) fresh.emplace(store_->output(), "saving");
  TemporaryFolder& folder = fresh ? *fresh : *input_->folder();
  write_state(folder.path());
  if (step_ > 0) hand_on_input(folder.path());
  last_ = store_->commit(folder, step_);
  saved_at_ = std::chrono::steady_clock::now();
}

void TrainingCheckpoint::write_state(const std::string& folder) {
  Record state("the state of the run");
  state.set_text("schema", kSchema);
  state.set_text("options", input_->options());
  state.set_integer("step", step_);
  if (step_ > 0) {
    for (const Learner& l : learners_) {
      write_weights(*l.model, folder + "/" + l.weights());
      l.adam->save(folder + "/" + l.moments());
      state.set_integer(l.name + "_steps", l.adam->steps());
    }
    StateFields writing(state, StateFields::kWrite);
    fields_(writing);
  }
  write_file(folder + kState, state_text(state, 0));
}

// Hands the records on to the next checkpoint, by a hard link if the file system has them.
void TrainingCheckpoint::hand_on_input(const std::string& folder) const {
  namespace fs = std::filesystem;
  const std::string to = folder + "/" + kSpoolFile;
  std::vector<std::string> sources;
  if (last_) sources.push_back(last_->path);
  if (input_->folder() != nullptr) sources.push_back(input_->folder()->path());
  for (const std::string& source : sources) {
    const std::string from = source + "/" + kSpoolFile;
    std::error_code error;
    if (!fs::is_regular_file(from, error)) continue;
    fs::create_hard_link(from, to, error);
    if (error && !fs::copy_file(from, to, error)) throw Error(Exit::kIo, to + ": can't be created: " + error.message());
    return;
  }
}

std::string TrainingCheckpoint::progress() const {
  return step_name_ + " " + std::to_string(step_) + (steps_ > 0 ? " of " + std::to_string(steps_) : "");
}

}  // namespace nudge
