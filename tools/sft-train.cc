// Supervised fine-tuning of a language model, or the training of a new one; without an epoch, a model written anew.
#include "lib/cli/signals.h"
#include "lib/kernels/kernels.h"
#include "lib/run/chat_flags.h"
#include "lib/run/new_model.h"
#include "lib/run/run_folder.h"
#include "lib/run/sft_run.h"
#include "lib/run/streams.h"

using namespace nudge;

namespace {

std::string init, output, held_out;
Dtype dtype = Dtype::kF32;
Storage storage;
std::int64_t shard_megabytes = 0;
SftRunOptions options;
NewModelOptions sizes;
std::vector<std::string> files;
bool force = false, salvage = false;
MetricsFile metrics;
SaveOptions saving;

std::vector<std::pair<std::string, std::string>> family_words() {
  std::vector<std::pair<std::string, std::string>> words;
  for (const std::string& type : family_types()) words.push_back({type, type});
  return words;
}

void new_model_options(Tool& tool) {
  tool.group("A new model");
  std::vector<const Option*> given = {
      &tool.choice("--family", sizes.family, family_words(), "its kind of block, by model_type"),
      &tool.option("--layers", sizes.layers, "blocks of attention and feed-forward").at_least(1).at_most(1000),
      &tool.option("--width", sizes.width, "channels").at_least(1).at_most(65536),
      &tool.option("--heads", sizes.heads, "attention heads; they divide the width").at_least(1).at_most(1024),
      &tool.option("--kv-heads", sizes.kv_heads, "heads of keys and values, shared by the others; 0: --heads")
           .at_least(0)
           .at_most(1024),
      &tool.option("--inner", sizes.inner, "width of the feed-forward part; 0: 4 widths, of a gated one 8/3")
           .at_least(0)
           .at_most(1 << 20),
      &tool.option("--context", sizes.context, "tokens that it sees at most").at_least(2).at_most(1 << 20),
      &tool.option("--vocab", sizes.vocab, "tokens of its vocabulary, at most").at_least(258).at_most(1 << 20)};
  tool.after_parsing([given] {
    for (const Option* o : given)
      if (o->given() && init != "new")
        usage_error(o->shown_name() + " is for a new model; the one in --init has its sizes",
                    "leave it out, or give --init new");
    sizes.check();
  });
}

}  // namespace

int main(int argc, char** argv) {
  options.training.schedule.peak = 1e-4;
  Tool tool({.name = "sft-train",
             .summary = "fine-tune a language model on text, or train a new one",
             .description = "Reads {\"text\"}, {\"prompt\",\"completion\"} or {\"messages\"} records and writes "
                            "a model folder that has learnt to predict their tokens, after a prompt only those of the "
                            "completion. With --init new it makes the model and learns a tokenizer from the texts "
                            "first. With --epochs 0 a model of --init needs no records: its folder is written anew.\n\n"
                            "Stopped by a signal (75) or killed, the same command goes on from its last checkpoint.",
             .examples = {{"A new model from text, then one that answers.",
                           "sft-train --init new --lr 1e-3 --epochs 3 text.jsonl -o base && "
                           "sft-train --init base answers.jsonl -o p0"},
                          {"The same model in BF16, in files of 2 GB.",
                           "sft-train --init p0 --epochs 0 --store bf16 --shard-size 2000 -o p0-bf16"}},
             .kernel_level = [] { return std::string(kernels().name); },
             .stops_saved = true});
  input_files(tool, files);
  tool.group("Model and data");
  tool.option("--init", init, "model folder to start from; new: a new model")
      .required()
      .placeholder("FOLDER")
      .neutral();
  const Option& loss_on = tool.choice("--loss-on", options.learn.prompt, {{"completion", false}, {"all", true}},
                                      "tokens that are learnt of a prompt and its completion");
  tool.option("--held-out", held_out, "records to measure the loss on, before and after").placeholder("FILE").neutral();
  const Option& turns = tool.choice("--learn", options.learn.all_turns, {{"last", false}, {"all", true}},
                                    "messages of the assistant that are learnt of {\"messages\"}");
  const ChatFlags chat(tool);
  tool.after_parsing(
      [&] { refuse_unread({&turns}, options.learn.prompt, "with --loss-on all every token is learnt"); });
  training_options(tool, options.training, "sequences");
  seed_option(tool, options.training.seed);
  new_model_options(tool);
  tool.group("Output");
  tool.option("-o,--output", output, "model folder to write; appears when complete")
      .required()
      .placeholder("FOLDER")
      .neutral();
  tool.choice("--store", storage.dtype,
              {{"f32", StoredDtype::kF32}, {"bf16", StoredDtype::kBf16}, {"f16", StoredDtype::kF16}},
              "numbers in the folder; those that are computed with are rounded");
  tool.option("--shard-size", shard_megabytes, "megabytes in a file of the folder's weights; 0: all in one file")
      .at_least(0)
      .at_most(1'000'000'000)
      .placeholder("MB");
  save_option(tool, saving, "steps");
  force_option(tool, force);
  metrics_option(tool, metrics);
  salvage_option(tool, salvage);
  tool.group("Running");
  dtype_option(tool, dtype);
  threads_option(tool);
  ranks_option(tool, options.training.groups);

  return tool.run(argc, argv, [&] {
    refuse_metrics_in_input(metrics, files, {held_out});
    if (shard_megabytes > 0) storage.shard_bytes = shard_megabytes * 1'000'000;
    const bool only_written = options.training.epochs == 0 && files.empty() && init != "new";
    RunFolder folder(output, "sft-train", force);
    leave_on_stops(tool.about().name);
    std::optional<Model> model;
    if (init != "new") model = load_model(init, HeadKind::kLanguage, dtype);
    if (model) tool.warn_all(model->remarks);
    Provenance provenance(tool.provenance());
    provenance.input("init", model ? folder_digest(*model) : "new").input("chat", chat.digest());
    InputSpool spool = only_written ? InputSpool(files) : InputSpool(tool, files, folder.path(), provenance.text());
    const LoadedRecords text = only_written ? LoadedRecords() : load_records(tool, spool, salvage);
    if (folder.made_already(provenance.input("text", text.digest).text())) {
      tool.note(folder.path() + " is there already, made by this very run" +
                (held_out.empty() ? ""
                                  : "; to measure it: sft-train --epochs 0 --init " + folder.path() + " --held-out " +
                                        held_out + " -o " + folder.path() + ".measured"));
      return warn_of_no_metrics(tool, metrics, folder.path());
    }

    sizes.dtype = dtype;
    if (!model) model = new_model(sizes, text.records, options.training.seed);
    const Dialogues dialogues(*model, chat.options());
    if (chat.named()) model->tokenizer.set_chat_template(chat.source());
    const SftData data = only_written ? SftData() : sft_data(text.records, *model, dialogues, options, "the input");
    warn_of_skipped(tool, data.skipped, data.records, "the input");
    std::optional<SftData> unseen;
    if (!held_out.empty()) {
      unseen = sft_data(load_records(tool, {held_out}, salvage).records, *model, dialogues, options, held_out);
      warn_of_skipped(tool, unseen->skipped, unseen->records, held_out);
    }
    const auto either = [&](bool SftData::*has) { return data.*has || (unseen && (*unseen).*has); };
    chat.warn_of_unused(tool, dialogues, true);
    if (turns.given() && !either(&SftData::dialogues))
      tool.warn("--learn did nothing: no record has {\"messages\"}, whose turns it chooses; leave it out");
    if (loss_on.given() && !either(&SftData::prompts))
      tool.warn(
          "--loss-on did nothing: no record has a prompt, and of a text all tokens are learnt; leave it out, or "
          "give {\"prompt\",\"completion\"}");
    StepReport steps(tool, metrics, "loss/train");
    TrainingCheckpoint checkpoint(tool, folder, saving, spool, "step");
    const SftReport report =
        run_sft(*model, data, unseen ? &*unseen : nullptr, options, steps.on_figures(), checkpoint);
    if (folder.is_written_here()) {
      save_model(*model, folder.temporary(), storage);
      folder.publish();
    }
    if (only_written) return tool.tally({{1, "model"}}, summary(report));
    const auto sequences = static_cast<std::int64_t>(data.examples.size());
    tool.tally({{sequences, "sequence"}, {report.steps, "step"}, {report.tokens, "token"}}, summary(report));
  });
}
