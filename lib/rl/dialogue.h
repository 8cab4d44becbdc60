// Records with lists of messages, {"role","content"}, in place of texts: rendered by the model's chat template.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/text/chat.h"

namespace nudge {

// What a sequence begins with.
struct PromptText {
  std::string text;
  bool rendered = false;  // by a chat template, which says itself what stands before everything
  bool dated = false;     // it asked for the day
  friend bool operator==(const PromptText& a, const PromptText& b) {
    return a.text == b.text && a.rendered == b.rendered;
  }
};
// Its ids, those of what stands behind it, and the same with an ending token. Error kBadInput naming record and field.
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

// A rendered dialogue in pieces, in order, of which some are learnt.
struct DialoguePiece {
  std::string text;
  bool learnt = false;
};

class Dialogues {
 public:
  // Errors: ChatTemplate's. What the folder's template lacks is told where a record needs it.
  Dialogues(const Model& model, const ChatOptions& options);

  // A field with a text, or a dialogue up to where the assistant is to answer. With either, as in all that follow:
  // Error kBadInput naming record and field, also where the template refuses the dialogue.
  PromptText prompt(const Record& record, const char* key) const;

  // `prompt` and the answer in the field `key`. The answer is a text behind the prompt; or messages behind the dialogue
  // `prompt`, whose messages they may repeat; or the assistant's message behind the text `prompt`; or a whole dialogue,
  // where there is no `prompt` or it is a text: then the last message is the answer.
  AnsweredPrompt answered(const Record& record, const char* key) const;

  // A trajectory's prompt and response as this model's template has them: `messages`, which are to be answered, and
  // `response` as the answer. None where it has no such list, or the model no template.
  std::optional<AnsweredPrompt> rendered_again(const Record& record) const;

  // A whole dialogue, of which the assistant's last message is learnt, or `all` of them.
  std::vector<DialoguePiece> pieces(const Record& record, const char* key, bool all) const;

  // Whether any field was a list of messages so far, which alone are what a template is for.
  bool met() const { return met_; }
  const ChatTemplate& chat() const { return chat_; }
  const std::string& date() const { return date_; }  // "2024-07-26"

 private:
  template <class F>
  auto rendered(const Record& record, const char* key, F f) const;
  Dialogue read(const Record& record, const char* key) const;

  ChatTemplate chat_;
  std::string date_;
  std::vector<std::string> ends_;  // texts of the model's ending tokens
  mutable bool met_ = false;
};

// Appends the token that ends an answer, Model::end(), where there is one and the ids don't end with an ending token
// already, as those of texts in which it is spelled out do.
void append_end(const Model& model, std::vector<std::int32_t>& ids);

}  // namespace nudge
