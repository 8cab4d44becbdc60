// Renders dialogues with the chat template of the model's folder or with a named one.
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
  std::map<std::string, std::string> variables;  // other template variables, such as tools: JSON by name
};

struct ChatOptions {
  std::string format = {};  // the name of a template, or a file NAME.jinja; "" for the model's own
  jinja::Date date = {};    // the date for templates that ask for it
  std::map<std::string, std::string> variables = {};  // like a dialogue's, which take precedence
};

// The assistant's turns in a rendered dialogue.
struct ChatAnswers {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> spans;  // bytes [first, second) of `text`, in order, not empty
  bool dated = false;                                      // the template asked for the date
};

// A rendered dialogue, cut where the answer begins.
struct RenderedAnswer {
  std::string prompt, answer;
  bool dated = false;  // as above
};

// Rendering is const: threads may render at the same time.
class ChatTemplate {
 public:
  // Errors: kUsage for an unknown format, kNoInput and kBadInput for a format's file. Defects of the folder's own
  // template are reported by why() only, because it may never be used.
  ChatTemplate(const Tokenizer& tokenizer, ChatOptions options);

  // Why nothing can be rendered; empty if it can.
  const std::string& why() const { return why_; }
  // Covers everything that determines the texts.
  std::string digest() const;

  // The text of the first `count` messages, and with `answer` the beginning of the assistant's next turn.
  // Errors, here and below: std::runtime_error with a message that continues "the dialogue ...".
  jinja::Rendered render(const Dialogue& dialogue, std::size_t count, bool answer) const;

  // The first `count` messages up to where the answer begins, and the rest after it, up to the last of the texts `ends`
  // in it, or all of it. If an answered turn begins differently from an unanswered one (without its <think>), the
  // prompt is everything before the answer's content. Error if that can't be determined.
  RenderedAnswer prompt_and_answer(const Dialogue& dialogue, std::size_t count,
                                   const std::vector<std::string>& ends) const;

  // The assistant's last turn, or all its turns: the template's {% generation %} blocks if it has any, else what each
  // of its messages adds. The text ends with the last turn. Error if a later turn changes it.
  ChatAnswers answers(const Dialogue& dialogue, bool all, const std::vector<std::string>& ends) const;

  // Whether a template uses this variable.
  bool knows(const std::string& variable) const;

 private:
  jinja::Rendered before_content(const Dialogue& dialogue, std::size_t count) const;
  std::string with_plain_content(const ChatMessage& message) const;
  const jinja::Template& chosen(const Dialogue& dialogue) const;

  ChatOptions options_;
  std::map<std::string, std::string> sources_;  // by name; "default", perhaps "tool_use"
  std::map<std::string, jinja::Template> templates_;
  jinja::Variables tokens_;
  std::string why_;
  bool takes_parts_ = false;
};

}  // namespace nudge
