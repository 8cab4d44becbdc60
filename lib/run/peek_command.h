// What peek does between its command line and its last line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/cli/tool.h"
#include "lib/io/paint.h"
#include "lib/io/stream.h"
#include "lib/io/summary.h"
#include "lib/run/peek_page.h"

namespace nudge {

struct PeekCommand {
  enum class Colour { kAuto, kAlways, kNever };

  std::vector<std::string> files;
  std::optional<std::int64_t> count;  // of samples: records, or prompts where policies are compared
  bool random = false;
  std::uint64_t seed = 0;
  std::string page;  // the file of --html
  bool json = false, verify = false, force = false;
  Colour colour = Colour::kAuto;
  TokenValue by = TokenValue::kLogProbs;
  std::string tokenizer;  // its model folder

  void add_to(Tool& tool);
  // Describes the files on stdout, or with `verify` their faults, and returns what there is: "12 records, whole". Error
  // kBadInput, after that, where something is damaged or missing.
  std::string run(Tool& tool);

 private:
  struct Found;  // what is in the files

  std::string verified() const;
  Found read(PeekPage* page) const;
  std::string text(const Found& found, const TokenText& token_text) const;
  std::string samples_text(const Found& found, const TokenText& token_text) const;
  std::string page_text(Tool& tool, const Found& found, PeekPage& drawn) const;
  std::vector<std::string> chosen_groups(const PolicyComparison& comparison, std::int64_t n) const;
  bool shows_tokens() const;  // in colour alone

  const Option *by_ = nullptr, *tokenizer_ = nullptr;
};

}  // namespace nudge
