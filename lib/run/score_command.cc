#include "lib/run/score_command.h"

#include <algorithm>
#include <utility>

#include "lib/cli/signals.h"
#include "lib/report/calibration.h"
#include "lib/run/adapter_options.h"
#include "lib/run/best_of.h"
#include "lib/run/options.h"

namespace nudge {
namespace {

std::string accuracy_words(const Calibration& c) {
  const std::size_t judged = c.pairs - c.identical;
  return "accuracy " + figure_text(c.accuracy) + " on " + std::to_string(judged) + (judged == 1 ? " pair" : " pairs");
}

// Records that wait until they fill a micro-batch.
class ScoreWindow {
 public:
  ScoreWindow(Scorer& scorer, RecordWriter& out, Progress& progress)
      : scorer_(scorer), out_(out), progress_(progress) {}

  void add(Record record, std::int64_t number) {
    const std::int64_t more = Scorer::size_of(record);
    if (!records_.empty() && tokens_ + more > scorer_.micro_tokens()) flush();
    tokens_ += more;
    records_.push_back(std::move(record));
    numbers_.push_back(number);
  }

  void flush() {
    heed_stop();
    scorer_.score(records_, numbers_);
    for (const Record& r : records_) out_.write(r);
    out_.keep_up();
    progress_.update(out_.records());
    records_.clear();
    numbers_.clear();
    tokens_ = 0;
  }

 private:
  Scorer& scorer_;
  RecordWriter& out_;
  Progress& progress_;
  std::vector<Record> records_;
  std::vector<std::int64_t> numbers_;
  std::int64_t tokens_ = 0;
};

}  // namespace

// What only several reward models have.
void ScoreCommand::add_ensemble_to(Tool& tool) {
  tool.option("--reward-model", reward_models,
              "folder of the reward model; of several, each given so, NAME=FOLDER names the field reward_NAME")
      .placeholder("FOLDER")
      .neutral();
  const Option& how =
      tool.choice("--combine", scoring.combine.how,
                  {{"mean", Combine::kMean}, {"least", Combine::kLeast}, {"uncertainty", Combine::kUncertainty}},
                  "reward of several reward models: their mean, the least, or the mean less "
                  "--uncertainty-weight times their variance")
          .needs("--reward-model");
  const Option& weight = tool.option("--uncertainty-weight", scoring.combine.uncertainty_weight,
                                     "of the variance of several reward models")
                             .at_least(0);
  tool.after_parsing([this, &how, &weight] {
    refuse_unread({&how}, reward_models.size() < 2, "there is one reward model, and nothing to combine");
    refuse_unread({&weight}, scoring.combine.how != Combine::kUncertainty, "only --combine uncertainty uses it");
  });
}

void ScoreCommand::add_models_to(Tool& tool) {
  tool.group("Models");
  add_ensemble_to(tool);
  const Option& ref = tool.option("--ref", reference, "folder of the reference policy, for ref_logprobs")
                          .placeholder("FOLDER")
                          .neutral();
  const Option& missing_end =
      tool.choice(
              "--missing-end", scoring.missing_end,
              {{"keep", MissingEnd::kKeep}, {"replace", MissingEnd::kReplace}, {"subtract", MissingEnd::kSubtract}},
              "the score of a response cut off at its length limit: kept, replaced by --missing-end-value, or reduced "
              "by it")
          .needs("--reward-model");
  of_trajectories_ = {&ref, &missing_end};
  Option& value =
      tool.option("--missing-end-value", scoring.missing_end_value, "the score that replaces, or the penalty")
          .needs("--missing-end")
          .shown_default("replace: -1; subtract: 1");
  tool.after_parsing([this, &value] {
    const bool subtract = scoring.missing_end == MissingEnd::kSubtract;
    if (!value.given()) scoring.missing_end_value = subtract ? 1.0f : -1.0f;
    if (value.given() && scoring.missing_end == MissingEnd::kKeep)
      usage_error("--missing-end-value: scores are kept", "give --missing-end replace or subtract");
    if (subtract && scoring.missing_end_value < 0)
      usage_error("--missing-end-value: a penalty below 0 would be a reward");
  });
}

void ScoreCommand::add_to(Tool& tool) {
  input_files(tool, streams.files);
  add_models_to(tool);
  chat.add_to(tool, "--reward-model");  // only pairs may be dialogues
  too_long_option(tool, scoring.skip_long, "records longer than a model's context");
  tool.option("--best", best, "keep of each prompt's responses the N with the highest rewards")
      .placeholder("N")
      .at_least(1)
      .needs("--reward-model");
  shard_option(tool, streams.shard);
  streams.add_to(tool);
  tool.group("Running");
  micro_batch_option(tool, scoring.micro_tokens, "tokens per micro-batch, between which a signal may stop the run");
  dtype_option(tool, scoring.dtype);
  base_option(tool, scoring.base);
  threads_option(tool);
}

std::optional<Tally> ScoreCommand::run(Tool& tool) {
  refuse_same_file(streams.files, streams.output);
  leave_on_stops(tool.about().name);
  scoring.chat = chat.options();
  Scorer scorer(named_folders(reward_models), reference, scoring);
  tool.warn_all(scorer.remarks());
  Provenance opening(tool.provenance());
  opening.input("models", scorer.digest());
  for (const auto& m : scorer.reward_models())
    opening.input(m->name().empty() ? "chat" : "chat of " + m->name(), m->dialogues().chat().digest());
  // A shard of records may hold some of the responses to a prompt: all shards must be there for a choice.
  FilterInput in(streams, opening, "records", best ? FilterInput::Yield::kManyForOne : FilterInput::Yield::kOneForOne);
  Progress progress = tool.progress("records", best ? 0 : in.expected(tool));
  std::int64_t records = 0;
  std::string choice;
  const auto work = [&](RecordWriter& out, KeptRecords& kept) {
    if (best) choice = choose(in, scorer, out, kept, progress);
    else score_all(in, scorer, out, kept, progress);
    records = out.records();
    return scorer.skipped();
  };
  if (!run_filter(tool, in, work)) return std::nullopt;
  Tally tally = report(tool, scorer, records);
  if (!choice.empty()) tally.more = choice + ", " + tally.more;
  return tally;
}

void ScoreCommand::score_all(FilterInput& in, Scorer& scorer, RecordWriter& out, KeptRecords& kept,
                             Progress& progress) const {
  ScoreWindow window(scorer, out, progress);
  for (Record record; in.next(record, out, [&] { window.flush(); });) {
    if (scorer.skips(record, in.number()) || scorer.is_kept(record, in.number(), kept)) continue;
    window.add(std::move(record), in.number());
  }
  kept.end();
  window.flush();
}

std::string ScoreCommand::choose(FilterInput& in, Scorer& scorer, RecordWriter& out, KeptRecords& kept,
                                 Progress& progress) const {
  GroupNumbers groups;
  in.shard_by([&](const Record& record) { return groups.of(record); });
  BestOf choice(scorer, out, kept, progress, *best);
  for (Record record; in.next(record, out, [&] { choice.flush(); });)
    if (!scorer.skips(record, in.number())) choice.add(std::move(record));
  choice.finish();
  return choice.words();
}

// A setting of chat templates did something if it did for one of the models.
void ScoreCommand::warn_of_unused_chat(Tool& tool, const Scorer& scorer) const {
  const auto models = scorer.reward_models();
  if (models.empty()) return;
  const auto met = std::ranges::find_if(models, [](const auto& m) { return m->dialogues().met(); });
  chat.warn_of_unused(tool, (met == models.end() ? models[0] : *met)->dialogues());
}

Tally ScoreCommand::report(Tool& tool, const Scorer& scorer, std::int64_t records) const {
  if (const std::int64_t n = scorer.encoded_again(); n > 0)
    tool.note(std::to_string(n) + (n == 1 ? " trajectory" : " trajectories") +
              " of another tokenizer encoded again from the texts for the reward model");
  const Calibration c = calibrate(scorer.pairs());
  warn_of_identical(tool, static_cast<std::int64_t>(c.identical), static_cast<std::int64_t>(c.pairs), "the input");
  if (records > 0) warn_of_unused_chat(tool, scorer);
  for (const std::string& line : accuracy_table(c)) tool.note(line);
  if (c.pairs > 0 && scorer.trajectories() == 0)
    for (const Option* option : of_trajectories_)
      if (option->given())
        tool.warn(option->shown_name() + " did nothing: no record is a trajectory; leave it out for preference pairs");
  std::string words;
  if (c.pairs > 0) {
    words = accuracy_words(c);
  } else if (!reward_models.empty() && records > 0) {
    words = "mean reward " + figure_text(scorer.mean_reward());
  }
  if (scorer.skipped() > 0)
    words = std::to_string(scorer.skipped()) + " too long" + (words.empty() ? "" : ", ") + words;
  return {{{records, "record"}}, words, true, scorer.tokens()};
}

}  // namespace nudge
