#include "lib/model/chat.h"

#include <stdexcept>

#include "lib/base/error.h"
#include "lib/model/jinja.h"
#include "lib/model/json_reader.h"
#include "lib/model/normalizer.h"
#include "lib/model/python_text.h"

namespace nudge {
namespace {

using Messages = std::span<const ChatMessage>;
using System = ChatFormat::System;

struct Ends {
  std::string bos, eos;
};

ChatFormat chatml(std::string name, std::optional<std::string> default_system) {
  const auto turn = [](const std::string& role) {
    return ChatFormat::Turn{"<|im_start|>" + role + "\n", "<|im_end|>\n"};
  };
  ChatFormat f;
  f.name = std::move(name);
  f.system = turn("system"), f.user = turn("user"), f.assistant = turn("assistant");
  f.answer = f.assistant.before;
  f.default_system = std::move(default_system);
  return f;
}

ChatFormat qwen3() {
  ChatFormat f = chatml("qwen3", std::nullopt);
  f.drop_thoughts = true;
  return f;
}

ChatFormat llama2() {
  ChatFormat f;
  f.name = "llama2";
  f.system = {"<<SYS>>\n", "\n<</SYS>>\n\n"};
  f.user = {"{bos}[INST] ", " [/INST]"};
  f.assistant = {" ", " {eos}"};
  f.system_kind = System::kInUser;
  f.alternate = true;
  f.trim = true;
  return f;
}

ChatFormat llama3() {
  const auto turn = [](const std::string& role) {
    return ChatFormat::Turn{"<|start_header_id|>" + role + "<|end_header_id|>\n\n", "<|eot_id|>"};
  };
  ChatFormat f;
  f.name = "llama3";
  f.start = "{bos}";
  f.system = turn("system"), f.user = turn("user"), f.assistant = turn("assistant");
  f.answer = f.assistant.before;
  f.trim = f.trim_system = true;
  return f;
}

// Today's date is the one that the template falls back on: an output holds no time.
ChatFormat llama31() {
  ChatFormat f = llama3();
  f.name = "llama3.1";
  f.system.before += "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
  f.system_kind = System::kHeader;
  f.default_system = "";
  return f;
}

ChatFormat zephyr() {
  ChatFormat f;
  f.name = "zephyr";
  f.system = {"<|system|>\n", "{eos}\n"};
  f.user = {"<|user|>\n", "{eos}\n"};
  f.assistant = {"<|assistant|>\n", "{eos}\n"};
  f.answer = "<|assistant|>\n";
  return f;
}

ChatFormat alpaca() {
  ChatFormat f;
  f.name = "alpaca";
  f.start = "{bos}";
  f.system = {"", "\n\n"};
  f.user = {"### Instruction:\n", "\n\n"};
  f.assistant = {"### Response:\n", "{eos}\n\n"};
  f.answer = "### Response:\n";
  f.system_kind = System::kHeader;
  f.alternate = true;
  f.trim = f.trim_system = true;
  return f;
}

// The formats in other spellings that templates have; they are not offered by name.
std::vector<ChatFormat> variants() {
  std::vector<ChatFormat> all;
  for (const ChatFormat& named : chat_formats()) {
    ChatFormat f = named;
    for (const bool trim : {f.trim, !f.trim}) {
      for (const bool trim_system : {f.trim_system, !f.trim_system}) {
        for (const bool alternate : {f.alternate, true}) {
          f.trim = trim, f.trim_system = trim_system, f.alternate = alternate;
          all.push_back(f);
          if (f.start.empty()) continue;
          all.push_back(f);
          all.back().start = "";
        }
      }
    }
  }
  return all;
}

std::string filled(const std::string& text, const Ends& ends) {
  return replace_all(replace_all(text, "{bos}", ends.bos), "{eos}", ends.eos);
}

std::string trimmed(const std::string& text, bool trim) {
  return trim ? std::string(python::stripped(text)) : text;
}

std::string without_thoughts(const std::string& text) {
  const std::size_t end = text.rfind("</think>");
  if (end == text.npos) return text;
  return std::string(python::stripped(std::string_view(text).substr(end + 8), "\n", python::Side::kStart));
}

void check_roles(const ChatFormat& f, Messages messages) {
  if (messages.empty() || messages.back().role != "user") {
    throw std::invalid_argument("doesn't end with a message of the user, which is to be answered");
  }
  bool user_next = true;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string& role = messages[i].role;
    if (role != "system" && role != "user" && role != "assistant") {
      throw std::invalid_argument("has a message of the role \"" + role + "\"; roles are system, user and assistant");
    }
    if (role == "system") {
      if (i > 0 && f.system_kind != System::kTurn) {
        throw std::invalid_argument("has a system message that isn't the first, which " + f.name + " has no place for");
      }
      continue;
    }
    if (f.alternate && (role == "user") != user_next) {
      throw std::invalid_argument("has to have messages of user and assistant in turn, as " + f.name + " has them");
    }
    user_next = role != "user";
  }
}

std::string render(const ChatFormat& f, const Ends& ends, Messages messages) {
  check_roles(f, messages);
  std::string out = filled(f.start, ends), in_user;
  const auto put = [&](const ChatFormat::Turn& turn, const std::string& content) {
    out += filled(turn.before, ends) + content + filled(turn.after, ends);
  };
  const auto put_system = [&](const std::string& content) {
    if (f.system_kind == System::kInUser) {
      in_user = filled(f.system.before, ends) + content + filled(f.system.after, ends);
    } else {
      put(f.system, content);
    }
  };
  if (messages[0].role != "system" && f.default_system) put_system(*f.default_system);
  for (const ChatMessage& m : messages) {
    if (m.role == "system") {
      put_system(trimmed(m.content, f.trim_system));
    } else if (m.role == "user") {
      put(f.user, trimmed(in_user + m.content, f.trim));
      in_user.clear();
    } else {
      put(f.assistant, trimmed(f.drop_thoughts ? without_thoughts(m.content) : m.content, f.trim));
    }
  }
  return out + filled(f.answer, ends);
}

Ends ends_of(const Tokenizer& tokenizer) {
  return {tokenizer.token_bytes(tokenizer.bos_id()), tokenizer.token_bytes(tokenizer.eos_id())};
}

constexpr std::size_t kAsked = 2;  // so many of the probes have to be rendered

// Dialogues in which the formats differ: white space around each content, thoughts, roles in and out of turn.
const std::vector<std::vector<ChatMessage>>& probes() {
  static const std::vector<std::vector<ChatMessage>> all = {
      {{"user", "Q1"}},
      {{"user", " \nQ1\n "}},
      {{"system", "S"}, {"user", "Q1"}},
      {{"system", " S\n"}, {"user", "Q1 "}, {"assistant", " A1\n"}, {"user", " Q2"}},
      {{"user", "Q1"}, {"assistant", "<think>\nT\n</think>\n\nA1"}, {"user", "Q2"}, {"assistant", "A"}, {"user", "Q"}},
      {{"user", "Q1"}, {"user", "Q2"}},
      {{"user", "Q1"}, {"assistant", "A1"}, {"system", " S "}, {"user", "Q2"}}};
  return all;
}

std::optional<std::string> by_template(const std::string& source, const Ends& ends, Messages messages) {
  using jinja::Value;
  Value::List list;
  for (const ChatMessage& m : messages) {
    list.push_back(Value::of(Value::Map{{"role", Value::of(m.role)}, {"content", Value::of(m.content)}}));
  }
  try {
    return jinja::render(source, {{"messages", Value::of(std::move(list))},
                                  {"add_generation_prompt", Value::boolean(true)},
                                  {"bos_token", Value::of(ends.bos)},
                                  {"eos_token", Value::of(ends.eos)}});
  } catch (const jinja::TemplateError&) {
    return std::nullopt;
  }
}

std::optional<std::string> by_format(const ChatFormat& f, const Ends& ends, Messages messages) {
  try {
    return render(f, ends, messages);
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

// Where the text of Q1 alone begins as a system turn of the format, what is the system message.
std::optional<std::string> default_system_in(std::string_view text, const ChatFormat& f, const Ends& ends) {
  const std::string before = filled(f.start + (f.system_kind == System::kInUser ? f.user.before : "") + f.system.before,
                                    ends);
  const std::string after = filled(f.system.after, ends);
  if (before.empty() || f.system.before.empty() || !text.starts_with(before)) return std::nullopt;
  const std::size_t end = text.find(after, before.size());
  if (end == text.npos) return std::nullopt;
  return std::string(text.substr(before.size(), end - before.size()));
}

}  // namespace

std::span<const ChatFormat> chat_formats() {
  static const std::vector<ChatFormat> all = {
      chatml("chatml", std::nullopt),
      chatml("qwen2", "You are a helpful assistant."),
      chatml("qwen2.5", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
      qwen3(),
      chatml("smollm2", "You are a helpful AI assistant named SmolLM, trained by Hugging Face"),
      llama2(),
      llama3(),
      llama31(),
      zephyr(),
      alpaca()};
  return all;
}

const ChatFormat& named_chat_format(const std::string& name) {
  std::string names;
  for (const ChatFormat& f : chat_formats()) {
    if (f.name == name) return f;
    names += (names.empty() ? "" : ", ") + f.name;
  }
  usage_error("--chat-format: there is no format " + name, "the formats are " + names);
}

std::string chat_template(const Tokenizer& tokenizer) {
  if (!tokenizer.template_file().empty()) return tokenizer.template_file();
  if (tokenizer.config_json().empty()) return "";
  const JsonReader in(tokenizer.config_json(), "tokenizer_config.json");
  JsonReader::Value value;
  if (!in.find(in.root(), "chat_template", "the file", value)) return "";
  if (value.is_object()) {
    if (!in.find(value, "default", "chat_template", value)) return "";
    return std::string(in.text(value, "the chat_template \"default\""));
  }
  if (!value.is_array()) return std::string(in.text(value, "chat_template"));
  std::string_view found;  // of several of that name the last, as in the dict that transformers makes of them
  for (const JsonReader::Value entry : in.array(value, "chat_template")) {
    const auto part = [&](const char* key) {
      return in.text(in.need(entry, key, "a chat_template"), std::string(key) + " of a chat_template");
    };
    if (part("name") == "default") found = part("template");
  }
  return std::string(found);
}

std::optional<ChatFormat> recognise_chat_format(const std::string& source, const Tokenizer& tokenizer) {
  const Ends ends = ends_of(tokenizer);
  std::vector<std::optional<std::string>> texts;
  for (const auto& probe : probes()) texts.push_back(by_template(source, ends, probe));
  if (!texts[0]) return std::nullopt;
  for (ChatFormat f : variants()) {
    if (!f.default_system || by_format(f, ends, probes()[0]) != texts[0]) {
      f.default_system = default_system_in(*texts[0], f, ends);
    }
    bool same = true;
    for (std::size_t i = 0; same && i < texts.size(); ++i) {
      const auto text = by_format(f, ends, probes()[i]);
      same = text ? text == texts[i] : i >= kAsked;  // a format may refuse what its template lets pass
    }
    if (same) return f;
  }
  return std::nullopt;
}

std::string render_chat(const ChatFormat& format, const Tokenizer& tokenizer, std::span<const ChatMessage> messages) {
  return render(format, ends_of(tokenizer), messages);
}

std::string answer_text(const ChatFormat& format, const std::string& content) {
  const std::string& before = format.assistant.before;
  const std::size_t there = before.starts_with(format.answer) ? format.answer.size() : 0;
  return before.substr(there) + trimmed(content, format.trim);
}

}  // namespace nudge
