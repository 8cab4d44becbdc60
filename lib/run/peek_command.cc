#include "lib/run/peek_command.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <limits>

#include "lib/base/visible.h"
#include "lib/cli/common_options.h"
#include "lib/cli/terminal.h"
#include "lib/io/json.h"
#include "lib/io/verify.h"
#include "lib/report/policy_comparison.h"
#include "lib/run/page_file.h"
#include "lib/run/peek_compare.h"
#include "lib/text/tokenizer.h"

namespace nudge {
namespace {

constexpr std::size_t kSampleWidth = 200;        // characters shown of a value
constexpr std::size_t kLargePage = 200'000'000;  // bytes

std::vector<std::pair<std::string, TokenValue>> words_of_values() {
  std::vector<std::pair<std::string, TokenValue>> words;
  for (const TokenValue value : kTokenValues) words.emplace_back(name_of(value), value);
  return words;
}

// 80 where stdout is no terminal.
std::size_t columns_of_stdout() {
  winsize size = {};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

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
  tool.option("-n,--samples", count, "records to show; where policies are compared, prompts")
      .at_least(0)
      .at_most(1e6)
      .shown_default("1; with --html all");
  const Option& drawn = tool.option("--random", random, "draw them from all records instead of taking the first");
  seed_option(tool, seed).needs("--random");
  using enum TokenValue;
  by_ = &tool.choice("--by", by, words_of_values(), "the value that colours tokens").excludes("--json");
  tokenizer_ = &tool.option("--tokenizer", tokenizer, "model folder whose tokenizer shows tokens as text, not as ids")
                    .placeholder("FOLDER")
                    .excludes("--json");
  tool.group("Output");
  tool.option("--html", page, "also write a page that shows the records in a browser")
      .placeholder("FILE")
      .excludes("--json");
  force_option(tool, force).needs("--html");
  tool.option("--json", json, "write one JSON object instead of text");
  const Option& color =
      tool.choice("--color", colour, {{"auto", Colour::kAuto}, {"always", Colour::kAlways}, {"never", Colour::kNever}},
                  "show tokens in colour: on a terminal (unless NO_COLOR is set or TERM is dumb), always, or never")
          .excludes("--json")
          .excludes("--html");
  Option& only =
      tool.option("--verify", verify, "only report what is damaged, missing or duplicated; nothing if all is well");
  for (const char* shown : {"--json", "--samples", "--random", "--by", "--tokenizer", "--color", "--html"})
    only.excludes(shown);
  tool.after_parsing([this, &drawn, &color] {
    if (count == 0 && !page.empty()) usage_error("--samples 0 leaves the page of --html empty", "leave it out for all");
    refuse_unread({&drawn, by_, tokenizer_, &color}, count == 0, "--samples 0 shows no record");
    refuse_unread({by_, tokenizer_}, colour == Colour::kNever, "--color never shows no tokens");
    refuse_unread({&drawn}, !page.empty() && !count, "--html shows all records; -n N draws N of them");
  });
}

bool PeekCommand::shows_tokens() const {
  return colour == Colour::kAlways || (colour == Colour::kAuto && shows_colour(STDOUT_FILENO));
}

struct PeekCommand::Found {
  Summary summary;
  std::vector<StreamInfo> streams;
  std::optional<PolicyComparison> compared;  // where several policies answered the same prompts
};

PeekCommand::Found PeekCommand::read(PeekPage* drawn) const {
  const std::int64_t most = count.value_or(page.empty() ? 1 : std::numeric_limits<std::int64_t>::max());
  RecordReader reader(files, {.salvage = true});
  Found found{Summary({page.empty() || random ? most : 0, random, seed}), {}, {}};
  if (may_differ_in_policy(files)) found.compared.emplace();
  // All that may be wanted: how many prompts are shared is known at the end.
  const auto wanted = [&] { return found.compared || (!random && drawn->records() < most); };
  for (Record record; reader.next(record);) {
    found.summary.add(record);
    if (found.compared) found.compared->add(record, reader.streams().back().name);
    if (drawn != nullptr && wanted()) drawn->add(record);
  }
  found.streams = reader.streams();
  if (found.compared && !found.compared->finish()) found.compared.reset();
  return found;
}

std::vector<std::string> PeekCommand::chosen_groups(const PolicyComparison& comparison, std::int64_t n) const {
  return random ? comparison.drawn(n, seed) : comparison.first(n);
}

// Chooses the records of the page, and gives it.
std::string PeekCommand::page_text(Tool& tool, const Found& found, PeekPage& drawn) const {
  if (found.compared && count) drawn.keep_groups(chosen_groups(*found.compared, *count));
  if (!found.compared && random) {
    drawn.keep_first(0);
    for (const Record& record : found.summary.samples()) drawn.add(record);
  } else if (!found.compared && count) {
    drawn.keep_first(*count);
  }
  std::string html = drawn.html(found.summary, found.streams, by, found.compared ? &*found.compared : nullptr);
  if (html.size() > kLargePage)
    tool.warn(page + " has " + std::to_string(html.size() / 1'000'000) +
              " MB, more than browsers open with ease; -n 1000 --random draws some records");
  return html;
}

std::string PeekCommand::samples_text(const Found& found, const TokenText& token_text) const {
  std::string out;
  if (!found.compared) {
    for (const Record& record : found.summary.samples())
      out += visible(record.where()) + '\n' + describe_record(record, kSampleWidth, shows_tokens(), by, token_text);
    return out;
  }
  const bool painted = shows_tokens() && (by_->given() || tokenizer_->given());
  const ComparedView view{
      .width = columns_of_stdout(), .escapes = shows_tokens(), .painted = painted, .by = by, .text = token_text};
  for (const std::string& group : chosen_groups(*found.compared, count.value_or(1)))
    out += compared_prompt_text(*found.compared, found.compared->prompt(group), view);
  return out;
}

std::string PeekCommand::text(const Found& found, const TokenText& token_text) const {
  if (json)
    return summary_json(found.summary, found.streams, [&](JsonWriter& w) {
      if (found.compared) comparison_json(w.key("compared"), *found.compared);
    });
  std::string out = describe_streams(found.streams) + describe_fields(found.summary);
  if (found.compared) out += comparison_text(*found.compared);
  return page.empty() ? out + samples_text(found, token_text) : out;
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
  if (!shows_tokens() && page.empty())
    for (const Option* option : {by_, tokenizer_})
      if (option->given())
        tool.warn(option->shown_name() +
                  " does nothing unless stdout is a terminal that shows colours; --color always shows the tokens");
  if (verify) return verified();
  std::optional<Tokenizer> loaded;
  TokenText token_text;
  if (!tokenizer.empty()) {
    loaded.emplace(Tokenizer::load(tokenizer));
    token_text = [&](std::int32_t id) { return loaded->token_bytes(id); };
  }
  std::optional<PeekPage> drawn;
  std::optional<RecordWriter> page_out;
  if (!page.empty()) drawn.emplace(token_text), page_out.emplace(open_page(tool, page, files, force));
  const Found found = read(drawn ? &*drawn : nullptr);
  print(text(found, token_text));
  if (drawn) write_page(*page_out, page_text(tool, found, *drawn));
  refuse_damage(found.streams);
  return counted(found.summary.records(), "record") + ", whole" + (drawn ? "; the page is " + page : "");
}

}  // namespace nudge
