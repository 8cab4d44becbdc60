// Adds rewards and reference log-probs to trajectories, both rewards to preference pairs.
#include <cstdio>

#include "lib/cli/signals.h"
#include "lib/kernels/kernels.h"
#include "lib/report/calibration.h"
#include "lib/run/chat_flags.h"
#include "lib/run/run_folder.h"
#include "lib/run/scoring.h"
#include "lib/run/streams.h"
#include "lib/run/training.h"

using namespace nudge;

namespace {

std::string accuracy_words(const Calibration& c) {
  char text[96] = "accuracy ?";
  if (c.accuracy.mean)
    std::snprintf(text, sizeof text, "accuracy %.4f +- %.4f", *c.accuracy.mean, c.accuracy.standard_error.value_or(0));
  const std::size_t judged = c.pairs - c.identical;
  return text + (" on " + std::to_string(judged)) + (judged == 1 ? " pair" : " pairs");
}

}  // namespace

int main(int argc, char** argv) {
  std::string reward_model, reference;
  ScoringOptions options;
  StreamOptions streams;

  Tool tool({.name = "score",
             .summary = "add rewards and reference log-probs to records",
             .description =
                 "Reads trajectories and writes them with \"reward\" (--reward-model) and \"ref_logprobs\" (--ref), or "
                 "preference pairs with \"chosen_reward\" and \"rejected_reward\", ending with the accuracy "
                 "and its standard error. All other fields pass through. An input that is one shard alone gives the "
                 "same shard.\n\n"
                 "Stopped by a signal (75) or killed, with -o the same command goes on behind the records that "
                 "were saved.",
             .examples = {{"One iteration of PPO.",
                           "rollout -z --policy p0 -n 4 prompts.jsonl.zst | score -z --reward-model rm --ref base | "
                           "ppo-step --policy p0 --critic-init rm -o p1"}},
             .kernel_level = [] { return std::string(kernels().name); },
             .stops_saved = true});
  input_files(tool, streams.files);
  tool.group("Models");
  tool.option("--reward-model", reward_model, "folder of the reward model").placeholder("FOLDER").neutral();
  const Option& ref = tool.option("--ref", reference, "folder of the reference policy, for ref_logprobs")
                          .placeholder("FOLDER")
                          .neutral();
  const Option& missing_end =
      tool.choice(
              "--missing-end", options.missing_end,
              {{"keep", MissingEnd::kKeep}, {"replace", MissingEnd::kReplace}, {"subtract", MissingEnd::kSubtract}},
              "what becomes of the score of a response cut by its length: kept, replaced by --missing-end-value, or "
              "that subtracted")
          .needs("--reward-model");
  Option& value =
      tool.option("--missing-end-value", options.missing_end_value, "the score that replaces, or the penalty")
          .needs("--missing-end")
          .shown_default("replace: -1; subtract: 1");
  tool.after_parsing([&] {
    const bool subtract = options.missing_end == MissingEnd::kSubtract;
    if (!value.given()) options.missing_end_value = subtract ? 1.0f : -1.0f;
    if (value.given() && options.missing_end == MissingEnd::kKeep)
      usage_error("--missing-end-value: scores are kept", "give --missing-end replace or subtract");
    if (subtract && options.missing_end_value < 0)
      usage_error("--missing-end-value: a penalty below 0 would reward what it is to deter");
  });
  const ChatFlags chat(tool, "--reward-model");  // only pairs may be dialogues
  too_long_option(tool, options.skip_long, "records longer than a model's context");
  shard_option(tool, streams.shard);
  output_options(tool, streams);
  tool.group("Running");
  tool.option("--micro-batch", options.micro_tokens,
              "tokens forwarded together, after which a signal may stop it; changes no bit")
      .at_least(1)
      .neutral();
  dtype_option(tool, options.dtype);
  threads_option(tool);

  return tool.run(argc, argv, [&] {
    leave_on_stops(tool.about().name);
    refuse_same_file(streams.files, streams.output);
    options.chat = chat.options();
    Scorer scorer(reward_model, reference, options);
    tool.warn_all(scorer.remarks());
    Provenance provenance(tool.provenance());
    provenance.input("models", scorer.digest());
    if (scorer.dialogues()) provenance.input("chat", scorer.dialogues()->chat().digest());
    catch_stops();
    const ReaderOptions reading{.salvage = streams.salvage,
                                .whole_shards = true,
                                .lone_shard = streams.shard.count == 1,
                                .stop = stop_descriptor()};
    const auto origin = [&] { return read_for_origin(streams, reading, provenance, "records"); };
    if (made_already(tool, streams, provenance.digest(), origin)) return;
    RecordWriter out = open_output(tool, streams, provenance.digest(), Unfinished::kGoOn);
    KeptRecords kept(tool, out, streams.output);
    RecordReader in(streams.files, reading);
    Progress progress = tool.progress("records");
    std::vector<Record> window;
    std::vector<std::int64_t> numbers;
    std::int64_t tokens = 0, taken = 0;  // tokens of the window, records of the shard
    const auto flush = [&] {             // what is in the window
      heed_stop();
      scorer.score(window, numbers);
      for (const Record& r : window) out.write(r);
      out.keep_up();
      progress.update(out.records());
      window.clear();
      numbers.clear();
      tokens = 0;
    };
    save_on_stop(out, streams.output, [&] {
      const auto next = [&](Record& record) {
        if (!in.ready()) flush(), out.pass_on();
        return in.next(record);
      };
      Record record;
      for (std::int64_t number = 0; next(record); ++number) {
        if (!streams.shard.takes(number)) continue;
        ++taken;
        if (scorer.skips(record, number) || scorer.is_kept(record, number, kept)) continue;
        const std::int64_t more = Scorer::size_of(record);
        if (!window.empty() && tokens + more > scorer.micro_tokens()) flush();
        tokens += more;
        window.push_back(std::move(record));
        numbers.push_back(number);
      }
      kept.end();
      flush();
    });
    warn_of_losses(tool, in);
    warn_of_skipped(tool, scorer.skipped(), taken, "the input");
    finish_output(out, in, origin_of(in, streams, provenance, "records"), scorer.skipped());
    if (const std::int64_t n = scorer.encoded_again(); n > 0)
      tool.note(std::to_string(n) + (n == 1 ? " trajectory" : " trajectories") +
                " of another tokenizer encoded again from the texts for the reward model");
    std::string more;
    const Calibration c = calibrate(scorer.chosen(), scorer.rejected(), kCalibrationBins, scorer.identical());
    warn_of_identical(tool, static_cast<std::int64_t>(c.identical), static_cast<std::int64_t>(c.pairs), "the input");
    if (out.records() > 0 && scorer.dialogues()) chat.warn_of_unused(tool, *scorer.dialogues());
    if (c.pairs > 0 && scorer.trajectories() == 0)
      for (const Option* option : {&ref, &missing_end})
        if (option->given())
          tool.warn(option->shown_name() +
                    " did nothing: no record is a trajectory; leave it out for preference pairs");
    if (c.pairs > 0) {
      more = accuracy_words(c);
    } else if (!reward_model.empty() && out.records() > 0) {
      char text[64];
      std::snprintf(text, sizeof text, "mean reward %.4f", scorer.mean_reward());
      more = text;
    }
    if (scorer.skipped() > 0) more = std::to_string(scorer.skipped()) + " too long" + (more.empty() ? "" : ", ") + more;
    tool.tally({{out.records(), "record"}}, more, true);
  });
}
