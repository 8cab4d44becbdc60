#include "lib/run/sft_train_command.h"

#include "lib/cli/signals.h"
#include "lib/run/options.h"

namespace nudge {

void SftTrainCommand::add_data_to(Tool& tool) {
  tool.group("Model and data");
  tool.option("--init", init, "model folder to start from; new: a new model")
      .required()
      .placeholder("FOLDER")
      .neutral();
  loss_on_ = &tool.choice("--loss-on", training.learn.prompt, {{"completion", false}, {"all", true}},
                          "tokens of a prompt and its completion that count in the loss");
  tool.option("--held-out", held_out, "records to measure the loss on, before and after").placeholder("FILE").neutral();
  learn_ = &tool.choice("--learn", training.learn.all_turns, {{"last", false}, {"all", true}},
                        "assistant messages of {\"messages\"} that count in the loss");
  chat.add_to(tool);
  tool.after_parsing(
      [this] { refuse_unread({learn_}, training.learn.prompt, "with --loss-on all every token is learnt"); });
}

void SftTrainCommand::add_output_to(Tool& tool) {
  tool.group("Output");
  model_output_option(tool, streams.output);
  store_ = &tool.choice("--store", storage.dtype,
                        {{"f32", StoredDtype::kF32}, {"bf16", StoredDtype::kBf16}, {"f16", StoredDtype::kF16}},
                        "dtype of the stored weights, rounded from float32");
  shard_size_ = &tool.option("--shard-size", shard_megabytes, "megabytes per file of weights; 0: all in one file")
                     .at_least(0)
                     .at_most(1'000'000'000)
                     .placeholder("MB");
  saving.add_to(tool, "steps");
  force_option(tool, streams.force);
  metrics.add_to(tool, streams.output);
  salvage_option(tool, streams.salvage);
}

void SftTrainCommand::add_adapter_to(Tool& tool) {
  adapter.add_to(tool);
  tool.option("--merge", merge, "write a whole model, the adapter added to its base, in place of the adapter");
  tool.after_parsing([this] {
    if (!makes_new_model()) return;
    if (adapter.rank > 0)
      usage_error("--lora-rank: a new model has nothing worth keeping", "train all of it, and give that to --init");
    if (adapter.frozen_blocks > 0)
      usage_error("--freeze: a new model's blocks are random numbers", "train all of it, and give that to --init");
    if (merge) usage_error("--merge: a new model is no adapter", "leave it out");
    adapter.refuse_names("a new model is no adapter");
  });
}

void SftTrainCommand::add_to(Tool& tool) {
  input_files(tool, streams.files);
  add_data_to(tool);
  training.training.add_to(tool, "sequences");
  add_adapter_to(tool);
  sizes.add_to(tool, init);
  add_output_to(tool);
  tool.group("Running");
  dtype_option(tool, dtype);
  threads_option(tool);
  ranks_option(tool, training.training.groups);
}

void SftTrainCommand::tell_made_already(Tool& tool, const RunFolder& folder) const {
  tool.note(folder.path() + ": exists already, from the same inputs and options" +
            (held_out.empty() ? ""
                              : "; to measure it: sft-train --epochs 0 --init " + folder.path() + " --held-out " +
                                    held_out + " -o " + folder.path() + ".measured"));
  warn_of_no_metrics(tool, metrics.names(), folder.path());
}

SftData SftTrainCommand::load(Tool& tool, const std::vector<Record>& records, const Model& model, Dialogues& dialogues,
                              const std::string& what) const {
  SftData data = sft_data(records, model, dialogues, training, what);
  warn_of_skipped(tool, data.skipped, data.records, what);
  return data;
}

void SftTrainCommand::warn_of_unused(Tool& tool, const Dialogues& dialogues, const SftData& data,
                                     const SftData* unseen) const {
  const auto either = [&](bool SftData::*has) { return data.*has || (unseen != nullptr && unseen->*has); };
  chat.warn_of_unused(tool, dialogues, true);
  if (learn_->given() && !either(&SftData::dialogues))
    tool.warn("--learn did nothing: no record has {\"messages\"}, whose turns it chooses; leave it out");
  if (loss_on_->given() && !either(&SftData::prompts))
    tool.warn(
        "--loss-on did nothing: no record has a prompt, and all tokens of a text are learnt; leave it out, or give "
        "{\"prompt\",\"completion\"}");
}

Model SftTrainCommand::load_initial(Tool& tool) {
  Bases bases(adapter.base);
  Model model = adapter.load(init, HeadKind::kLanguage, training.training.seed, dtype, bases);
  refuse_base_without_adapter(adapter.base, bases.has_adapters());
  const bool adapted = model.transformer.adapter() != nullptr;
  if (merge && !adapted) usage_error("--merge: " + init + " is no adapter", "leave it out, or give --lora-rank");
  refuse_unread({store_, shard_size_}, adapted && !merge, "an adapter is stored as f32 in one file");
  tool.warn_all(model.remarks);
  training.training.settle_rate(model);
  return model;
}

std::optional<Tally> SftTrainCommand::run(Tool& tool) {
  refuse_metrics_in_input(metrics.file(), streams.files, {held_out});
  if (shard_megabytes > 0) storage.shard_bytes = shard_megabytes * 1'000'000;
  RunFolder folder(streams.output, "sft-train", streams.force);
  leave_on_stops(tool.about().name);
  std::optional<Model> model;
  if (!makes_new_model()) model = load_initial(tool);
  Provenance provenance(tool.provenance());
  provenance.input("init", model ? folder_digest(*model) : "new").input("chat", chat.digest());
  InputSpool spool =
      only_writes() ? InputSpool(streams.files) : InputSpool(tool, streams.files, folder.path(), provenance.text());
  const LoadedRecords text = only_writes() ? LoadedRecords() : load_records(tool, spool, streams.salvage);
  if (folder.made_already(provenance.input("text", text.digest).text())) {
    tell_made_already(tool, folder);
    return std::nullopt;
  }

  sizes.dtype = dtype;
  if (!model) model = new_model(sizes, text.records, training.training.seed);
  Dialogues dialogues(*model, chat.options());
  if (chat.named()) model->tokenizer.set_chat_template(chat.source());
  const SftData data = only_writes() ? SftData() : load(tool, text.records, *model, dialogues, "the input");
  std::optional<SftData> unseen;
  if (!held_out.empty())
    unseen = load(tool, load_records(tool, {held_out}, streams.salvage).records, *model, dialogues, held_out);
  const SftData* measured = unseen ? &*unseen : nullptr;
  warn_of_unused(tool, dialogues, data, measured);
  StepReport steps(tool, metrics, "loss/train");
  TrainingCheckpoint checkpoint(tool, folder, saving, spool, "step");
  const SftReport report = run_sft(*model, data, measured, training, steps.on_metrics(), checkpoint);
  if (folder.is_written_here()) {
    if (merge) model->transformer = merged(model->transformer);
    save_model(*model, folder.temporary(), storage);
    folder.publish();
  }
  if (only_writes()) return Tally{{{1, "model"}}, summary(report)};
  return Tally{{{std::ssize(data.examples), "sequence"}, {report.steps, "step"}, {report.tokens, "token"}},
               summary(report),
               false,
               report.tokens - report.earlier_tokens};
}

}  // namespace nudge
