// Trains a reward model on preferences.
#include "lib/cli/signals.h"
#include "lib/kernels/kernels.h"
#include "lib/run/chat_flags.h"
#include "lib/run/rm_run.h"
#include "lib/run/run_folder.h"
#include "lib/run/streams.h"

using namespace nudge;

namespace {

std::string init, output, held_out, normalize_on;
std::optional<ChatFlags> chat;
Dtype dtype = Dtype::kF32;
RewardRunOptions options;
std::vector<std::string> files;
bool force = false, salvage = false;
MetricsFile metrics;
SaveOptions saving;

void register_options(Tool& tool) {
  input_files(tool, files);
  tool.group("Model and data");
  tool.option("--init", init, "language model or reward model to start from")
      .required()
      .placeholder("FOLDER")
      .neutral();
  tool.option("--held-out", held_out, "preferences to measure accuracy and calibration on")
      .placeholder("FILE")
      .neutral();
  tool.option("--margin", options.loss.margin_weight, "weight of the records' margins in the loss").at_least(0);
  tool.option("--centering", options.loss.centering, "weight of the pairs' squared sums of rewards in the loss")
      .at_least(0);
  chat.emplace(tool);
  training_options(tool, options.training, "rankings");
  seed_option(tool, options.training.seed);
  tool.group("Rewards");
  tool.option("--normalize-on", normalize_on, "trajectories whose rewards get mean 0 and standard deviation 1")
      .placeholder("FILE")
      .shown_default("mean 0 over the training answers")
      .neutral();
  tool.option("--normalize-std", options.normalize_std, "standard deviation 1 over the training answers, too")
      .excludes("--normalize-on");
  tool.option("--no-normalize", options.normalize, "leave rewards as they come")
      .excludes("--normalize-on")
      .excludes("--normalize-std");
  tool.group("Output");
  tool.option("-o,--output", output, "model folder to write; appears when complete")
      .required()
      .placeholder("FOLDER")
      .neutral();
  save_option(tool, saving, "steps");
  force_option(tool, force);
  metrics_option(tool, metrics);
  salvage_option(tool, salvage);
  tool.group("Running");
  dtype_option(tool, dtype);
  threads_option(tool);
  ranks_option(tool, options.training.groups);
}

}  // namespace

int main(int argc, char** argv) {
  options.training.schedule.peak = 1e-5;
  Tool tool({.name = "rm-train",
             .summary = "train a reward model on preferences",
             .description = "Reads {\"prompt\",\"chosen\",\"rejected\"} pairs or {\"prompt\",\"responses\"} rankings, "
                            "best first, texts or lists of messages, and writes a reward model: a model folder whose "
                            "head gives one number for an answer (Bradley and Terry's model). A language model gets a "
                            "fresh head.\n\n"
                            "Stopped by a signal (75) or killed, the same command goes on from its last checkpoint.",
             .examples = {{"Train on most pairs, measure on the rest.",
                           "rm-train --init base --held-out test.jsonl.zst train.jsonl.zst -o rm"}},
             .kernel_level = [] { return std::string(kernels().name); },
             .stops_saved = true});
  register_options(tool);

  return tool.run(argc, argv, [&] {
    refuse_metrics_in_input(metrics, files, {held_out, normalize_on});
    RunFolder folder(output, "rm-train", force);
    leave_on_stops(tool.about().name);
    Model model = load_as_score_model(init, options.training.seed, dtype);
    tool.warn_all(model.remarks);
    const Dialogues dialogues(model, chat->options());
    Provenance provenance(tool.provenance());
    provenance.input("init", folder_digest(model)).input("chat", dialogues.chat().digest());
    InputSpool spool(tool, files, folder.path(), provenance.text());
    const LoadedRecords preferences = load_records(tool, spool, salvage);
    provenance.input("preferences", preferences.digest);
    std::optional<std::vector<RewardSample>> samples;
    if (!normalize_on.empty()) {
      const LoadedRecords trajectories = load_records(tool, {normalize_on}, salvage);
      samples = reward_samples(trajectories.records, model, options.training.skip_long, normalize_on);
      warn_of_skipped(tool, std::ssize(trajectories.records) - std::ssize(*samples), std::ssize(trajectories.records),
                      normalize_on);
      provenance.input("normalize-on", trajectories.digest);
    }
    if (folder.made_already(provenance.text())) {
      tool.note(folder.path() + " is there already, made by this very run" +
                (held_out.empty() ? "" : "; to measure it: score --reward-model " + folder.path() + " " + held_out));
      return warn_of_no_metrics(tool, metrics, folder.path());
    }

    const bool skip_long = options.training.skip_long;
    const RewardData data = reward_data(preferences.records, model, dialogues, skip_long, "the input");
    warn_of_skipped(tool, data.skipped, data.records, "the input");
    warn_of_identical(tool, data.identical, data.pairs, "the input");
    if (options.loss.margin_weight > 0 && !data.margins())
      tool.warn(
          "--margin did nothing: no pair has a \"margin\" other than 0; leave it out, or add one as label --by "
          "does");
    std::optional<RewardData> unseen;
    if (!held_out.empty()) {
      const LoadedRecords more = load_records(tool, {held_out}, salvage);
      unseen = reward_data(more.records, model, dialogues, skip_long, held_out);
      warn_of_skipped(tool, unseen->skipped, unseen->records, held_out);
      warn_of_identical(tool, unseen->identical, unseen->pairs, held_out);
    }
    chat->warn_of_unused(tool, dialogues);
    if (chat->named() && dialogues.met()) model.tokenizer.set_chat_template(chat->source());
    StepReport steps(tool, metrics, "loss");
    TrainingCheckpoint checkpoint(tool, folder, saving, spool, "step");
    const RewardReport report = run_rm(model, data, unseen ? &*unseen : nullptr, samples ? &*samples : nullptr, options,
                                       steps.on_figures(), checkpoint);
    if (folder.is_written_here()) {
      save_model(model, folder.temporary());
      folder.publish();
    }
    if (report.held_out)
      for (const std::string& line : report_lines(*report.held_out)) tool.note(line);
    const auto rankings = static_cast<std::int64_t>(data.rankings.size());
    tool.tally({{rankings, "ranking"}, {report.steps, "step"}, {report.tokens, "token"}},
               "reward mean " + number_text(report.mean) + ", std " + number_text(report.std));
  });
}
