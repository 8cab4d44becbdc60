#include "lib/run/peek_command.h"

#include <unistd.h>

#include "lib/base/visible.h"
#include "lib/cli/common_options.h"
#include "lib/io/verify.h"
#include "lib/text/tokenizer.h"

namespace nudge {
namespace {

constexpr std::size_t kSampleWidth = 200;  // characters shown of a value

std::string counted(std::int64_t n, const std::string& one) {
  return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
}

void refuse_damage(const std::vector<StreamInfo>& streams) {
  for (const StreamInfo& stream : streams) {
    if (!stream.damage.empty()) bad_input(stream.damage.front(), "other programs keep what is intact with --salvage");
  }
}

}  // namespace

void PeekCommand::add_to(Tool& tool) {
  input_files(tool, files);
  tool.group("Samples");
  tool.option("-n,--samples", samples.count, "records to show").at_least(0).at_most(1e6);
  const Option& random =
      tool.option("--random", samples.random, "draw them from all records instead of taking the first");
  seed_option(tool, samples.seed).needs("--random");
  using enum TokenValue;
  by_ = &tool.choice("--by", by, {{"logprobs", kLogProbs}, {"advantages", kAdvantages}, {"kl", kKl}},
                     "the value that colours tokens")
             .excludes("--json");
  tokenizer_ = &tool.option("--tokenizer", tokenizer, "model folder whose tokenizer shows tokens as text, not as ids")
                    .placeholder("FOLDER")
                    .excludes("--json");
  tool.group("Output");
  tool.option("--json", json, "write one JSON object instead of text");
  const Option& color =
      tool.choice("--color", colour, {{"auto", Colour::kAuto}, {"always", Colour::kAlways}, {"never", Colour::kNever}},
                  "show tokens in colour: only on a terminal, always, or never")
          .excludes("--json");
  Option& only =
      tool.option("--verify", verify, "only report what is damaged, missing or duplicated; nothing if all is well");
  for (const char* shown : {"--json", "--samples", "--random", "--by", "--tokenizer", "--color"}) only.excludes(shown);
  tool.after_parsing([this, &random, &color] {
    refuse_unread({&random, by_, tokenizer_, &color}, samples.count == 0, "--samples 0 shows no record");
    refuse_unread({by_, tokenizer_}, colour == Colour::kNever, "--color never shows no tokens");
  });
}

bool PeekCommand::shows_tokens() const {
  return colour == Colour::kAlways || (colour == Colour::kAuto && ::isatty(STDOUT_FILENO) == 1);
}

std::string PeekCommand::text(const Summary& summary, const std::vector<StreamInfo>& streams,
                              const TokenText& token_text) const {
  if (json) return summary_json(summary, streams);
  std::string out = describe_streams(streams) + describe_fields(summary);
  for (const Record& record : summary.samples())
    out += visible(record.where()) + '\n' + describe_record(record, kSampleWidth, shows_tokens(), by, token_text);
  return out;
}

std::string PeekCommand::verified() const {
  const Verification found = verify_streams(files);
  for (const std::string& fault : found.faults) print(visible(fault) + '\n');
  if (const std::size_t n = found.faults.size(); n > 0) {
    bad_input(found.faults[0] + (n == 1 ? "" : ", and " + std::to_string(n - 1) + " more"),
              "recreate what is missing or damaged");
  }
  return counted(found.records, "record") + " in " + counted(found.streams, "stream") + ", complete and whole";
}

std::string PeekCommand::run(Tool& tool) {
  if (!shows_tokens())
    for (const Option* option : {by_, tokenizer_})
      if (option->given())
        tool.warn(option->shown_name() + " does nothing unless stdout is a terminal; --color always shows the tokens");
  if (verify) return verified();
  std::optional<Tokenizer> loaded;
  TokenText token_text;
  if (!tokenizer.empty()) {
    loaded.emplace(Tokenizer::load(tokenizer));
    token_text = [&](std::int32_t id) { return loaded->token_bytes(id); };
  }
  RecordReader reader(files, {.salvage = true});
  Summary summary(samples);
  for (Record record; reader.next(record);) summary.add(record);
  print(text(summary, reader.streams(), token_text));
  refuse_damage(reader.streams());
  return counted(summary.records(), "record") + ", whole";
}

}  // namespace nudge
