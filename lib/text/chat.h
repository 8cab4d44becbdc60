// Dialogues as text, by the chat template that the model's folder has or one with a name.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/text/jinja.h"
#include "lib/text/tokenizer.h"

namespace nudge {

struct ChatMessage {
  std::string role;
  std::string json;  // the whole message, an object
};

struct Dialogue {
  std::vector<ChatMessage> messages;
  std::map<std::string, std::string> variables;  // what else a template may ask for, such as tools: JSON by name
};

struct ChatOptions {
  std::string format = {};  // the name of a template, or a file NAME.jinja; "" for the model's own
  jinja::Date date = {};    // what a template is told that asks for the day
  std::map<std::string, std::string> variables = {};  // as a dialogue's, which stand before them
};

// Where an assistant speaks in a rendered dialogue.
struct ChatAnswers {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> spans;  // bytes [first, second) of `text`, in order, not empty
};

class ChatTemplate {
 public:
  // Errors: kUsage for a format that isn't known, kNoInput and kBadInput for a file of one. What is wrong with the
  // folder's own template is told by why(): it may not be asked for.
  ChatTemplate(const Tokenizer& tokenizer, ChatOptions options);

  // Why nothing can be rendered; empty where it can.
  const std::string& why() const { return why_; }
  // Of all that decides about texts.
  std::string digest() const;

  // The text of the first `count` messages, and with `answer` the beginning of the assistant's turn behind them.
  // Errors, as of all that follow: std::runtime_error with words that go on from "the dialogue ...".
  jinja::Rendered render(const Dialogue& dialogue, std::size_t count, bool answer) const;

  // The first `count` messages up to where the answer begins, and the others behind it, up to the last of the texts `ends`
  // in them, or all where none is there. Where an answered turn begins otherwise than one that is to be answered (without
  // its <think>), the prompt is what stands before the answer's content; an error where that can't be told.
  std::pair<std::string, std::string> prompt_and_answer(const Dialogue& dialogue, std::size_t count,
                                                        const std::vector<std::string>& ends) const;

  // What the assistant says, in its last turn or in all: by the template's marks of generation where it has some, else by
  // what each of its messages adds. The text goes up to the end of the last. An error where a later turn changes it.
  ChatAnswers answers(const Dialogue& dialogue, bool all, const std::vector<std::string>& ends) const;

  // Whether any template so far asked for the day.
  bool dated() const { return dated_; }
  // Whether a template knows this variable.
  bool knows(const std::string& variable) const;

 private:
  std::string before_content(const Dialogue& dialogue, std::size_t count) const;
  std::string with_plain_content(const ChatMessage& message) const;
  const jinja::Template& chosen(const Dialogue& dialogue) const;

  ChatOptions options_;
  std::map<std::string, std::string> sources_;  // by name; "default", and perhaps "tool_use"
  std::map<std::string, jinja::Template> templates_;
  jinja::Variables tokens_;
  std::string why_;
  bool takes_parts_ = false;
  mutable bool dated_ = false;
};

}  // namespace nudge
