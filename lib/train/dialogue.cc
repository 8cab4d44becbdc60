#include "lib/train/dialogue.h"

#include <algorithm>
#include <stdexcept>

#include "lib/base/error.h"

namespace nudge {
namespace {

std::vector<ChatMessage> messages_of(const Record& record, const char* key, bool& met) {
  met = true;
  std::vector<ChatMessage> out;
  for (Message& m : record.messages(key)) out.push_back({std::move(m.role), std::move(m.content)});
  return out;
}

bool same(const ChatMessage& a, const ChatMessage& b) { return a.role == b.role && a.content == b.content; }

}  // namespace

Dialogues::Dialogues(const Tokenizer& tokenizer, const std::string& format) : tokenizer_(tokenizer) {
  if (!format.empty()) {
    format_ = named_chat_format(format);
    return;
  }
  const std::string source = chat_template(tokenizer);
  if (source.empty()) {
    why_ = "its folder has no chat_template";
  } else if (!(format_ = recognise_chat_format(source, tokenizer))) {
    why_ = "the chat_template of its folder is none of the known formats";
  }
}

std::string Dialogues::rendered(const Record& record, const char* key, std::span<const ChatMessage> messages) const {
  if (!format_) {
    bad_input(record.where() + ": field \"" + key + "\" is a dialogue, and the model's chat format isn't known: " +
                  why_,
              "name it with --chat-format, or give the text");
  }
  try {
    return render_chat(*format_, tokenizer_, messages);
  } catch (const std::invalid_argument& cause) {
    record.fail(key, cause.what());
  }
}

std::string Dialogues::content(const ChatMessage& message) const {
  return format_ ? answer_text(*format_, message.content) : message.content;
}

std::string Dialogues::prompt(const Record& record, const char* key) const {
  return record.is_array(key) ? rendered(record, key, messages_of(record, key, met_)) : record.text(key);
}

std::string Dialogues::answer(const Record& record, const char* key, const char* prompt) const {
  if (!record.is_array(key)) return record.text(key);
  const auto messages = messages_of(record, key, met_);
  std::vector<ChatMessage> before;
  if (messages.size() > 1 && record.is_array(prompt)) before = messages_of(record, prompt, met_);
  if (messages.size() != before.size() + 1 || messages.back().role != "assistant" ||
      !std::equal(before.begin(), before.end(), messages.begin(), same)) {
    record.fail(key, std::string("has to be one message of the assistant, or to begin with the messages of \"") +
                         prompt + "\"");
  }
  return content(messages.back());
}

std::pair<std::string, std::string> Dialogues::whole(const Record& record, const char* key) const {
  const auto messages = messages_of(record, key, met_);
  if (messages.back().role != "assistant") record.fail(key, "doesn't end with a message of the assistant");
  return {rendered(record, key, std::span(messages).first(messages.size() - 1)), content(messages.back())};
}

void append_end(const Model& model, std::vector<std::int32_t>& ids) {
  const std::int32_t end = model.end();
  if (end >= 0 && (ids.empty() || !model.ends(ids.back()))) ids.push_back(end);
}

Option& chat_format_option(Tool& tool, std::string& format) {
  tool.after_parsing([&format] {
    if (!format.empty()) named_chat_format(format);
  });
  return tool.option("--chat-format", format, "how messages become text, by name: see README.md")
      .placeholder("NAME")
      .shown_default("the model's own");
}

void warn_of_unused_format(Tool& tool, const std::string& format, bool met_dialogues) {
  if (format.empty() || met_dialogues) return;
  tool.warn("--chat-format " + format +
            " did nothing: no record is a dialogue; leave it out, or give lists of {\"role\",\"content\"}");
}

}  // namespace nudge
