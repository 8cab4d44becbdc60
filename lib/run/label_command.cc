#include "lib/run/label_command.h"

#include "lib/base/digest.h"
#include "lib/cli/signals.h"
#include "lib/io/files.h"
#include "lib/label/label_session.h"
#include "lib/run/filter.h"
#include "lib/run/label_terminal.h"

namespace nudge {

void LabelCommand::add_to(Tool& tool) {
  input_files(tool, streams.files);
  tool.group("Pairs");
  tool.option("--by", by, "the field of each record whose larger value marks the better answer").placeholder("FIELD");
  tool.option("--pairs", pairs, "pairs per prompt: only the best and the worst answer, or all")
      .one_of({"best-worst", "all"})
      .shown_default("best-worst; without --by one pair drawn with the seed");
  tool.option("--min-margin", min_margin, "smallest difference between the two numbers of a pair")
      .at_least(0)
      .needs("--by");
  shard_option(tool, streams.shard).needs("--by");
  tool.group("Asking a human");
  tool.option("--labeler", labeler, "name of whoever decides, for the records").excludes("--by");
  seed_option(tool, seed).excludes("--by");
  tool.group("Input and output");
  output_option(tool, streams.output);
  compress_option(tool, streams.zstd).needs("--by");
  force_option(tool, streams.force).needs("--by");
  salvage_option(tool, streams.salvage);
}

void LabelCommand::check() const {
  const std::string& output = streams.output;
  refuse_same_file(streams.files, output);
  if (!by && (output == "-" || output.empty()))
    usage_error("-o FILE is required to keep a human's decisions", "--by FIELD chooses without a human");
  if (!by && pairs == "best-worst") usage_error("--pairs best-worst needs --by", "--pairs all shows every pair");
  if (!by && output.ends_with(".zst"))
    usage_error("a human's decisions are kept as plain lines: no .zst", "name a .jsonl");
  if (!output.empty() && output != "-" && !file_exists(output)) check_folder_of(output);
}

AnswerGroups LabelCommand::read_groups(Tool& tool, std::string& input_digest) const {
  RecordReader reader(streams.files, {.salvage = streams.salvage, .whole_shards = true, .stop = stop_descriptor()});
  AnswerGroups groups;
  for (Record record; reader.next(record);) groups.add(record, by.value_or(""));
  warn_of_losses(tool, reader);
  input_digest = reader.digest();
  return groups;
}

std::optional<Tally> LabelCommand::run(Tool& tool) {
  catch_stops();  // first: a signal must not end the program while the terminal is without echo
  check();
  std::string input_digest;
  AnswerGroups groups = read_groups(tool, input_digest);
  if (by) return label_by_field(tool, groups, input_digest);
  return label_at_terminal(tool, groups);
}

std::optional<Tally> LabelCommand::label_by_field(Tool& tool, AnswerGroups& groups,
                                                  const std::string& input_digest) const {
  const std::string digest = Digest().text(tool.provenance()).text(input_digest).hex();
  const ComparedField field{*by, all_pairs() ? Pairing::kAll : Pairing::kBestWorst, min_margin};
  LabelCounts counts;
  std::int64_t number = 0, taken = 0;
  const auto work = [&](RecordWriter& out, KeptRecords& kept) {
    for (const AnswerGroup& group : groups.sorted()) {
      heed_stop();
      if (!streams.shard.takes(number++)) continue;
      ++taken;
      for (const Record& record : preferences_by_value(group, field, counts))
        if (!kept.take([&](const Record&) { return record; })) out.write(record);
    }
    kept.end();
  };
  const bool may_be_none = streams.shard.count > 1;
  // Without a pair no output appears: the tally will be an error.
  const auto finish = [&](RecordWriter& out) {
    if (counts.pairs > 0 || may_be_none) out.finish();
  };
  if (!run_filter(tool, streams, {digest, [&] { return Origin{digest, streams.shard}; }, work, finish}))
    return std::nullopt;
  return Tally{{{counts.pairs, "pair"},
                {taken, "group"},
                {counts.ties, "tie"},
                {counts.below_margin, "pair below the margin", "pairs below the margin"},
                {counts.single, "group of one answer", "groups of one answer"}},
               {},
               may_be_none};
}

Tally LabelCommand::label_at_terminal(Tool& tool, AnswerGroups& groups) const {
  LabelCounts counts;
  const auto questions = make_questions(groups.sorted(), all_pairs(), seed, counts);
  std::optional<Terminal> terminal(std::in_place);  // before the journal: without one, no file appears
  LabelJournal journal(streams.output);
  const auto ask = [&](const Question& q, std::size_t n) { return ask_at(*terminal, q, n, questions.size()); };
  const auto complete = [&] { return all_decided(*terminal, questions.size()); };
  const bool done = run_label_session(questions, journal, labeler, ask, complete);
  terminal->add("\n");
  terminal.reset();
  if (journal.repaired()) tool.warn(streams.output + ": the last line was cut off, and its pair is asked again");
  const std::string so_far = std::to_string(journal.preferences()) + " pairs and " + std::to_string(journal.notes()) +
                             " ties and skips of " + std::to_string(questions.size()) + " are saved";
  if (!done) throw Error(Exit::kStopped, "stopped: " + so_far);
  return {{{journal.preferences(), "pair"},
           {journal.notes(), "tie or skip", "ties and skips"},
           {counts.ties, "group of equal answers", "groups of equal answers"},
           {counts.single, "group of one answer", "groups of one answer"}}};
}

}  // namespace nudge
