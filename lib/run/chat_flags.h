// Options for turning dialogues into text, the same in all programs.
#pragma once

#include <string>

#include "lib/cli/tool.h"
#include "lib/rl/dialogue.h"

namespace nudge {

class ChatFlags {
 public:
  ChatFlags() = default;
  ChatFlags(const ChatFlags&) = delete;
  ChatFlags& operator=(const ChatFlags&) = delete;

  // Registers --chat-format, --chat-date and --chat-kwargs; `needs`: an option without which no record is a dialogue.
  void add_to(Tool& tool, const char* needs = nullptr);

  const ChatOptions& options() const { return options_; }
  bool named() const { return !options_.format.empty(); }
  const std::string& source() const { return source_; }  // the template that --chat-format names
  std::string digest() const;                            // of source()

  // Warns of each option that was given and that no record needed. `format_used`: --chat-format had another use.
  void warn_of_unused(Tool& tool, const Dialogues& dialogues, bool format_used = false) const;

 private:
  void parse();

  ChatOptions options_;
  std::string source_;
  std::string date_ = "2024-07-26", kwargs_;  // the default of Llama 3's templates
  const Option *date_option_ = nullptr, *kwargs_option_ = nullptr;
};

}  // namespace nudge
