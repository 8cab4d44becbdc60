// What peek does between its command line and its last line.
#pragma once

#include <string>
#include <vector>

#include "lib/cli/tool.h"
#include "lib/io/paint.h"
#include "lib/io/stream.h"
#include "lib/io/summary.h"

namespace nudge {

struct PeekCommand {
  enum class Colour { kAuto, kAlways, kNever };

  std::vector<std::string> files;
  SampleOptions samples{.count = 1};
  bool json = false, verify = false;
  Colour colour = Colour::kAuto;
  TokenValue by = TokenValue::kLogProbs;
  std::string tokenizer;  // its model folder

  void add_to(Tool& tool);
  // Describes the files on stdout, or with `verify` their faults, and returns what there is: "12 records, whole". Error
  // kBadInput, after that, where something is damaged or missing.
  std::string run(Tool& tool);

 private:
  std::string verified() const;
  std::string text(const Summary& summary, const std::vector<StreamInfo>& streams, const TokenText& token_text) const;
  bool shows_tokens() const;  // in colour alone

  const Option *by_ = nullptr, *tokenizer_ = nullptr;
};

}  // namespace nudge
