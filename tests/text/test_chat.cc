// Dialogues by named templates and by a folder's own. Expected texts are those of Jinja 3.1 in transformers'
// environment, or follow from a template of one line.
#include <stdexcept>

#include "lib/base/error.h"
#include "lib/io/json.h"
#include "lib/text/chat.h"
#include "lib/text/chat_formats.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Turns = std::vector<std::pair<std::string, std::string>>;  // role and content

Dialogue dialogue(const Turns& turns, std::map<std::string, std::string> variables = {}) {
  Dialogue d{{}, std::move(variables)};
  for (const auto& [role, content] : turns)
    d.messages.push_back({role, R"({"role":)" + json_quote(role) + R"(,"content":)" + json_quote(content) + "}"});
  return d;
}

const Turns kOne = {{"user", " Hi "}};
const Turns kLong = {{"system", " S "}, {"user", "Q1"}, {"assistant", " A1 "}, {"user", "Q2"}};
const std::vector<std::string> kEnds = {"</s>", "<|im_end|>"};

// With <s> and </s> as BOS and EOS.
Tokenizer tokenizer(const std::string& template_file = "", const std::string& config = "") {
  TokenizerFixture fixture;
  fixture.added = R"([{"content":"<s>","special":true},{"content":"</s>","special":true},
                      {"content":"<|im_end|>","special":true}])";
  const std::string own = R"({"bos_token":"<s>","eos_token":"</s>"})";
  return Tokenizer::from_json(fixture.json(), config.empty() ? own : config, "folder", template_file);
}
ChatTemplate named(const std::string& format, ChatOptions options = {}) {
  options.format = format;
  return ChatTemplate(tokenizer(), options);
}
ChatTemplate of(const std::string& source, ChatOptions options = {}) {
  return ChatTemplate(tokenizer(source), std::move(options));
}

std::string rendered(const ChatTemplate& chat, const Dialogue& d) {
  return chat.render(d, d.messages.size(), true).text;
}
std::string rendered(const std::string& format, const Turns& turns) { return rendered(named(format), dialogue(turns)); }

std::string refusal(const ChatTemplate& chat, const Dialogue& d) {
  return message_of([&] { rendered(chat, d); });
}

// The assistant's turns.
std::vector<std::string> said(const ChatTemplate& chat, const Turns& turns, bool all) {
  const ChatAnswers found = chat.answers(dialogue(turns), all, kEnds);
  std::vector<std::string> out;
  for (const auto& [begin, end] : found.spans) out.push_back(found.text.substr(begin, end - begin));
  CHECK(found.text.size() == found.spans.back().second);
  return out;
}

const std::string kTurnByTurn = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";

}  // namespace

TEST_CASE("ChatML, plain and with the families' default system messages") {
  CHECK(rendered("chatml", kOne) == "<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n");
  CHECK(rendered("chatml", kLong) ==
        "<|im_start|>system\n S <|im_end|>\n<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\n A1 <|im_end|>\n"
        "<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n");
  CHECK(rendered("qwen2", kOne) ==
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n" + rendered("chatml", kOne));
  CHECK(rendered("qwen2.5", kOne) ==
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n" +
            rendered("chatml", kOne));
  CHECK(rendered("qwen2.5", kLong) == rendered("chatml", kLong));
  const std::string smol = rendered("smollm2", kOne);
  CHECK(smol.find("named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user") != std::string::npos);
  CHECK(rendered("qwen3", kLong) == rendered("chatml", kLong));
}

TEST_CASE("Qwen 3 drops what assistants thought before, and has a thought in its last answer") {
  const Turns thoughtful = {{"user", "Q"}, {"assistant", "<think>\nT\n</think>\n\nA"}, {"user", "Q2"}};
  CHECK(rendered("qwen3", thoughtful) ==
        "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
        "<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n");
  CHECK(rendered("chatml", thoughtful).find("<think>") != std::string::npos);
  const std::string thinks = "<think>\n\n</think>\n\n";
  CHECK(said(named("qwen3"), {{"user", "Q"}, {"assistant", "A"}}, false) == std::vector{thinks + "A<|im_end|>"});
  CHECK(rendered(named("qwen3", {.variables = {{"enable_thinking", "false"}}}), dialogue(kOne)) ==
        rendered("qwen3", kOne) + thinks);
}

TEST_CASE("Llama 2 holds the system message in the first user's") {
  CHECK(rendered("llama2", kOne) == "<s>[INST] Hi [/INST]");
  CHECK(rendered("llama2", kLong) == "<s>[INST] <<SYS>>\n S \n<</SYS>>\n\nQ1 [/INST] A1 </s><s>[INST] Q2 [/INST]");
}

TEST_CASE("Llama 3 trims contents, and 3.1 always has a header with the day") {
  const std::string user = "<|start_header_id|>user<|end_header_id|>\n\n";
  const std::string answer = "<|start_header_id|>assistant<|end_header_id|>\n\n";
  CHECK(rendered("llama3", kOne) == "<s>" + user + "Hi<|eot_id|>" + answer);
  CHECK(rendered("llama3", kLong) == "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>" + user +
                                         "Q1<|eot_id|>" + answer + "A1<|eot_id|>" + user + "Q2<|eot_id|>" + answer);
  const auto dated = [&](const std::string& day) {
    return "<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: " +
           day + "\n\n<|eot_id|>" + user + "Hi<|eot_id|>" + answer;
  };
  CHECK(rendered("llama3.1", kOne) == dated("26 Jul 2024"));
  const ChatTemplate later = named("llama3.1", {.date = {2026, 11, 30}});
  CHECK(rendered(later, dialogue(kOne)) == dated("30 Nov 2026"));
  const ChatTemplate undated = named("llama3");
  const Dialogue answered = dialogue({{"user", "Q"}, {"assistant", "A"}});
  for (const ChatTemplate* chat : {&later, &undated}) {
    CHECK(chat->render(answered, 1, true).dated == (chat == &later));
    CHECK(chat->prompt_and_answer(answered, 1, kEnds).dated == (chat == &later));
    CHECK(chat->answers(answered, false, kEnds).dated == (chat == &later));
  }
}

TEST_CASE("Zephyr and Alpaca") {
  CHECK(rendered("zephyr", kOne) == "<|user|>\n Hi </s>\n<|assistant|>\n");
  CHECK(rendered("zephyr", kLong) ==
        "<|system|>\n S </s>\n<|user|>\nQ1</s>\n<|assistant|>\n A1 </s>\n<|user|>\nQ2</s>\n<|assistant|>\n");
  CHECK(rendered("alpaca", kOne) == "<s>### Instruction:\nHi\n\n### Response:\n");
  CHECK(rendered("alpaca", kLong) ==
        "<s>S\n\n### Instruction:\nQ1\n\n### Response:\nA1</s>\n\n### Instruction:\nQ2\n\n"
        "### Response:\n");
}

TEST_CASE("formats that have an order of turns refuse others") {
  for (const char* format : {"llama2", "alpaca"}) {
    const ChatTemplate chat = named(format);
    for (const Turns& turns : {Turns{{"user", "Q"}, {"user", "Q"}}, Turns{{"assistant", "A"}, {"user", "Q"}},
                               Turns{{"user", "Q"}, {"assistant", "A"}, {"system", "S"}, {"user", "Q"}}}) {
      CHECK(refusal(chat, dialogue(turns)).find("user and assistant have to take turns") != std::string::npos);
    }
  }
}

TEST_CASE("Qwen 3's own template and the one with its name say the same where there are no tools") {
  NEED_ORACLE(oracle);
  const Tokenizer qwen = Tokenizer::load(oracle + "/tok/qwen3");
  const ChatTemplate own(qwen, {}), ours(qwen, {.format = "qwen3"});
  CHECK(own.why().empty());
  const std::string thought = "<think>\n\nT\n</think>\n\n\nA";
  for (const Turns& turns :
       {kOne, kLong, Turns{{"user", "Q"}, {"assistant", thought}}, Turns{{"user", "Q"}, {"assistant", "\nA\n"}},
        Turns{{"user", "Q"}, {"assistant", thought}, {"user", "Q"}, {"assistant", thought}, {"assistant", "B"}},
        Turns{{"system", "S"}, {"assistant", "A"}}, Turns{{"user", "Q"}, {"assistant", "T</think>A"}, {"user", "R"}}}) {
    for (const bool answer : {false, true}) {
      const Dialogue d = dialogue(turns);
      CHECK(own.render(d, d.messages.size(), answer).text == ours.render(d, d.messages.size(), answer).text);
    }
  }
  CHECK(qwen.encode(rendered(own, dialogue({{"user", "Hi"}}))) ==
        Ids{151644, 872, 198, 13048, 151645, 198, 151644, 77091, 198});
}

TEST_CASE("the template is a file, a text of tokenizer_config.json, or the default among several there") {
  const auto found = [&](const std::string& config) {
    const ChatTemplate chat(tokenizer("", config), {});
    return chat.why().empty() ? rendered(chat, dialogue(kOne)) : chat.why();
  };
  const std::string none = "the model's folder has no chat_template";
  const std::string no_default = none + " named default";
  CHECK(found("{}") == none);
  CHECK(found(R"({"chat_template":null})") == none);
  CHECK(found(R"({"chat_template":"a\nb"})") == "a\nb");
  CHECK(found(R"({"chat_template":[{"name":"tool_use","template":"x"},{"name":"default","template":"y"}]})") == "y");
  CHECK(found(R"({"chat_template":[{"name":"tool_use","template":"x"}]})") == no_default);
  CHECK(found(R"({"chat_template":[{"name":"default","template":"x"},{"name":"default","template":"y"}]})") == "y");
  CHECK(found(R"({"chat_template":{"default":"x","tool_use":"y"}})") == "x");
  CHECK(found(R"({"chat_template":{"default":"x","default":"y"},"chat_template":{"default":"z"}})") == "z");
  CHECK(found(R"({"chat_template":{"tool_use":"y"}})") == no_default);
  CHECK(message_of([&] { found(R"({"chat_template":{"default":1}})"); }) ==
        "tokenizer_config.json: the chat_template \"default\" is not a string");
  CHECK(message_of([&] { found(R"({"chat_template":[1e999]})"); }) ==
        "tokenizer_config.json: a chat_template is not an object");
  CHECK(rendered(ChatTemplate(tokenizer("b", R"({"chat_template":"a"})"), {}), dialogue(kOne)) == "b");
  CHECK(found(R"({"chat_template":"{{ broken"})").starts_with("the chat_template can't be read: "));
}

TEST_CASE("a template that is set stands in place of all others") {
  Tokenizer t = tokenizer("file", R"({"bos_token":"<s>","chat_template":"config"})");
  t.set_chat_template("new");
  CHECK(rendered(ChatTemplate(t, {}), dialogue(kOne)) == "new");
  REQUIRE(t.template_files().size() == 1);
  CHECK(t.template_files()[0].first == "chat_template.jinja");
  CHECK(t.config_json() == R"({"bos_token":"<s>","chat_template":null})");
}

TEST_CASE(
    "tools, documents and more are told, a record's before the option's, and tools have a template of their own") {
  const std::string source = "{{ tools }}|{{ documents }}|{{ x }}|{{ bos_token }}{{ eos_token }}{{ pad_token }}";
  CHECK(rendered(of(source), dialogue(kOne)) == "None|None||<s></s>");
  const ChatTemplate chat = of(source, {.variables = {{"x", "\"a\""}, {"bos_token", "\"B\""}}});
  CHECK(rendered(chat, dialogue(kOne)) == "None|None|a|B</s>");
  CHECK(rendered(chat, dialogue(kOne, {{"x", "[1]"}, {"tools", "[]"}, {"documents", "[2]"}})) == "[]|[2]|[1]|B</s>");
  CHECK(chat.knows("x"));
  CHECK_FALSE(chat.knows("enable_thinking"));
  const ChatTemplate two(tokenizer("", R"({"chat_template":{"default":"d","tool_use":"t"}})"), {});
  CHECK(rendered(two, dialogue(kOne)) == "d");
  CHECK(rendered(two, dialogue(kOne, {{"tools", "[]"}})) == "t");
}

TEST_CASE("parts are handed on to a template that takes them, and joined for one that asks for texts") {
  const auto content = [](const std::string& json) {
    return Dialogue{{{"user", R"({"role":"user","content":)" + json + "}"}}, {}};
  };
  const Dialogue parts = content(R"([{"type":"text","text":"a\n"},{"type":"text","text":"b"}])");
  CHECK(rendered(of(kTurnByTurn), parts) == "[user]a\nb");
  const ChatTemplate takes =
      of("{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
         "{% if loop.index0 %}+{% endif %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}");
  CHECK(rendered(takes, parts) == "a\n+b");
  CHECK(refusal(takes, content(R"([{"type":"image"}])")) ==
        "has a part of the type \"image\", but models here read only text");
  CHECK(refusal(takes, content(R"([{"type":"text"}])")) == "has a text part without \"text\"");
  const Dialogue repeated = content(R"([{"type":"text","text":"x","text":"y"}])");  // the last counts
  CHECK(rendered(of(kTurnByTurn), repeated) == "[user]y");
  CHECK(refusal(takes, content("[1]")) == "has a content that is a list of something other than parts with a \"type\"");
}

TEST_CASE("an answer is what stands behind its prompt in the whole dialogue, up to the ending token") {
  const auto answer = [](const std::string& format, const std::string& content) {
    return named(format).prompt_and_answer(dialogue({{"user", "Q"}, {"assistant", content}}), 1, kEnds).answer;
  };
  CHECK(answer("llama2", " A1\u3000") == " A1 </s>");
  CHECK(answer("chatml", " A1 ") == " A1 <|im_end|>");
  CHECK(answer("llama3", "\u2003A1 ") == "A1<|eot_id|>");
  CHECK(answer("zephyr", " A1 ") == " A1 </s>");
  CHECK(answer("alpaca", " A1 ") == "A1</s>");
  CHECK(named("chatml").prompt_and_answer(dialogue({{"user", "Q"}, {"assistant", "A"}}), 1, {}).answer ==
        "A<|im_end|>\n");
  const ChatTemplate thinks = of(kTurnByTurn + "{% if add_generation_prompt %}[assistant]<think>{% endif %}");
  const auto split = [](const ChatTemplate& chat, const std::string& content) {
    const RenderedAnswer made = chat.prompt_and_answer(dialogue({{"user", "Q"}, {"assistant", content}}), 1, {});
    return std::pair(made.prompt, made.answer);
  };
  CHECK(split(thinks, "<A") == std::pair<std::string, std::string>("[user]Q[assistant]", "<A"));
  CHECK(said(thinks, {{"user", "Q"}, {"assistant", "A"}, {"user", "R"}, {"assistant", "B"}}, true) ==
        std::vector<std::string>{"A", "B"});
  const ChatTemplate counts =
      of("{% for m in messages %}[{{ m.role }} {{ m.content|length }}]{{ m.content }}{% endfor %}"
         "{% if add_generation_prompt %}[assistant]{% endif %}");
  CHECK(message_of([&] { split(counts, "AB"); }) ==
        "has an answer that doesn't continue its prompt: the chat_template ends the prompt in \"]\", but writes "
        "\" 2]AB\" there once it is answered");
}

TEST_CASE("all that the assistant says is found by what each message adds") {
  const Turns turns = {{"user", "Q"}, {"assistant", "A"}, {"user", "Q2"}, {"assistant", "B"}, {"assistant", "C"}};
  const auto all = [&](const std::string& format) { return said(named(format), turns, true); };
  CHECK(all("chatml") == std::vector<std::string>{"A<|im_end|>", "B<|im_end|>", "C<|im_end|>"});
  CHECK(all("zephyr") == std::vector<std::string>{"A</s>", "B</s>", "C</s>"});
  CHECK(said(named("chatml"), turns, false) == std::vector<std::string>{"C<|im_end|>"});
  CHECK(message_of([&] { all("qwen3"); }) ==
        "is changed by a later turn: the chat_template renders message 2 or what precedes it differently if it isn't "
        "the last");
  CHECK(said(named("qwen3"), {{"user", "Q"}, {"assistant", "A"}, {"user", "Q2"}, {"assistant", "B"}}, false) ==
        std::vector<std::string>{"<think>\n\n</think>\n\nB<|im_end|>"});
}

TEST_CASE("all that the assistant says is found by the template's marks where it has them") {
  const ChatTemplate marked =
      of("{% for m in messages %}{{ m.role }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }}!"
         "{% endgeneration %}{% else %}{{ m.content }}{% endif %};{% endfor %}");
  const Turns turns = {{"user", "Q"}, {"assistant", "A"}, {"user", "Q2"}, {"assistant", "B</s>C"}};
  CHECK(said(marked, turns, true) == std::vector<std::string>{"A!", "B</s>C!"});
  CHECK(said(marked, turns, false) == std::vector<std::string>{"B</s>C!"});
}

TEST_CASE("an unknown name is refused with the names there are") {
  try {
    chat_format_source("odd");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "--chat-format: there is no format odd");
    CHECK(error.status() == Exit::kUsage);
    CHECK(error.advice().find("chatml, qwen2, qwen2.5, qwen3, smollm2, llama2,") != std::string::npos);
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
