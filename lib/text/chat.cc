#include "lib/text/chat.h"

#include <algorithm>
#include <stdexcept>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/io/json.h"
#include "lib/io/json_reader.h"
#include "lib/text/chat_formats.h"
#include "lib/text/model_file.h"

namespace nudge {
namespace {

constexpr const char* kFile = "chat_template.jinja";
constexpr std::string_view kOthers = "additional_chat_templates/", kSuffix = ".jinja";

// chat_template is a string, or a list or an object of named strings.
void take_config(const std::string& config, std::map<std::string, std::string>& sources) {
  if (config.empty()) return;
  const JsonReader in(config, "tokenizer_config.json", kModelFileAdvice);
  JsonReader::Value value;
  if (!in.find(in.root(), "chat_template", "the file", value)) return;
  if (value.is_object()) {
    for (const auto& [name, source] : in.object(value, "chat_template"))
      sources[std::string(name)] = in.text(source, "the chat_template \"" + std::string(name) + "\"");
  } else if (value.is_array()) {
    for (const JsonReader::Value entry : in.array(value, "chat_template")) {
      const auto part = [&](const char* key) {
        return std::string(in.text(in.need(entry, key, "a chat_template"), std::string(key) + " of a chat_template"));
      };
      sources[part("name")] = part("template");
    }
  } else {
    sources["default"] = in.text(value, "chat_template");
  }
}

// Files replace tokenizer_config.json's templates as a whole; additional files come last, as in transformers.
std::map<std::string, std::string> sources_of(const Tokenizer& tokenizer) {
  std::map<std::string, std::string> sources;
  for (const auto& [file, text] : tokenizer.template_files()) {
    std::string name = "default";
    if (file != kFile) name = file.substr(kOthers.size(), file.size() - kOthers.size() - kSuffix.size());
    sources[name] = text;
  }
  if (sources.empty()) take_config(tokenizer.config_json(), sources);
  return sources;
}

// The joined texts of a content that is a list of parts.
std::string joined_parts(JsonReader::Array parts) {
  std::string all;
  for (const JsonReader::Value part : parts) {
    const auto type = JsonReader::text_of(part, "type"), text = JsonReader::text_of(part, "text");
    if (!type) throw std::runtime_error("has a content that is a list of something other than parts with a \"type\"");
    if (*type != "text")
      throw std::runtime_error("has a part of the type \"" + std::string(*type) + "\", but models here read only text");
    if (!text) throw std::runtime_error("has a text part without \"text\"");
    all += *text;
  }
  return all;
}

std::size_t common_start(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// The text up to the end of the last of `ends` in it, or all of it.
std::string up_to_end(std::string text, const std::vector<std::string>& ends) {
  std::size_t size = 0;
  for (const std::string& end : ends) {
    const std::size_t at = end.empty() ? text.npos : text.rfind(end);
    if (at != text.npos) size = std::max(size, at + end.size());
  }
  if (size > 0) text.resize(size);
  return text;
}

}  // namespace

ChatTemplate::ChatTemplate(const Tokenizer& tokenizer, ChatOptions options) : options_(std::move(options)) {
  sources_ = options_.format.empty()
                 ? sources_of(tokenizer)
                 : std::map<std::string, std::string>{{"default", chat_format_source(options_.format)}};
  for (const auto& [name, text] : tokenizer.named_tokens()) tokens_[name] = jinja::Value::of(text);
  if (sources_.empty()) {
    why_ = "the model's folder has no chat_template";
  } else if (!sources_.contains("default")) {
    why_ = "the model's folder has no chat_template named default";
  }
  try {
    for (const auto& [name, source] : sources_) {
      if (name == "default" || name == "tool_use") templates_.emplace(name, jinja::Template(source));
    }
  } catch (const jinja::TemplateError& e) {
    why_ = std::string("the chat_template can't be read: ") + e.what();
  }
  if (!why_.empty()) return;
  try {  // a template that accepts lists of parts renders a string and a list with one text part alike
    const auto said = [&](const char* content) {
      const Dialogue one{{{"user", std::string(R"({"role":"user","content":)") + content + "}"}}, {}};
      return render(one, 1, true).text;
    };
    const std::string text = said(R"("x")");
    takes_parts_ = true;
    takes_parts_ = said(R"([{"type":"text","text":"x"}])") == text;
  } catch (const std::runtime_error&) {
    takes_parts_ = false;
  }
}

std::string ChatTemplate::digest() const {
  Digest d;
  for (const auto& [name, source] : sources_) d.text(name).text(source);
  d.number(options_.date.year).number(options_.date.month).number(options_.date.day);
  for (const auto& [name, json] : options_.variables) d.text(name).text(json);
  return d.hex();
}

bool ChatTemplate::knows(const std::string& variable) const {
  return std::ranges::any_of(sources_, [&](const auto& s) { return s.second.find(variable) != std::string::npos; });
}

// The message, with its parts joined if the template expects a string.
std::string ChatTemplate::with_plain_content(const ChatMessage& message) const {
  const JsonReader in(message.json, "a message");
  const auto content = JsonReader::last(in.object(in.root(), "it"), "content");
  const auto parts = content ? JsonReader::as<JsonReader::Array>(*content) : std::nullopt;
  if (!parts) return message.json;
  const std::string text = joined_parts(*parts);
  return takes_parts_ ? message.json : with_member(message.json, "content", json_quote(text));
}

// As in transformers, "tool_use" is for dialogues with tools.
const jinja::Template& ChatTemplate::chosen(const Dialogue& dialogue) const {
  const auto tools = dialogue.variables.contains("tools") || options_.variables.contains("tools");
  const auto found = templates_.find(tools ? "tool_use" : "default");
  return found == templates_.end() ? templates_.at("default") : found->second;
}

jinja::Rendered ChatTemplate::render(const Dialogue& dialogue, std::size_t count, bool answer) const {
  if (!why_.empty()) throw std::runtime_error("can't be rendered: " + why_);
  std::string list;
  for (std::size_t i = 0; i < count; ++i) list += (i == 0 ? "[" : ",") + with_plain_content(dialogue.messages[i]);
  jinja::Variables variables = tokens_;
  variables["tools"] = variables["documents"] = jinja::Value::none();
  for (const auto* more : {&options_.variables, &dialogue.variables})
    for (const auto& [name, json] : *more) variables[name] = jinja::value_of_json(json);
  variables["messages"] = jinja::value_of_json(count == 0 ? "[]" : list + "]");
  variables["add_generation_prompt"] = jinja::Value::boolean(answer);
  try {
    return chosen(dialogue).render(variables, options_.date);
  } catch (const jinja::TemplateError& e) {
    throw std::runtime_error(std::string("can't be rendered by the chat_template: ") + e.what());
  }
}

// What the template writes before the content of message `count`, whatever the content is; "" if that is not a string.
jinja::Rendered ChatTemplate::before_content(const Dialogue& dialogue, std::size_t count) const {
  const std::string& json = dialogue.messages[count].json;
  if (!JsonReader::text_of(JsonReader(json, "a message").root(), "content")) return {};
  const auto said = [&](const char* text) {
    Dialogue other = dialogue;
    other.messages[count].json = with_member(json, "content", text);
    return render(other, count + 1, false);
  };
  jinja::Rendered one = said(R"("0")");
  const jinja::Rendered another = said(R"("1")");
  one.text.resize(common_start(one.text, another.text));
  one.dated |= another.dated;
  return one;
}

RenderedAnswer ChatTemplate::prompt_and_answer(const Dialogue& dialogue, std::size_t count,
                                               const std::vector<std::string>& ends) const {
  const jinja::Rendered asked = render(dialogue, count, true), made = render(dialogue, dialogue.messages.size(), false);
  const std::string &prompt = asked.text, &whole = made.text;
  const jinja::Rendered start = whole.starts_with(prompt) ? asked : before_content(dialogue, count);
  if (start.text.empty() || !whole.starts_with(start.text)) {
    const std::size_t same = common_start(whole, prompt);
    throw std::runtime_error("has an answer that doesn't continue its prompt: the chat_template ends the prompt in " +
                             json_quote(prompt.substr(same)) + ", but writes " + json_quote(whole.substr(same, 20)) +
                             " there once it is answered");
  }
  return {start.text, up_to_end(whole.substr(start.text.size()), ends), asked.dated || made.dated || start.dated};
}

ChatAnswers ChatTemplate::answers(const Dialogue& dialogue, bool all, const std::vector<std::string>& ends) const {
  const std::size_t count = dialogue.messages.size();
  const jinja::Rendered whole = render(dialogue, count, false);
  ChatAnswers found{whole.text, {}, whole.dated};
  if (!whole.generations.empty() && !whole.unplaced) {
    const jinja::Rendered before = all ? jinja::Rendered() : render(dialogue, count - 1, false);
    found.dated |= before.dated;
    for (std::size_t i = before.generations.size(); i < whole.generations.size(); ++i)
      if (whole.generations[i].first < whole.generations[i].second) found.spans.push_back(whole.generations[i]);
  } else {
    for (std::size_t i = all ? 0 : count - 1; i < count; ++i) {
      if (dialogue.messages[i].role != "assistant") continue;
      Dialogue part = dialogue;
      part.messages.resize(i + 1);
      const auto [prompt, answer, dated] = prompt_and_answer(part, i, ends);
      found.dated |= dated;
      if (!std::string_view(whole.text).substr(prompt.size()).starts_with(answer) || !whole.text.starts_with(prompt))
        throw std::runtime_error("is changed by a later turn: the chat_template renders message " +
                                 std::to_string(i + 1) + " or what precedes it differently if it isn't the last");
      if (!answer.empty()) found.spans.emplace_back(prompt.size(), prompt.size() + answer.size());
    }
  }
  if (!found.spans.empty()) found.text.resize(found.spans.back().second);
  return found;
}

}  // namespace nudge
