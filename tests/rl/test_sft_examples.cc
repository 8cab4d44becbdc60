// Examples of fine-tuning as made from records.
#include "lib/base/error.h"
#include "lib/rl/sft.h"
#include "tests/harness/harness.h"
#include "tests/model/tiny_model.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Ids = std::vector<std::int32_t>;

constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGH";

Model model_of(std::int64_t context, bool ending = true) {
  Model m = tiny_model(1, 1, {1, 8, 1, context});
  if (!ending) m.eos.clear();
  return m;
}
std::vector<SftExample> read(const std::string& line, const Model& model, bool all = false) {
  const Record r = Record::parse(line, "file: record 2");
  return sft_examples(r, r.find_text("id").value_or("2"), model, {.prompt = all});
}
std::string refusal(const std::string& line) {
  try {
    read(line, model_of(12));
  } catch (const Error& e) {
    CHECK(e.status() == Exit::kBadInput);
    return e.what();
  }
  return "nothing thrown";
}
Ids joined(const Model& m, const std::string& a, const std::string& b) {
  Ids ids = m.tokenizer.encode(a), more = m.tokenizer.encode(b);
  ids.insert(ids.end(), more.begin(), more.end());
  ids.push_back(256);
  return ids;
}

}  // namespace

TEST_CASE("a short text is one example of all its tokens and an ending token") {
  const Model m = model_of(12);
  const auto e = read(R"({"id":"x","text":"abc"})", m);
  REQUIRE(e.size() == 1);
  CHECK(e[0].id == "x/0");
  CHECK(e[0].tokens == joined(m, "abc", ""));
  CHECK(e[0].learnt[0].first == 1);
  CHECK(e[0].targets() == 3);
}
TEST_CASE("every token of a long text but its first is predicted exactly once, and no piece passes the context") {
  for (std::int64_t context : {1, 2, 3, 7, 12}) {
    const Model m = model_of(context);
    for (std::size_t length = 1; length <= 30; ++length) {
      std::string text;
      for (std::size_t i = 0; i < length; ++i) text += kLetters[i];
      const Ids all = joined(m, text, "");  // length + 1 tokens, all different
      std::vector<int> predicted(257);
      std::size_t at = 0, piece = 0;
      for (const SftExample& e : read("{\"text\":\"" + text + "\"}", m)) {
        CHECK(e.id == "2/" + std::to_string(piece++));
        CHECK(static_cast<std::int64_t>(e.tokens.size()) <= context + 1);
        CHECK(e.learnt[0].first == 1);
        for (std::size_t t = 0; t < e.tokens.size(); ++t) CHECK(e.tokens[t] == all[at + t]);
        for (std::size_t t = 1; t < e.tokens.size(); ++t) ++predicted[static_cast<std::size_t>(e.tokens[t])];
        at += e.tokens.size() - 1;
      }
      CHECK(at == length);
      for (std::size_t t = 0; t < all.size(); ++t) CHECK(predicted[static_cast<std::size_t>(all[t])] == (t > 0));
    }
  }
}
TEST_CASE("a text of one token or none has nothing to predict") {
  CHECK(read(R"({"text":""})", model_of(12)).empty());
  CHECK(read(R"({"text":"a"})", model_of(12)).size() == 1);
  CHECK(read(R"({"text":"a"})", model_of(12, false)).empty());
  CHECK(read(R"({"text":"ab"})", model_of(12, false)).size() == 1);
}
TEST_CASE("of a prompt and its completion the completion's tokens and the ending token count") {
  const Model m = model_of(12);
  const auto e = read(R"({"prompt":"abc","completion":"de"})", m);
  REQUIRE(e.size() == 1);
  CHECK(e[0].id == "2/0");
  CHECK(e[0].tokens == joined(m, "abc", "de"));
  CHECK(e[0].learnt[0].first == 3);
  CHECK(e[0].targets() == 3);
}
TEST_CASE("where the loss is on all, the prompt's tokens count too") {
  const auto e = read(R"({"prompt":"abc","completion":"de"})", model_of(12), true);
  REQUIRE(e.size() == 1);
  CHECK(e[0].learnt[0].first == 1);
  CHECK(e[0].targets() == 5);
}
TEST_CASE("of a dialogue the last answer counts, or all of them, each with its ending token") {
  const Model m = model_of(99);
  const Record r = Record::parse(R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"bc"},
      {"role":"user","content":"d"},{"role":"assistant","content":"e"}]})",
                                 "file: record 2");
  Dialogues dialogues(m, {.format = "zephyr"});
  const auto ids = [&](const std::string& text) { return m.tokenizer.encode(text); };
  Ids want;
  std::vector<std::pair<std::int64_t, std::int64_t>> answers;
  const auto add = [&](const std::string& text, bool answer) {
    const auto begin = std::ssize(want);
    const Ids more = ids(text);
    want.insert(want.end(), more.begin(), more.end());
    if (answer) answers.emplace_back(begin, std::ssize(want));
  };
  const std::string end = m.tokenizer.token_bytes(256);
  add("<|user|>\na" + end + "\n<|assistant|>\n", false);
  add("bc" + end, true);
  add("\n<|user|>\nd" + end + "\n<|assistant|>\n", false);
  add("e" + end, true);
  const auto all = sft_examples(r, "2", m, dialogues, {.all_turns = true});
  REQUIRE(all.size() == 1);
  CHECK(all[0].tokens == want);
  CHECK(all[0].learnt == answers);
  CHECK(all[0].targets() == 5);
  const auto last = sft_examples(r, "2", m, dialogues, {});
  CHECK(last[0].tokens == want);
  CHECK(last[0].learnt == std::vector{answers[1]});
  const auto everything = sft_examples(r, "2", m, dialogues, {.prompt = true});
  CHECK(everything[0].targets() == std::ssize(want) - 1);
}
TEST_CASE("dialogues tell whether one was met, and whether its template asked for the date") {
  const Model m = model_of(99);
  const std::string user = R"({"role":"user","content":"a"})", answer = R"({"role":"assistant","content":"b"})";
  const auto record = [](const std::string& json) { return Record::parse(json, "file: record 1"); };
  const Record asked = record("{\"messages\":[" + user + "],\"response\":\"b\"}");
  const Record answered = record("{\"messages\":[" + user + "," + answer + "],\"prompt\":\"a\"}");
  for (const bool dated : {true, false}) {
    CAPTURE(dated);
    const auto noted = [&](auto read) {
      Dialogues dialogues(m, {.format = dated ? "llama3.1" : "zephyr"});
      CHECK_FALSE((dialogues.met() || dialogues.dated()));
      dialogues.prompt(answered, "prompt");  // a text
      CHECK_FALSE((dialogues.met() || dialogues.dated()));
      read(dialogues);
      CHECK(dialogues.met());
      CHECK(dialogues.dated() == dated);
    };
    noted([&](Dialogues& d) { d.prompt(asked, "messages"); });
    noted([&](Dialogues& d) { d.rendered_again(asked); });
    noted([&](Dialogues& d) { d.answered(answered, "messages"); });
    noted([&](Dialogues& d) { d.pieces(answered, "messages", true); });
  }
}
TEST_CASE("without a prompt the completion's first token has no prediction") {
  const auto e = read(R"({"prompt":"","completion":"de"})", model_of(12));
  REQUIRE(e.size() == 1);
  CHECK(e[0].learnt[0].first == 1);
  CHECK(e[0].targets() == 2);
}
TEST_CASE("an empty completion is its ending token, or nothing where there is none") {
  CHECK(read(R"({"prompt":"abc","completion":""})", model_of(12)).at(0).targets() == 1);
  CHECK(read(R"({"prompt":"abc","completion":""})", model_of(12, false)).empty());
}
TEST_CASE("a completion fits to the context's last token, and one more does not") {
  const Model m = model_of(12);
  CHECK(fits(read(R"({"prompt":"123456","completion":"123456"})", m).at(0), m.config()));
  CHECK(!fits(read(R"({"prompt":"123456","completion":"1234567"})", m).at(0), m.config()));
}
TEST_CASE("records that are neither or both, or have other types, are refused") {
  const std::string want = "file: record 2: must have either \"text\" or \"prompt\" and \"completion\"";
  CHECK(refusal("{}") == want);
  CHECK(refusal(R"({"prompt":"a"})") == want);
  CHECK(refusal(R"({"text":"a","completion":"b"})") == want);
  CHECK(refusal(R"({"completion":"b"})") == "file: record 2: field \"prompt\" is missing");
  CHECK(refusal(R"({"text":3})").rfind("file: record 2: field \"text\" must be", 0) == 0);
  CHECK(refusal(R"({"prompt":"a","completion":[]})") == "file: record 2: field \"completion\" is an empty list");
  CHECK(refusal(R"({"id":3,"text":"a"})").rfind("file: record 2: field \"id\" must be", 0) == 0);
}
