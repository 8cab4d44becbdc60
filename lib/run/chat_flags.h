// The options that say how dialogues become text, the same in all programs.
#pragma once

#include <string>

#include "lib/cli/tool.h"
#include "lib/rl/dialogue.h"

namespace nudge {

class ChatFlags {
 public:
  // Registers --chat-format, --chat-date and --chat-kwargs; `needs`: an option without which there is no dialogue.
  explicit ChatFlags(Tool& tool, const char* needs = nullptr);
  ChatFlags(const ChatFlags&) = delete;
  ChatFlags& operator=(const ChatFlags&) = delete;

  const ChatOptions& options() const { return options_; }
  bool named() const { return !options_.format.empty(); }
  const std::string& source() const { return source_; }  // of the template that was named
  std::string digest() const;                            // of it

  // Warns of each option that was given and that the records didn't need. `format_used`: --chat-format did something else.
  void warn_of_unused(Tool& tool, const Dialogues& dialogues, bool format_used = false) const;

 private:
  void parse();

  ChatOptions options_;
  std::string source_;
  std::string date_ = "2024-07-26", kwargs_;  // the default is the day that Llama 3's templates fall back on
  const Option *date_option_ = nullptr, *kwargs_option_ = nullptr;
};

}  // namespace nudge
