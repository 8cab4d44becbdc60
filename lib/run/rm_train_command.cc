#include "lib/run/rm_train_command.h"

#include "lib/cli/signals.h"
#include "lib/run/options.h"

namespace nudge {

void RmTrainCommand::add_to(Tool& tool) {
  input_files(tool, streams.files);
  tool.group("Model and data");
  tool.option("--init", init, "language model or reward model to start from")
      .required()
      .placeholder("FOLDER")
      .neutral();
  tool.option("--held-out", held_out, "preferences to measure accuracy and calibration on")
      .placeholder("FILE")
      .neutral();
  tool.option("--margin", training.loss.margin_weight, "weight of the records' margins in the loss").at_least(0);
  tool.option("--centering", training.loss.centering, "weight of (r_chosen + r_rejected)^2, which centres rewards at 0")
      .at_least(0);
  tool.option("--label-smoothing", training.loss.smoothing, "probability that a pair's answers are the wrong way round")
      .at_least(0)
      .below(0.5);
  chat.add_to(tool);
  training.training.add_to(tool, "rankings");
  tool.group("Rewards");
  tool.option("--normalize-on", normalize_on, "trajectories whose rewards get mean 0 and standard deviation 1")
      .placeholder("FILE")
      .shown_default("mean 0 over the training answers")
      .neutral();
  tool.option("--normalize-std", training.normalize_std, "standard deviation 1 over the training answers, too")
      .excludes("--normalize-on");
  tool.option("--no-normalize", training.normalize, "leave rewards as they are")
      .excludes("--normalize-on")
      .excludes("--normalize-std");
  adapter.add_to(tool);
  add_output_to(tool);
  tool.group("Running");
  dtype_option(tool, dtype);
  threads_option(tool);
  ranks_option(tool, training.training.groups);
}

void RmTrainCommand::add_output_to(Tool& tool) {
  tool.group("Output");
  model_output_option(tool, streams.output);
  saving.add_to(tool, "steps");
  force_option(tool, streams.force);
  metrics.add_to(tool, streams.output);
  salvage_option(tool, streams.salvage);
}

std::optional<std::vector<RewardSample>> RmTrainCommand::load_samples(Tool& tool, const Model& model,
                                                                      Provenance& provenance) const {
  if (normalize_on.empty()) return std::nullopt;
  const LoadedRecords trajectories = load_records(tool, {normalize_on}, streams.salvage);
  auto samples = reward_samples(trajectories.records, model, training.training.skip_long, normalize_on);
  const std::int64_t n = std::ssize(trajectories.records);
  warn_of_skipped(tool, n - std::ssize(samples), n, normalize_on);
  provenance.input("normalize-on", trajectories.digest);
  return samples;
}

RewardData RmTrainCommand::load(Tool& tool, const std::vector<Record>& records, const Model& model,
                                Dialogues& dialogues, const std::string& what) const {
  RewardData data = reward_data(records, model, dialogues, training.training.skip_long, what);
  warn_of_skipped(tool, data.skipped, data.records, what);
  warn_of_identical(tool, data.identical, data.pairs, what);
  return data;
}

void RmTrainCommand::tell_made_already(Tool& tool, const RunFolder& folder) const {
  tool.note(folder.path() + ": exists already, from the same inputs and options" +
            (held_out.empty() ? "" : "; to measure it: score --reward-model " + folder.path() + " " + held_out));
  warn_of_no_metrics(tool, metrics.names(), folder.path());
}

std::optional<Tally> RmTrainCommand::run(Tool& tool) {
  refuse_metrics_in_input(metrics.file(), streams.files, {held_out, normalize_on});
  RunFolder folder(streams.output, "rm-train", streams.force);
  leave_on_stops(tool.about().name);
  Bases bases(adapter.base);
  Model model = adapter.load(init, HeadKind::kScore, training.training.seed, dtype, bases);
  refuse_base_without_adapter(adapter.base, bases.has_adapters());
  training.training.settle_rate(model);
  tool.warn_all(model.remarks);
  Dialogues dialogues(model, chat.options());
  Provenance provenance(tool.provenance());
  provenance.input("init", folder_digest(model)).input("chat", dialogues.chat().digest());
  InputSpool spool(tool, streams.files, folder.path(), provenance.text());
  const LoadedRecords preferences = load_records(tool, spool, streams.salvage);
  provenance.input("preferences", preferences.digest);
  const auto samples = load_samples(tool, model, provenance);
  if (folder.made_already(provenance.text())) {
    tell_made_already(tool, folder);
    return std::nullopt;
  }

  const RewardData data = load(tool, preferences.records, model, dialogues, "the input");
  if (training.loss.margin_weight > 0 && !data.margins())
    tool.warn(
        "--margin did nothing: no pair has a \"margin\" other than 0; leave it out, or add one as label --by does");
  std::optional<RewardData> unseen;
  if (!held_out.empty())
    unseen = load(tool, load_records(tool, {held_out}, streams.salvage).records, model, dialogues, held_out);
  chat.warn_of_unused(tool, dialogues);
  if (chat.named() && dialogues.met()) model.tokenizer.set_chat_template(chat.source());
  StepReport steps(tool, metrics, "loss");
  TrainingCheckpoint checkpoint(tool, folder, saving, spool, "step");
  const RewardReport report = run_rm(model, data, unseen ? &*unseen : nullptr, samples ? &*samples : nullptr, training,
                                     steps.on_metrics(), checkpoint);
  if (folder.is_written_here()) {
    save_model(model, folder.temporary());
    folder.publish();
  }
  if (report.held_out)
    for (const std::string& line : report_lines(*report.held_out)) tool.note(line);
  std::string last_epoch;
  if (report.loss.mean)
    last_epoch = ", last epoch's loss " + figure_text(report.loss) + " and accuracy " + figure_text(report.accuracy);
  return Tally{{{std::ssize(data.rankings), "ranking"}, {report.steps, "step"}, {report.tokens, "token"}},
               "reward mean " + figure_text(report.mean) + ", std " + figure_text(report.std) + last_epoch,
               false,
               report.tokens - report.earlier_tokens};
}

}  // namespace nudge
