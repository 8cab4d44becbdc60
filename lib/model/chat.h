// Dialogues as text: the chat formats of the families, and how a model's format is recognised.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/tokenizer.h"

namespace nudge {

struct ChatMessage {
  std::string role, content;  // role: "system", "user" or "assistant"
};

// A format as data. In its texts, {bos} and {eos} stand for the model's beginning and ending token.
struct ChatFormat {
  struct Turn {
    std::string before, after;  // the message
  };
  enum class System {
    kTurn,        // a turn of its own, wherever it stands
    kHeader,      // before the first turn only
    kInUser,      // before the text of the first user's message, in its turn
  };

  std::string name;
  std::string start;                         // before everything
  Turn system, user, assistant;
  std::string answer;                        // behind the last message: here the assistant begins
  System system_kind = System::kTurn;
  std::optional<std::string> default_system; // taken where a dialogue doesn't begin with a system message
  bool alternate = false;                    // user and assistant have to take turns
  bool trim = false, trim_system = false;    // contents lose the white space around them
  bool drop_thoughts = false;                // assistants' messages lose what stands up to </think>
};

// The formats by name, for --chat-format.
std::span<const ChatFormat> chat_formats();

// Error kUsage for a name that none has.
const ChatFormat& named_chat_format(const std::string& name);

// The model's chat template: chat_template.jinja, else chat_template of tokenizer_config.json, which is one, or a list
// or an object of named ones, of which "default" is for dialogues. Empty where there is none.
std::string chat_template(const Tokenizer& tokenizer);

// The format of a chat template: the one that makes the same texts of some dialogues as the template does, with the
// template's own default system message. None where none of the formats agrees with it.
std::optional<ChatFormat> recognise_chat_format(const std::string& source, const Tokenizer& tokenizer);

// The text of a dialogue up to where the assistant's answer begins. The last message is the user's. Error
// (std::invalid_argument): roles that the format has no place for.
std::string render_chat(const ChatFormat& format, const Tokenizer& tokenizer, std::span<const ChatMessage> messages);

// The assistant's message as it stands behind that text, the ending token aside: with what the format puts between the
// two, such as the blank behind [/INST].
std::string answer_text(const ChatFormat& format, const std::string& content);

}  // namespace nudge
