// Chat formats: the exact texts, and which templates are recognised. Templates here are short ones of the same effect
// as the families'; the oracle has Qwen 3's own.
#include <stdexcept>

#include "lib/base/error.h"
#include "lib/model/chat.h"
#include "lib/model/jinja.h"
#include "tests/model/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Dialogue = std::vector<ChatMessage>;

const Dialogue kOne = {{"user", " Hi "}};
const Dialogue kLong = {{"system", " S "}, {"user", "Q1"}, {"assistant", " A1 "}, {"user", "Q2"}};

// With <s> and </s> as beginning and ending token.
const Tokenizer& tokenizer() {
  static const Tokenizer made = [] {
    TokenizerFixture fixture;
    fixture.added = R"([{"content":"<s>","special":true},{"content":"</s>","special":true},
                        {"content":"<|im_end|>","special":true}])";
    fixture.config = R"({"bos_token":"<s>","eos_token":"</s>"})";
    return fixture.make();
  }();
  return made;
}

std::string rendered(const std::string& format, const Dialogue& messages) {
  return render_chat(named_chat_format(format), tokenizer(), messages);
}
std::string refusal(const std::string& format, const Dialogue& messages) {
  return message_of([&] { rendered(format, messages); });
}

std::string config_of(const std::string& source) {
  std::string quoted;
  for (const char c : source) {
    if (c == '\n') quoted += "\\n";
    else if (c == '"' || c == '\\') quoted += std::string("\\") + c;
    else quoted += c;
  }
  return "{\"chat_template\":\"" + quoted + "\"}";
}
std::optional<ChatFormat> recognised(const std::string& source) { return recognise_chat_format(source, tokenizer()); }
std::string name_of(const std::string& source) {
  const auto format = recognised(source);
  return format ? format->name : "none";
}

const std::string kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const std::string kSmol =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nBe "
    "good<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const std::string kLlama2 =
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}"
    "{% else %}{% set rest = messages %}{% set system = false %}{% endif %}{% for message in rest %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles') }}{% endif %}"
    "{% if loop.index0 == 0 and system != false %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + "
    "message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";
const std::string kLlama3 =
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
    "{% endif %}{{ content }}{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}";
const std::string kLlama31 = R"({{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{#- The system message #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{%- if tools is defined and tools is not none %}
    {{- tools | tojson(indent=4) }}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\n" }}
{{- "Today Date: " + date_string + "\n\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}
        {{- message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
)";
// The line ends behind the {{ }} are part of the text, those behind the {% %} are not.
const std::string kZephyr =
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\\n' + message['content'] + "
    "eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\\n'  + message['content'] + eos_token }}\n"
    "{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}";
const std::string kAlpaca =
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = "
    "messages[0]['content'].strip() + '\\n\\n' %}{% else %}{% set rest = messages %}{% set system = '' %}{% endif %}"
    "{{ bos_token + system }}"
    "{% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('x') }}"
    "{% endif %}{% if message['role'] == 'user' %}{{ '### Instruction:\\n' + message['content'].strip() + '\\n\\n' }}"
    "{% else %}{{ '### Response:\\n' + message['content'].strip() + eos_token + '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}";

}  // namespace

TEST_CASE("ChatML, plain and with the families' default system messages") {
  CHECK(rendered("chatml", kOne) == "<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n");
  CHECK(rendered("chatml", kLong) ==
        "<|im_start|>system\n S <|im_end|>\n<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\n A1 <|im_end|>\n"
        "<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n");
  CHECK(rendered("qwen2", kOne) == "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n" +
                                       rendered("chatml", kOne));
  CHECK(rendered("qwen2.5", kOne) ==
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n" +
            rendered("chatml", kOne));
  CHECK(rendered("qwen2.5", kLong) == rendered("chatml", kLong));
  const std::string smol = rendered("smollm2", kOne);
  CHECK(smol.find("named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user") != std::string::npos);
  CHECK(rendered("qwen3", kLong) == rendered("chatml", kLong));
}

TEST_CASE("Qwen 3 drops what assistants thought before") {
  const Dialogue thoughtful = {{"user", "Q"}, {"assistant", "<think>\nT\n</think>\n\nA"}, {"user", "Q2"}};
  CHECK(rendered("qwen3", thoughtful) == "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
                                         "<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n");
  CHECK(rendered("chatml", thoughtful).find("<think>") != std::string::npos);
}

TEST_CASE("Llama 2 holds the system message in the first user's") {
  CHECK(rendered("llama2", kOne) == "<s>[INST] Hi [/INST]");
  CHECK(rendered("llama2", kLong) == "<s>[INST] <<SYS>>\n S \n<</SYS>>\n\nQ1 [/INST] A1 </s><s>[INST] Q2 [/INST]");
}

TEST_CASE("Llama 3 trims contents, and 3.1 always has a header with dates") {
  const std::string user = "<|start_header_id|>user<|end_header_id|>\n\n";
  const std::string answer = "<|start_header_id|>assistant<|end_header_id|>\n\n";
  CHECK(rendered("llama3", kOne) == "<s>" + user + "Hi<|eot_id|>" + answer);
  CHECK(rendered("llama3", kLong) == "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>" + user +
                                         "Q1<|eot_id|>" + answer + "A1<|eot_id|>" + user + "Q2<|eot_id|>" + answer);
  CHECK(rendered("llama3.1", kOne) ==
        "<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul "
        "2024\n\n<|eot_id|>" + user + "Hi<|eot_id|>" + answer);
}

TEST_CASE("Zephyr and Alpaca") {
  CHECK(rendered("zephyr", kOne) == "<|user|>\n Hi </s>\n<|assistant|>\n");
  CHECK(rendered("zephyr", kLong) ==
        "<|system|>\n S </s>\n<|user|>\nQ1</s>\n<|assistant|>\n A1 </s>\n<|user|>\nQ2</s>\n<|assistant|>\n");
  CHECK(rendered("alpaca", kOne) == "<s>### Instruction:\nHi\n\n### Response:\n");
  CHECK(rendered("alpaca", kLong) == "<s>S\n\n### Instruction:\nQ1\n\n### Response:\nA1</s>\n\n### Instruction:\nQ2\n\n"
                                     "### Response:\n");
}

TEST_CASE("templates are recognised by what they do, with their own default system message") {
  CHECK(name_of(kChatMl) == "chatml");
  CHECK_FALSE(recognised(kChatMl)->default_system.has_value());
  CHECK(recognised(kSmol)->default_system == "Be good");
  CHECK(render_chat(*recognised(kSmol), tokenizer(), kOne) ==
        "<|im_start|>system\nBe good<|im_end|>\n" + rendered("chatml", kOne));
  CHECK(name_of(kLlama2) == "llama2");
  CHECK(name_of(kLlama3) == "llama3");
  CHECK(name_of(kLlama31) == "llama3.1");
  CHECK(name_of(kZephyr) == "zephyr");
  CHECK(name_of(kAlpaca) == "alpaca");
  for (const std::string& source : {kChatMl, kSmol, kLlama2, kLlama3, kLlama31, kZephyr, kAlpaca}) {
    const auto format = recognised(source);
    REQUIRE(format.has_value());
    for (const Dialogue& messages : {kOne, kLong}) {
      jinja::Value::List list;
      for (const ChatMessage& m : messages) {
        using jinja::Value;
        list.push_back(Value::of(Value::Map{{"role", Value::of(m.role)}, {"content", Value::of(m.content)}}));
      }
      CHECK(render_chat(*format, tokenizer(), messages) ==
            jinja::render(source, {{"messages", jinja::Value::of(list)},
                                   {"add_generation_prompt", jinja::Value::boolean(true)},
                                   {"bos_token", jinja::Value::of("<s>")},
                                   {"eos_token", jinja::Value::of("</s>")}}));
    }
  }
}

TEST_CASE("a template that differs by a little is not recognised") {
  const auto changed = [](std::string source, const std::string& from, const std::string& to) {
    REQUIRE(source.find(from) != std::string::npos);
    return name_of(source.replace(source.find(from), from.size(), to));
  };
  CHECK(changed(kChatMl, "'<|im_end|>' + ", "'<|im_end|> ' + ") == "none");
  CHECK(changed(kChatMl, "message['content']", "message['content'] + '!'") == "none");
  CHECK(changed(kLlama3, "\\n\\n'+", "\\n'+") == "none");
  CHECK(changed(kLlama2, " [/INST]'", " [/INST] '") == "none");
  CHECK(changed(kZephyr, "eos_token }}\n{% elif", "eos_token }}{% elif") == "none");
  CHECK(changed(kAlpaca, "### Response", "### Answer") == "none");
  CHECK(changed(kChatMl, "{% for", "{% include 'x' %}{% for") == "none");
  CHECK(name_of("{{ messages[0]['content'] }}") == "none");
  CHECK(name_of("{{ broken") == "none");
  // White space around contents is told apart, not passed over.
  CHECK(recognised(kChatMl)->trim == false);
  std::string trimmed = kChatMl;
  trimmed.replace(trimmed.find("message['content']"), 18, "message['content'].strip()");
  REQUIRE(recognised(trimmed).has_value());
  CHECK(recognised(trimmed)->trim);
}

TEST_CASE("the template is a file, a text of tokenizer_config.json, or the default among several there") {
  TokenizerFixture fixture;
  const auto found = [&](const std::string& config) {
    fixture.config = config;
    return chat_template(fixture.make());
  };
  CHECK(found("").empty());
  CHECK(found("{}").empty());
  CHECK(found(R"({"chat_template":null})").empty());
  CHECK(found(config_of("a\nb")) == "a\nb");
  CHECK(found(R"({"chat_template":[{"name":"tool_use","template":"x"},{"name":"default","template":"y"}]})") == "y");
  CHECK(found(R"({"chat_template":[{"name":"tool_use","template":"x"}]})").empty());
  CHECK(found(R"({"chat_template":[{"name":"default","template":"x"},{"name":"default","template":"y"}]})") == "y");
  CHECK(found(R"({"chat_template":{"default":"x","tool_use":"y"}})") == "x");
  CHECK(found(R"({"chat_template":{"default":"x","default":"y"},"chat_template":{"default":"z"}})") == "z");
  CHECK(found(R"({"chat_template":{"tool_use":"y"}})").empty());
  CHECK(message_of([&] { found(R"({"chat_template":{"default":1}})"); }) ==
        "tokenizer_config.json: the chat_template \"default\" is not a string");
  CHECK(message_of([&] { found(R"({"chat_template":[1e999]})"); }) ==
        "tokenizer_config.json: a chat_template is not an object");
  CHECK(chat_template(Tokenizer::from_json(fixture.json(), config_of("a"), "folder", "b")) == "b");
  CHECK_FALSE(recognised("{{ 1 }}").has_value());
}

TEST_CASE("Qwen 3's own template is recognised") {
  NEED_ORACLE(oracle);
  const Tokenizer qwen = Tokenizer::load(oracle + "/tok/qwen3");
  const auto format = recognise_chat_format(chat_template(qwen), qwen);
  REQUIRE(format.has_value());
  CHECK(format->name == "qwen3");
  // Its marks are single tokens.
  CHECK(qwen.encode(render_chat(*format, qwen, {{{"user", "Hi"}}})) ==
        Ids{151644, 872, 198, 13048, 151645, 198, 151644, 77091, 198});
}

TEST_CASE("roles that have no place are refused") {
  CHECK(refusal("chatml", {}) == "doesn't end with a message of the user, which is to be answered");
  CHECK(refusal("chatml", {{"user", "Q"}, {"assistant", "A"}}) ==
        "doesn't end with a message of the user, which is to be answered");
  CHECK(refusal("chatml", {{"tool", "Q"}, {"user", "A"}}) ==
        "has a message of the role \"tool\"; roles are system, user and assistant");
  CHECK(refusal("llama2", {{"user", "Q"}, {"user", "Q"}}) ==
        "has to have messages of user and assistant in turn, as llama2 has them");
  CHECK(refusal("llama2", {{"user", "Q"}, {"assistant", "A"}, {"system", "S"}, {"user", "Q"}}) ==
        "has a system message that isn't the first, which llama2 has no place for");
  CHECK(rendered("chatml", {{"user", "Q"}, {"user", "R"}}).find("R") != std::string::npos);
}

TEST_CASE("an unknown name is refused with the names there are") {
  CHECK(message_of([] { named_chat_format("odd"); }) == "--chat-format: there is no format odd");
  try {
    named_chat_format("odd");
  } catch (const Error& error) {
    CHECK(error.status() == Exit::kUsage);
  }
}

TEST_CASE("a prompt begins with the template's tokens once") {
  TokenizerFixture fixture;
  fixture.added = R"([{"content":"<s>","special":true}])";
  fixture.post_processor = R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},
    {"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[256]}}})";
  CHECK(fixture.make().encode_prompt("a") == Ids{256, 64});
  CHECK(fixture.make().encode_prompt("<s>a") == Ids{256, 64});
  CHECK(fixture.make().encode_prompt("a<s>") == Ids{256, 64, 256});
  CHECK(fixture.make().encode_prompt("") == Ids{256});
  CHECK(TokenizerFixture().make().encode_prompt("a") == Ids{64});
}

TEST_CASE("an answer is what stands behind its prompt in the whole dialogue") {
  // Jinja 3.1 renders so the templates of the families: " " + content behind "[/INST]", contents trimmed or not.
  CHECK(answer_text(named_chat_format("llama2"), " A1\u3000") == " A1");
  CHECK(answer_text(named_chat_format("chatml"), " A1 ") == " A1 ");
  CHECK(answer_text(named_chat_format("llama3"), "\u2003A1 ") == "A1");
  CHECK(answer_text(named_chat_format("zephyr"), " A1 ") == " A1 ");
  CHECK(answer_text(named_chat_format("alpaca"), " A1 ") == "A1");
  for (const ChatFormat& f : chat_formats()) {
    CAPTURE(f.name);
    const std::string prompt = render_chat(f, tokenizer(), {{{"user", "Q1"}}});
    const std::string all = render_chat(f, tokenizer(), {{{"user", "Q1"}, {"assistant", "A1"}, {"user", "Q2"}}});
    CHECK(all.starts_with(prompt + answer_text(f, "A1")));
  }
}
