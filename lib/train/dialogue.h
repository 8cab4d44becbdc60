// Records with lists of messages, {"role","content"}, in place of texts: rendered by the model's chat format.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/cli/tool.h"
#include "lib/io/record.h"
#include "lib/model/chat.h"
#include "lib/model/folder.h"

namespace nudge {

class Dialogues {
 public:
  // `format`: a format's name, or "" for that of the model's chat template, which is looked for now and missed where
  // a record needs it. Error kUsage: no format has this name.
  Dialogues(const Tokenizer& tokenizer, const std::string& format);

  // The text of a field that holds a text, or the rendered text of a dialogue that ends with the user's message.
  // Errors, as of all that follow: kBadInput naming record and field; a format that isn't known.
  std::string prompt(const Record& record, const char* key) const;

  // The text of a field that holds a text, or the content of the one message, the assistant's, in a list. A list may
  // also begin with the messages of `prompt`, a dialogue.
  std::string answer(const Record& record, const char* key, const char* prompt) const;

  // Whether any field was a list of messages so far, which alone are what a format is for.
  bool met() const { return met_; }

  // A field with a whole dialogue: what precedes the assistant's last message, rendered, and that message.
  std::pair<std::string, std::string> whole(const Record& record, const char* key) const;

 private:
  std::string rendered(const Record& record, const char* key, std::span<const ChatMessage> messages) const;
  std::string content(const ChatMessage& message) const;

  const Tokenizer& tokenizer_;
  std::optional<ChatFormat> format_;
  std::string why_;  // there is none
  mutable bool met_ = false;
};

// Appends the token that ends an answer, Model::end(), where there is one and the ids don't end with an ending token
// already, as those of texts in which it is spelled out do.
void append_end(const Model& model, std::vector<std::int32_t>& ids);

// Registers --chat-format. Error kUsage after parsing: no format has this name.
Option& chat_format_option(Tool& tool, std::string& format);
// Warns where a format was named and the records had no dialogue.
void warn_of_unused_format(Tool& tool, const std::string& format, bool met_dialogues);

}  // namespace nudge
