// label: preference pairs from several answers to each prompt, by a figure in the records or by a human.
#include <optional>
#include <string>
#include <vector>

#include "lib/base/digest.h"
#include "lib/cli/signals.h"
#include "lib/cli/terminal.h"
#include "lib/io/files.h"
#include "lib/label/label_session.h"
#include "lib/run/streams.h"

using namespace nudge;

namespace {

struct Options {
  std::optional<std::string> by, pairs;
  float min_margin = 0;
  std::string labeler = "human";
  std::uint64_t seed = 0;
  StreamOptions streams;
  bool all_pairs() const { return pairs == "all"; }
};

Description about() {
  return {.name = "label",
          .summary = "make preference pairs from several answers to each prompt",
          .description =
              "Reads trajectories, several to a prompt (records with the same group), and writes preference/1 "
              "records: id, prompt, chosen, rejected, labeler, margin, and the token ids where the trajectories "
              "have them. A pair's id is GROUP/A-B for the answers GROUP/A and GROUP/B, whichever is chosen. "
              "The answers of a group may stand anywhere in the input, so all of it is held in memory.\n\n"
              "With --by the answer with the larger figure is chosen; equal figures, equal texts and groups of "
              "one answer give no pair. Where the name of the figure ends in reward, chosen_reward and "
              "rejected_reward are written too. --shard i/n takes the groups k = i modulo n, in the order of their "
              "first answers in the input.\n\n"
              "Without --by it asks at the terminal: l or r takes the left or the right answer, t says that they "
              "are equally good, s skips the pair, u undoes the last decision, q quits. Every decision is "
              "saved at once, in the output file or, ties and skips, in FILE.notes beside it; the same command "
              "goes on where it stopped, and exits with 75 until all is decided.",
          .examples = {{"Four answers to a prompt, the best against the worst by their reward.",
                        "rollout -z --policy p0 -n 4 prompts.jsonl | score -z --reward-model rm |\n"
                        "  label --by reward -o pairs.jsonl.zst"},
                       {"A human decides.", "label -o pairs.jsonl trajectories.jsonl.zst"}},
          .stops_saved = true};
}

AnswerGroups read_groups(const Options& o, RecordReader& reader) {
  AnswerGroups groups;
  for (Record record; reader.next(record);) groups.add(record, o.by.value_or(""));
  return groups;
}

void label_by(Tool& tool, const Options& o, AnswerGroups& groups, const std::string& input_digest) {
  const std::string digest = Digest().text(tool.provenance()).text(input_digest).hex();
  if (made_already(tool, o.streams, digest, [&] { return Origin{digest, o.streams.shard}; })) return;
  RecordWriter writer = open_output(tool, o.streams, digest, Unfinished::kGoOn);
  KeptRecords kept(tool, writer, o.streams.output);
  const FigureOptions figure{*o.by, o.all_pairs() ? Pairing::kAll : Pairing::kBestWorst, o.min_margin};
  LabelCounts counts;
  std::int64_t number = 0, taken = 0;
  save_on_stop(writer, o.streams.output, [&] {
    for (const AnswerGroup& group : groups.sorted()) {
      heed_stop();
      if (!o.streams.shard.takes(number++)) continue;
      ++taken;
      for (const Record& record : label_by_figure(group, figure, counts)) {
        if (!kept.take([&](const Record&) { return record; })) writer.write(record);
      }
    }
    kept.end();
  });
  // Counted before the output appears: a run without a pair leaves none. A shard may have none where others have.
  tool.tally({{counts.pairs, "pair"},
              {taken, "group"},
              {counts.ties, "tie"},
              {counts.below_margin, "pair below the margin", "pairs below the margin"},
              {counts.single, "group of one answer", "groups of one answer"}},
             {}, o.streams.shard.count > 1);
  writer.finish();
}

// A prompt is text or a list of messages; the latter is shown as the JSON it is.
std::string prompt_words(const Record& answer) {
  return answer.is_text("prompt") ? answer.text("prompt") : std::string(answer.raw("prompt"));
}

Decision ask_at(Terminal& terminal, const Question& q, std::size_t number, std::size_t total) {
  const auto& answers = q.group->answers;
  const std::size_t width = terminal.width();
  std::string screen = "pair " + std::to_string(number + 1) + " of " + std::to_string(total) + "\n\n";
  for (const std::string& line : screen_lines(prompt_words(answers[q.left]), width)) screen += line + "\n";
  screen +=
      "\n" + side_by_side("left", answers[q.left].text("response"), "right", answers[q.right].text("response"), width);
  terminal.show(screen + "[l]eft  [r]ight  [t]ie  [s]kip  [u]ndo  [q]uit ");
  for (;;) {
    switch (terminal.key()) {
      case 'l': return Decision::kLeft;
      case 'r': return Decision::kRight;
      case 't': return Decision::kTie;
      case 's': return Decision::kSkip;
      case 'u': return Decision::kUndo;
      case 'q':
      case Terminal::kEnd: return Decision::kQuit;
    }
  }
}

bool all_decided(Terminal& terminal, std::size_t total) {
  terminal.show("all " + std::to_string(total) + " pairs are decided\n\n[u]ndo the last one  [q]uit ");
  for (;;) {
    const int key = terminal.key();
    if (key == 'u') return false;
    if (key == 'q' || key == Terminal::kEnd) return true;
  }
}

void label_at_terminal(Tool& tool, const Options& o, AnswerGroups& groups) {
  LabelCounts counts;
  const auto questions = make_questions(groups.sorted(), o.all_pairs(), o.seed, counts);
  std::optional<Terminal> terminal(std::in_place);  // before the journal: without one, no file appears
  LabelJournal journal(o.streams.output);
  const auto ask = [&](const Question& q, std::size_t n) { return ask_at(*terminal, q, n, questions.size()); };
  const auto complete = [&] { return all_decided(*terminal, questions.size()); };
  const bool done = run_label_session(questions, journal, o.labeler, ask, complete);
  terminal->add("\n");
  terminal.reset();
  if (journal.repaired()) tool.warn(o.streams.output + ": the last line was cut off, and its pair was asked again");
  const std::string so_far = std::to_string(journal.preferences()) + " pairs and " + std::to_string(journal.notes()) +
                             " ties and skips of " + std::to_string(questions.size()) + " are saved";
  if (!done) throw Error(Exit::kStopped, "stopped: " + so_far);
  tool.tally({{journal.preferences(), "pair"},
              {journal.notes(), "tie or skip", "ties and skips"},
              {counts.ties, "group of equal answers", "groups of equal answers"},
              {counts.single, "group of one answer", "groups of one answer"}});
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool(about());
  Options o;
  input_files(tool, o.streams.files);
  tool.group("Pairs");
  tool.option("--by", o.by, "the number in each record by which the better answer is told").placeholder("FIELD");
  tool.option("--pairs", o.pairs, "the pairs of a group: the best and the worst alone, or all")
      .one_of({"best-worst", "all"})
      .shown_default("best-worst; without --by one pair drawn by the seed");
  tool.option("--min-margin", o.min_margin, "least difference of the figures that makes a pair")
      .at_least(0)
      .needs("--by");
  shard_option(tool, o.streams.shard).needs("--by");
  tool.group("Asking a human");
  tool.option("--labeler", o.labeler, "who decides, for the records").excludes("--by");
  seed_option(tool, o.seed).excludes("--by");
  tool.group("Input and output");
  output_option(tool, o.streams.output);
  compress_option(tool, o.streams.zstd).needs("--by");
  force_option(tool, o.streams.force).needs("--by");
  salvage_option(tool, o.streams.salvage);
  return tool.run(argc, argv, [&] {
    catch_stops();  // first: a signal must not end the program while the terminal is without echo
    const std::string& output = o.streams.output;
    refuse_same_file(o.streams.files, output);
    if (!o.by && (output == "-" || output.empty())) {
      usage_error("-o FILE is required to keep a human's decisions", "--by FIELD chooses without a human");
    }
    if (!o.by && o.pairs == "best-worst") {
      usage_error("--pairs best-worst needs --by", "--pairs all asks about every pair");
    }
    if (!o.by && output.ends_with(".zst")) {
      usage_error("a human's decisions are kept as plain lines: no .zst", "name a .jsonl");
    }
    if (!output.empty() && output != "-" && !file_exists(output)) check_folder_of(output);
    RecordReader reader(o.streams.files,
                        {.salvage = o.streams.salvage, .whole_shards = true, .stop = stop_descriptor()});
    AnswerGroups groups = read_groups(o, reader);
    warn_of_losses(tool, reader);
    if (o.by) {
      label_by(tool, o, groups, reader.digest());
    } else {
      label_at_terminal(tool, o, groups);
    }
  });
}
