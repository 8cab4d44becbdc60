#include "lib/run/label_command.h"

#include <algorithm>

#include "lib/base/digest.h"
#include "lib/cli/signals.h"
#include "lib/io/files.h"
#include "lib/label/label_page.h"
#include "lib/label/label_session.h"
#include "lib/run/filter.h"
#include "lib/run/label_merge.h"
#include "lib/run/label_terminal.h"
#include "lib/run/page_file.h"
#include "lib/run/step_report.h"

namespace nudge {

void LabelCommand::add_to(Tool& tool) {
  input_files(tool, streams.files);
  tool.group("Pairs");
  tool.option("--by", by, "the field of each record whose larger value marks the better answer").placeholder("FIELD");
  tool.option("--against", against, "a file of another policy's answers to the same prompts: pairs are one of each")
      .placeholder("FILE")
      .neutral();
  tool.option("--pairs", pairs, "pairs per prompt: only the best and the worst answer, or all")
      .one_of({"best-worst", "all"})
      .shown_default("best-worst; without --by and with --against one pair drawn with the seed")
      .excludes("--merge");
  tool.option("--min-margin", min_margin, "smallest difference between the two numbers of a pair")
      .at_least(0)
      .needs("--by");
  shard_option(tool, streams.shard).needs("--by");
  seed_ = &seed_option(tool, seed).excludes("--merge");
  tool.group("Asking people");
  tool.option("--labeler", labeler, "name of whoever decides, for the records").excludes("--by").excludes("--merge");
  tool.option("--html", page, "write a page on which people judge in a browser")
      .placeholder("FILE")
      .excludes("--by")
      .excludes("--merge")
      .excludes("--labeler")
      .neutral();
  tool.option("--merge", merge, "the inputs are decisions of judges: check and join them, and tell how far they agree")
      .excludes("--by")
      .neutral();
  tool.group("Input and output");
  output_option(tool, streams.output).excludes("--html");
  metrics_ = &tool.option("--metrics", metrics_path, "append the figures of --merge or --against as a line of JSON")
                  .placeholder("FILE")
                  .excludes("--html")
                  .neutral();
  zstd_ = &compress_option(tool, streams.zstd);
  force_ = &force_option(tool, streams.force);
  salvage_option(tool, streams.salvage);
}

void LabelCommand::check() const {
  const bool two = !against.empty();
  refuse_unread({zstd_}, !by && !merge, "needs --by or --merge: a human's decisions are plain lines");
  refuse_unread({force_}, !by && !merge && !page, "needs --by, --merge or --html: a human's decisions are appended");
  refuse_unread({seed_}, by && !two, "--by and --seed exclude each other without --against: nothing is drawn");
  refuse_unread({seed_}, by && two && all_pairs(), "--pairs all takes every pair: nothing is drawn");
  refuse_unread({metrics_}, !merge && !two, "only --merge and --against have figures");
  if (pairs == "best-worst" && two)
    usage_error("--pairs best-worst: --against compares two policies, not the answers of one", "leave it out");
  if (!by && pairs == "best-worst") usage_error("--pairs best-worst needs --by", "--pairs all shows every pair");
  const bool piped = streams.files.empty() || std::count(streams.files.begin(), streams.files.end(), "-") > 0;
  if (piped && std::count(against.begin(), against.end(), "-") > 0)
    usage_error("--against -: stdin is the candidate's already", "name a file");
  if (!page) check_output();
}

void LabelCommand::check_output() const {
  const std::string& output = streams.output;
  refuse_same_file(streams.files, output);
  if (!against.empty()) refuse_same_file(against, output);
  const bool terminal = !by && !merge;
  if (terminal && (output == "-" || output.empty()))
    usage_error("-o FILE is required to keep a human's decisions", "--by FIELD chooses without a human");
  if (terminal && output.ends_with(".zst"))
    usage_error("a human's decisions are kept as plain lines: no .zst", "name a .jsonl");
  if (!output.empty() && output != "-" && !file_exists(output)) check_folder_of(output);
}

std::string LabelCommand::read(Tool& tool, const std::vector<std::string>& files,
                               const std::function<void(const Record&)>& use) const {
  RecordReader reader(files, {.salvage = streams.salvage, .whole_shards = true, .stop = stop_descriptor()});
  for (Record record; reader.next(record);) use(record);
  warn_of_losses(tool, reader);
  return reader.digest();
}

LabelCommand::Input LabelCommand::read_answers(Tool& tool) const {
  Input input;
  input.digest = read(tool, streams.files, [&](const Record& record) {
    if (!by && against.empty() && is_preference(record)) input.candidate.add_pair(record);
    else input.candidate.add(record, by.value_or(""));
  });
  join_baseline(tool, input);
  return input;
}

void LabelCommand::join_baseline(Tool& tool, Input& input) const {
  if (against.empty()) return;
  const std::string digest =
      read(tool, against, [&](const Record& record) { input.baseline.add(record, by.value_or("")); });
  input.digest = Digest().text(input.digest).text(digest).hex();
  input.joined = joined_groups(input.candidate, input.baseline);
  if (input.joined->groups.empty())
    bad_input(against[0] + ": no group is in both inputs", "sample both policies' answers to the same prompts");
  for (const std::string& policy : input.candidate.policies())
    if (input.baseline.policies().count(policy) > 0)
      tool.warn(against[0] + ": policy " + policy + " is the candidate's, too: it is compared with itself");
}

std::optional<Tally> LabelCommand::run(Tool& tool) {
  catch_stops();  // first: a signal must not end the program while the terminal is without echo
  check();
  metrics.open(metrics_path);
  refuse_metrics_in_input(metrics, streams.files, against);
  if (merge) return merge_decisions(tool);
  std::optional<RecordWriter> page_out;
  if (page) {
    std::vector<std::string> inputs = streams.files;
    if (inputs.empty()) inputs.push_back("-");
    inputs.insert(inputs.end(), against.begin(), against.end());
    page_out.emplace(open_page(tool, *page, inputs, streams.force));
  }
  Input input = read_answers(tool);
  if (by) return label_by_field(tool, input);
  return page ? label_in_browser(input, *page_out) : label_at_terminal(tool, input);
}

// Writes what `make` gives, as filters do. Unless `succeeded` then, no output appears: the tally will be an error.
bool LabelCommand::write(Tool& tool, const std::string& digest,
                         const std::function<void(const std::function<void(const Record&)>&)>& make,
                         const std::function<bool()>& succeeded) const {
  const auto work = [&](RecordWriter& out, KeptRecords& kept) {
    make([&](const Record& record) {
      if (!kept.take([&](const Record&) { return record; })) out.write(record);
    });
    kept.end();
  };
  const auto finish = [&](RecordWriter& out) {
    if (succeeded()) out.finish();
  };
  return run_filter(tool, streams, {digest, [&] { return Origin{digest, streams.shard}; }, work, finish});
}

std::optional<Tally> LabelCommand::label_by_field(Tool& tool, Input& input) {
  const std::string digest = Digest().text(tool.provenance()).text(input.digest).hex();
  const ComparedField field{*by, all_pairs() ? Pairing::kAll : Pairing::kBestWorst, min_margin};
  LabelCounts counts;
  std::vector<Wins> wins;
  std::int64_t number = 0, taken = 0;
  const auto make = [&](const std::function<void(const Record&)>& put) {
    for (const AnswerGroup& group : input.groups()) {
      heed_stop();
      if (!streams.shard.takes(number++)) continue;
      ++taken;
      const auto records = input.joined ? preferences_by_value(group, field, seed, counts, wins.emplace_back())
                                        : preferences_by_value(group, field, counts);
      for (const Record& record : records) put(record);
    }
  };
  const bool may_be_none = streams.shard.count > 1 || input.joined;
  if (!write(tool, digest, make, [&] { return counts.pairs > 0 || may_be_none; })) {
    if (!metrics_path.empty()) warn_of_no_metrics(tool, {metrics_path}, streams.output);
    return std::nullopt;
  }
  Tally tally{{{counts.pairs, "pair"},
               {taken, "group"},
               {counts.ties, "tie"},
               {counts.below_margin, "pair below the margin", "pairs below the margin"}},
              {},
              may_be_none};
  add_counts(input, counts, tally);
  if (input.joined) tell(counts.pairs, nullptr, wins, tally);
  return tally;
}

Tally LabelCommand::label_at_terminal(Tool& tool, Input& input) {
  LabelCounts counts;
  const auto questions = make_questions(input.groups(), all_pairs(), seed, counts);
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
  Tally tally{{{journal.preferences(), "pair"}, {journal.notes(), "tie or skip", "ties and skips"}}};
  add_counts(input, counts, tally);
  tally.may_be_none = input.joined.has_value();
  if (input.joined) tell_journal(tool, input, journal, tally);
  return tally;
}

void LabelCommand::tell_journal(Tool& tool, Input& input, const LabelJournal& journal, Tally& tally) {
  Votes votes;
  VoteReader reader(votes);
  if (journal.preferences() + journal.notes() > 0)  // else there was nothing to ask
    read(tool, with_notes({streams.output}), [&](const Record& record) { reader.add(record); });
  votes.match(input.groups());
  tell(journal.preferences(), &votes, wins_of(votes), tally);
}

// The figures behind the tally's counts, and in the line of metrics.
void LabelCommand::tell(std::int64_t made, const Votes* votes, const std::vector<Wins>& wins, Tally& tally) {
  Metrics line;
  line.set("label/pairs", static_cast<double>(made));
  if (votes != nullptr) tally.more = tell_agreement(*votes, line);
  if (!against.empty()) tally.more += (tally.more.empty() ? "" : ", ") + tell_wins(wins, against, line);
  metrics.write(line.json());
}

Tally LabelCommand::label_in_browser(Input& input, RecordWriter& out) const {
  LabelCounts counts;
  const auto questions = make_questions(input.groups(), all_pairs(), seed, counts);
  if (!questions.empty()) write_page(out, label_page(questions));
  Tally tally{{{static_cast<std::int64_t>(questions.size()), "pair to judge", "pairs to judge"}}};
  add_counts(input, counts, tally);
  return tally;
}

Tally LabelCommand::merge_decisions(Tool& tool) {
  Votes votes;
  VoteReader reader(votes);
  Input input;
  input.digest = read(tool, with_notes(streams.files), [&](const Record& record) {
    if (is_decision(record)) reader.add(record);
    else input.candidate.add(record, "");
  });
  if (votes.judges().empty()) bad_input("no input holds a judge's decision", "label -o and label --html collect them");
  if (!against.empty() && input.candidate.size() == 0)
    usage_error("--against needs the trajectories of the other policy, too", "name them behind the decisions");
  join_baseline(tool, input);
  if (input.candidate.size() > 0) votes.match(input.groups());
  MergeCounts counts;
  const std::vector<Record> merged = merged_preferences(votes, counts);
  const bool may_be_none = input.joined.has_value();
  const auto make = [&](const std::function<void(const Record&)>& put) { std::ranges::for_each(merged, put); };
  const std::string digest = Digest().text(tool.provenance()).text("merge").text(input.digest).hex();
  write(tool, digest, make, [&] { return counts.pairs > 0 || may_be_none; });
  Tally tally{{{counts.pairs, "pair"},
               {static_cast<std::int64_t>(votes.judges().size()), "judge"},
               {counts.votes, "vote"},
               {counts.undecided, "pair without a majority", "pairs without a majority"},
               {counts.skips, "skip"},
               {votes.repeated(), "repeated decision"}},
              {},
              may_be_none};
  tell(counts.pairs, &votes, wins_of(votes), tally);
  return tally;
}

void LabelCommand::add_counts(const Input& input, const LabelCounts& counts, Tally& tally) const {
  if (!by || input.joined) tally.counts.push_back({counts.equal, "group of equal answers", "groups of equal answers"});
  if (!input.joined) {
    tally.counts.push_back({counts.single, "group of one answer", "groups of one answer"});
    return;
  }
  tally.counts.push_back(
      {input.joined->candidate_only, "group of the candidate alone", "groups of the candidate alone"});
  tally.counts.push_back({input.joined->baseline_only, "group of the baseline alone", "groups of the baseline alone"});
}

}  // namespace nudge
