// Records that hold lists of messages, {"role","content"}, in place of texts. The model's chat template renders them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/text/chat.h"

namespace nudge {

// The start of a sequence.
struct PromptText {
  std::string text;
  bool rendered = false;  // by a chat template, which brings its own beginning-of-text token
  bool dated = false;     // the template asked for the date
  friend bool operator==(const PromptText& a, const PromptText& b) {
    return a.text == b.text && a.rendered == b.rendered;
  }
};
// Token ids of the start, of text that follows it, and of text that follows and ends with an ending token. Error
// kBadInput naming record and field.
std::vector<std::int32_t> encode_start(const Record& record, const char* key, const PromptText& start,
                                       const Tokenizer& tokenizer);
std::vector<std::int32_t> encode_behind(const Record& record, const char* key, const std::string& text,
                                        const Tokenizer& tokenizer);
std::vector<std::int32_t> encode_answer(const Record& record, const char* key, const std::string& text,
                                        const Model& model);

struct AnsweredPrompt {
  PromptText prompt;
  std::string answer;
};

// A piece of a rendered dialogue; training learns some of them.
struct DialoguePiece {
  std::string text;
  bool learnt = false;
};

// Renders records and notes what they needed of the template; one per thread.
class Dialogues {
 public:
  // Errors: ChatTemplate's. A missing template is reported only when a record needs it.
  Dialogues(const Model& model, const ChatOptions& options);

  // A text field as it is, or a dialogue rendered up to where the assistant answers. Here and below: Error kBadInput
  // naming record and field, also where the template refuses the dialogue.
  PromptText prompt(const Record& record, const char* key);

  // `prompt` and the answer in the field `key`. The answer is one of: a text that follows the prompt; messages that
  // follow the dialogue `prompt`, and may repeat it; the assistant's message after the text `prompt`; a whole dialogue
  // whose last message is the answer, where `prompt` is absent or a text.
  AnsweredPrompt answered(const Record& record, const char* key);

  // A trajectory's `messages` and `response`, rendered by this model's template. None where the record has no messages
  // or the model no template.
  std::optional<AnsweredPrompt> rendered_again(const Record& record);

  // A whole dialogue. The assistant's last message is learnt, or with `all` each of them.
  std::vector<DialoguePiece> pieces(const Record& record, const char* key, bool all);

  // Whether any field so far was a list of messages, so that the template mattered.
  bool met() const { return met_; }
  bool dated() const { return dated_; }  // whether the template asked for the date in any
  const ChatTemplate& chat() const { return chat_; }
  const std::string& date() const { return date_; }  // "2024-07-26"

 private:
  template <class F>
  auto rendered(const Record& record, const char* key, F f);
  Dialogue read(const Record& record, const char* key);

  ChatTemplate chat_;
  std::string date_;
  std::vector<std::string> ends_;  // texts of the model's ending tokens
  bool met_ = false, dated_ = false;
};

// Appends the model's ending token, if it has one, unless the ids already end with one, as they do where the text
// spells it out.
void append_end(const Model& model, std::vector<std::int32_t>& ids);

}  // namespace nudge
