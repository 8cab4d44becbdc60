// peek: what is in a file of records, whole or damaged.
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "lib/base/visible.h"
#include "lib/cli/common_options.h"
#include "lib/io/paint.h"
#include "lib/io/stream.h"
#include "lib/io/summary.h"
#include "lib/io/verify.h"
#include "lib/text/tokenizer.h"

using namespace nudge;

namespace {

constexpr std::size_t kSampleWidth = 200;  // characters of a value that are shown

enum class Colour { kAuto, kAlways, kNever };

struct Options {
  std::vector<std::string> files;
  SampleOptions samples{.count = 1};
  bool json = false, verify = false;
  Colour colour = Colour::kAuto;
  TokenFigure by = TokenFigure::kLogProbs;
  std::string tokenizer;
};

Description about() {
  return {.name = "peek",
          .summary = "tell what is in files of records, whole or damaged",
          .description =
              "Tells of each input whether it is plain or zstd, how many records and frames it holds, the marks that "
              "prove it complete with program and shard, and where it is damaged; then, over all inputs, the "
              "schemas, statistics of every field (numbers and lists of numbers: least, largest, mean, standard "
              "deviation; texts and lists: length), and samples.\n\n"
              "Of damaged input it shows what is whole and exits with 65.\n\n"
              "--verify says nothing about an input that is complete and whole: every checksum and end mark holds, all "
              "shards of a work are there, each once, and no id is there twice. Otherwise it writes a line for each "
              "fault and exits with 65. Plain text has no marks that would prove it complete.\n\n"
              "On a terminal the tokens of a sample (response_ids) are coloured: by log-prob, the redder the less "
              "probable; by advantage or by KL (logprobs - ref_logprobs), red below 0 and green above.",
          .examples = {
              {"What a rollout gave.", "peek trajectories.jsonl.zst"},
              {"Three random samples of a pipeline's records, tokens coloured by advantage.",
               "zstdcat scored.jsonl.zst | peek -n 3 --random --by advantages"},
              {"Are all shards there?", "peek --verify shard-*.jsonl.zst && cat shard-*.jsonl.zst > all.jsonl.zst"},
              {"The mean reward, for a script.", "peek --json scored.jsonl.zst | jq .fields.reward.values.mean"}}};
}

// They are shown in colour alone.
bool shows_tokens(const Options& o) {
  return o.colour == Colour::kAlways || (o.colour == Colour::kAuto && ::isatty(STDOUT_FILENO) == 1);
}

std::string report(const Options& o, const Summary& summary, const std::vector<StreamInfo>& streams,
                   const std::optional<Tokenizer>& tokenizer) {
  if (o.json) return summary_json(summary, streams);
  std::string out = describe_streams(streams) + describe_fields(summary);
  const bool colour = shows_tokens(o);
  TokenText text;
  if (tokenizer) {
    text = [&](std::int32_t id) { return tokenizer->token_bytes(id); };
  }
  for (const Record& record : summary.samples()) {
    out += visible(record.where()) + '\n' + describe_record(record, kSampleWidth, colour, o.by, text);
  }
  return out;
}

void refuse_damage(const std::vector<StreamInfo>& streams) {
  for (const StreamInfo& stream : streams) {
    if (!stream.damage.empty()) bad_input(stream.damage.front(), "other programs take what is whole with --salvage");
  }
}

void verify(Tool& tool, const Options& o) {
  const Verification found = verify_streams(o.files);
  for (const std::string& fault : found.faults) print(visible(fault) + '\n');
  if (const std::size_t n = found.faults.size(); n > 0) {
    bad_input(found.faults[0] + (n == 1 ? "" : ", and " + std::to_string(n - 1) + " more"),
              "make again what is missing or damaged");
  }
  tool.note(std::to_string(found.records) + (found.records == 1 ? " record" : " records") + " in " +
            std::to_string(found.streams) + (found.streams == 1 ? " stream" : " streams") + ", complete and whole");
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool(about());
  Options o;
  input_files(tool, o.files);
  tool.group("Samples");
  tool.option("-n,--samples", o.samples.count, "records to show").at_least(0).at_most(1e6);
  const Option& random =
      tool.option("--random", o.samples.random, "draw them from all records instead of taking the first");
  seed_option(tool, o.samples.seed).needs("--random");
  using enum TokenFigure;
  const Option& by = tool.choice("--by", o.by, {{"logprobs", kLogProbs}, {"advantages", kAdvantages}, {"kl", kKl}},
                                 "the figure that colours tokens")
                         .excludes("--json");
  const Option& tokenizer_folder =
      tool.option("--tokenizer", o.tokenizer,
                  "model folder whose tokenizer shows the tokens as text instead of their ids")
          .placeholder("FOLDER")
          .excludes("--json");
  tool.group("Output");
  tool.option("--json", o.json, "write one JSON object instead of words");
  const Option& color = tool.choice("--color", o.colour,
                                    {{"auto", Colour::kAuto}, {"always", Colour::kAlways}, {"never", Colour::kNever}},
                                    "show tokens in colour: where stdout is a terminal, always, or never")
                            .excludes("--json");
  tool.option("--verify", o.verify, "only tell what is damaged, missing or there twice; nothing where all is well")
      .excludes("--json")
      .excludes("--samples")
      .excludes("--random")
      .excludes("--by")
      .excludes("--tokenizer")
      .excludes("--color");
  tool.after_parsing([&] {
    refuse_unread({&random, &by, &tokenizer_folder, &color}, o.samples.count == 0, "--samples 0 shows no record");
    refuse_unread({&by, &tokenizer_folder}, o.colour == Colour::kNever, "--color never shows no tokens");
  });
  return tool.run(argc, argv, [&] {
    if (!shows_tokens(o))
      for (const Option* option : {&by, &tokenizer_folder})
        if (option->given())
          tool.warn(option->shown_name() +
                    " does nothing where stdout is no terminal; --color always shows the tokens");
    if (o.verify) return verify(tool, o);
    std::optional<Tokenizer> tokenizer;
    if (!o.tokenizer.empty()) tokenizer.emplace(Tokenizer::load(o.tokenizer));
    RecordReader reader(o.files, {.salvage = true});
    Summary summary(o.samples);
    for (Record record; reader.next(record);) summary.add(record);
    print(report(o, summary, reader.streams(), tokenizer));
    refuse_damage(reader.streams());
    tool.note(std::to_string(summary.records()) + (summary.records() == 1 ? " record" : " records") + ", whole");
  });
}
