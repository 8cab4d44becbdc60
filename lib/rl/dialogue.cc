#include "lib/rl/dialogue.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "lib/base/error.h"
#include "lib/io/json.h"

namespace nudge {
namespace {

// What a template may ask for besides the messages: `tools` and `documents`, lists of objects, the former perhaps as a
// text of JSON, and what stands in `chat_template_kwargs`.
std::map<std::string, std::string> variables_of(const Record& record) {
  std::map<std::string, std::string> found;
  const auto objects = [](std::string_view json) {
    const std::size_t at = json.find_first_not_of(" \t\r\n", 1);
    return json.starts_with('[') && at != json.npos && (json[at] == '{' || json[at] == ']');
  };
  for (const char* key : {"tools", "documents"}) {
    if (!record.has(key)) continue;
    const std::string json = record.is_text(key) ? record.text(key) : std::string(record.raw(key));
    if (objects(json)) found[key] = json;
  }
  constexpr const char* kMore = "chat_template_kwargs";
  if (record.has(kMore) && record.raw(kMore).starts_with('{')) {
    const Record more = Record::parse(record.raw(kMore), record.where());
    for (const Record::Field& f : more.fields()) found[f.key] = f.raw;
  }
  return found;
}

bool same(const ChatMessage& a, const ChatMessage& b) { return a.role == b.role && a.json == b.json; }

std::string written(const jinja::Date& date) {
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", date.year, date.month, date.day);
  return text;
}

std::string advice_for(const ChatTemplate& chat, const std::string& cause) {
  if (cause.find("is changed by a later turn") != cause.npos)
    return "learn the last answers with --learn last, or give a template that marks answers with {% generation %} to "
           "--chat-format";
  return chat.why().empty() ? "check what the template requires, name another with --chat-format, or give plain text"
                            : "name one with --chat-format, or give the text";
}

}  // namespace

std::vector<std::int32_t> encode_start(const Record& record, const char* key, const PromptText& start,
                                       const Tokenizer& tokenizer) {
  try {
    return start.rendered ? tokenizer.encode(start.text) : tokenizer.encode_prompt(start.text);
  } catch (const Error& e) {
    record.fail(key, e.what());
  }
}

std::vector<std::int32_t> encode_behind(const Record& record, const char* key, const std::string& text,
                                        const Tokenizer& tokenizer) {
  try {
    return tokenizer.encode_continuation(text);
  } catch (const Error& e) {
    record.fail(key, e.what());
  }
}

std::vector<std::int32_t> encode_answer(const Record& record, const char* key, const std::string& text,
                                        const Model& model) {
  auto ids = encode_behind(record, key, text, model.tokenizer);
  append_end(model, ids);
  return ids;
}

Dialogues::Dialogues(const Model& model, const ChatOptions& options)
    : chat_(model.tokenizer, options), date_(written(options.date)) {
  for (const std::int32_t id : model.eos) ends_.push_back(model.tokenizer.token_bytes(id));
}

Dialogue Dialogues::read(const Record& record, const char* key) {
  met_ = true;
  Dialogue out{{}, variables_of(record)};
  for (Message& m : record.messages(key)) out.messages.push_back({std::move(m.role), std::move(m.json)});
  return out;
}

// What `f` renders. The error names the record.
template <class F>
auto Dialogues::rendered(const Record& record, const char* key, F f) {
  try {
    auto made = f();
    dated_ |= made.dated;
    return made;
  } catch (const Error&) {
    throw;
  } catch (const std::runtime_error& cause) {
    bad_input(record.where() + ": field \"" + key + "\" is a dialogue that " + cause.what(),
              advice_for(chat_, cause.what()));
  }
}

PromptText Dialogues::prompt(const Record& record, const char* key) {
  if (!record.is_array(key)) return {record.text(key)};
  const Dialogue d = read(record, key);
  if (d.messages.back().role == "assistant")
    bad_input(record.where() + ": field \"" + key + "\" ends with an assistant message, so there is nothing to answer",
              "remove that message: jq -c '." + std::string(key) + " |= .[:-1]'");
  const auto made = rendered(record, key, [&] { return chat_.render(d, d.messages.size(), true); });
  return {made.text, true, made.dated};
}

AnsweredPrompt Dialogues::answered(const Record& record, const char* key) {
  if (!record.is_array(key)) return {prompt(record, "prompt"), record.text(key)};
  Dialogue d = read(record, key);
  if (d.messages.back().role != "assistant") record.fail(key, "doesn't end with an assistant message");
  std::size_t before = d.messages.size() - 1;
  if (record.has("prompt") && !record.is_array("prompt") && before == 0) {
    const auto content = record.messages(key).back().content;
    if (!content) record.fail(key, "has a message whose content is not a string, after a prompt that is one");
    return {prompt(record, "prompt"), *content};
  }
  if (record.has("prompt") && record.is_array("prompt")) {
    const Dialogue start = read(record, "prompt");
    before = start.messages.size();
    const bool repeated = before < d.messages.size() &&
                          std::equal(start.messages.begin(), start.messages.end(), d.messages.begin(), same);
    if (!repeated && d.messages.front().role != "assistant")
      record.fail(key, "must begin with an assistant message, or with the messages of \"prompt\"");
    if (!repeated) d.messages.insert(d.messages.begin(), start.messages.begin(), start.messages.end());
  }
  const auto made = rendered(record, key, [&] { return chat_.prompt_and_answer(d, before, ends_); });
  return {{made.prompt, true, made.dated}, made.answer};
}

std::optional<AnsweredPrompt> Dialogues::rendered_again(const Record& record) {
  constexpr const char* kKey = "messages";
  if (!chat_.why().empty() || !record.has(kKey) || !record.is_array(kKey)) return std::nullopt;
  Dialogue d = read(record, kKey);
  if (d.messages.back().role == "assistant") return std::nullopt;
  const std::string content = json_quote(record.text("response"));
  d.messages.push_back({"assistant", R"({"role":"assistant","content":)" + content + "}"});
  const auto made = rendered(record, kKey, [&] { return chat_.prompt_and_answer(d, d.messages.size() - 1, ends_); });
  return AnsweredPrompt{{made.prompt, true, made.dated}, made.answer};
}

std::vector<DialoguePiece> Dialogues::pieces(const Record& record, const char* key, bool all) {
  const Dialogue d = read(record, key);
  if (d.messages.back().role != "assistant") record.fail(key, "doesn't end with an assistant message");
  const ChatAnswers found = rendered(record, key, [&] { return chat_.answers(d, all, ends_); });
  std::vector<DialoguePiece> out;
  std::size_t at = 0;
  for (const auto& [begin, end] : found.spans) {
    out.push_back({found.text.substr(at, begin - at), false});
    out.push_back({found.text.substr(begin, end - begin), true});
    at = end;
  }
  return out;
}

void append_end(const Model& model, std::vector<std::int32_t>& ids) {
  const std::int32_t end = model.end();
  if (end >= 0 && (ids.empty() || !model.ends(ids.back()))) ids.push_back(end);
}

}  // namespace nudge
