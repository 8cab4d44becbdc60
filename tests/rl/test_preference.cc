// Preference pairs and rankings as read from records: tokens, and every refusal.
#include "lib/rl/preference.h"

#include "lib/base/error.h"
#include "lib/rl/sft.h"
#include "tests/harness/harness.h"
#include "tests/model/tiny_model.h"
#include "tests/text/characters_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Ids = std::vector<std::int32_t>;

const Model& model() {
  static const Model m = tiny_model(1, 1, {1, 8, 1, 12});
  return m;
}
Ids encoded(const std::string& text, bool ended) {
  Ids ids = model().tokenizer.encode(text);
  if (ended) ids.push_back(256);
  return ids;
}
Ranking read(const std::string& line, const Model& m = model()) {
  return read_ranking(Record::parse(line, "file: record 4"), 4, m);
}
std::string refusal(const std::string& line) {
  try {
    read(line);
  } catch (const Error& e) {
    CHECK(e.status() == Exit::kBadInput);
    return e.what();
  }
  return "nothing thrown";
}
// A pair with token ids that no text of it has, made by the tokenizer of this name.
std::string stored(const std::string& tokenizer, const std::string& ids = "[7,8]") {
  return R"({"prompt":"a","chosen":"b","rejected":"c","prompt_ids":[5,6],"chosen_ids":)" + ids +
         R"(,"rejected_ids":[9],"tokenizer":")" + tokenizer + "\"}";
}

}  // namespace

TEST_CASE("a pair is read with prompt and answers encoded apart and an ending token behind each answer") {
  const Ranking r = read(R"({"id":"x","prompt":"ab ","chosen":"c d","rejected":"","margin":0.5})");
  CHECK(r.id == "x");
  CHECK(r.where == "file: record 4");
  CHECK(r.pair);
  CHECK(r.margin == 0.5f);
  CHECK(r.prompt == encoded("ab ", false));
  CHECK(r.answers == std::vector<Ids>{encoded("c d", true), {256}});
  CHECK(r.longest() == 7);
  CHECK(r.view(0).tokens() == 7);
  CHECK(r.view(1).tokens() == 4);
  CHECK(r.view(0).temperature == 1);
}
TEST_CASE("a pair without an id has its number as one, and no margin asks for none") {
  const Ranking r = read(R"({"prompt":"a","chosen":"b","rejected":"c"})");
  CHECK(r.id == "4");
  CHECK(r.margin == 0);
}
TEST_CASE("whole dialogues without a prompt are read") {
  const Ranking r = read(R"({"chosen":"Human: a","rejected":"Human: b"})");
  CHECK(r.prompt.empty());
  CHECK(r.answers == std::vector<Ids>{encoded("Human: a", true), encoded("Human: b", true)});
}
TEST_CASE("a ranking is read from the best answer to the worst") {
  const Ranking r = read(R"({"prompt":"p","responses":["one","two","","four"]})");
  CHECK_FALSE(r.pair);
  CHECK(r.margin == 0);
  CHECK(r.prompt == encoded("p", false));
  CHECK(r.answers == std::vector<Ids>{encoded("one", true), encoded("two", true), {256}, encoded("four", true)});
  CHECK(r.longest() == 6);
}
TEST_CASE("no ending token is appended where the model has none") {
  Model m = tiny_model(1, 1, {1, 8, 1, 12});
  m.eos.clear();
  CHECK(read(R"({"prompt":"a","chosen":"b","rejected":"c"})", m).answers ==
        std::vector<Ids>{encoded("b", false), encoded("c", false)});
}
TEST_CASE("stored tokens are taken where this tokenizer made them, as they are") {
  const Ranking r = read(stored(model().tokenizer.digest()));
  CHECK(r.prompt == Ids{5, 6});
  CHECK(r.answers == std::vector<Ids>{{7, 8}, {9}});
}
TEST_CASE("stored tokens of another tokenizer, or not all of them, give way to the texts") {
  const std::vector<Ids> texts{encoded("b", true), encoded("c", true)};
  CHECK(read(stored("other")).answers == texts);
  CHECK(read(stored("other")).prompt == encoded("a", false));
  for (const char* key : {"prompt_ids", "chosen_ids", "rejected_ids"}) {
    Record record = Record::parse(stored(model().tokenizer.digest()), "file");
    record.erase(key);
    CHECK(read_ranking(record, 0, model()).answers == texts);
  }
}

TEST_CASE("fields that are missing or of another type are refused") {
  CHECK(refusal(R"({"prompt":"a","rejected":"c"})") == "file: record 4: field \"chosen\" is missing");
  CHECK(refusal(R"({"prompt":"a","chosen":"c"})") == "file: record 4: field \"rejected\" is missing");
  CHECK(refusal(R"({"responses":["a","b"]})") == "file: record 4: field \"prompt\" is missing");
  CHECK(refusal(R"({"prompt":1,"chosen":"b","rejected":"c"})").rfind("file: record 4: field \"prompt\" must be", 0) ==
        0);
  CHECK(refusal(R"({"prompt":"a","responses":"b"})").rfind("file: record 4: field \"responses\" must be", 0) == 0);
  CHECK(refusal(R"({"prompt":"a","chosen":"b","rejected":"c","margin":"1"})")
            .rfind("file: record 4: field \"margin\" must be", 0) == 0);
}
TEST_CASE("a ranking of fewer than two answers is refused") {
  for (const char* list : {"[]", "[\"one\"]"})
    CHECK(refusal(std::string("{\"prompt\":\"a\",\"responses\":") + list + "}") ==
          "file: record 4: field \"responses\" has fewer than two answers");
}
TEST_CASE("stored tokens beyond the vocabulary are refused") {
  CHECK(refusal(stored(model().tokenizer.digest(), "[7,257]")) ==
        "file: record 4: field \"chosen_ids\" contains token 257, beyond the vocabulary");
}
TEST_CASE("a pair without any token is refused") {
  Model m = tiny_model(1, 1, {1, 8, 1, 12});
  m.eos.clear();
  CHECK_THROWS_WITH_AS(read(R"({"prompt":"","chosen":"","rejected":"c"})", m),
                       "file: record 4: prompt and answer are both empty", Error);
  CHECK_THROWS_WITH_AS(read(R"({"prompt":"","responses":["c",""]})", m),
                       "file: record 4: prompt and answer are both empty", Error);
}
TEST_CASE("a pair longer than the context is refused, one as long is not") {
  CHECK_NOTHROW(check_fits(read(R"({"prompt":"12345","chosen":"123456","rejected":""})"), model().config(), "advice"));
  CHECK_THROWS_WITH_AS(
      check_fits(read(R"({"prompt":"12345","chosen":"a","rejected":"1234567"})"), model().config(), "advice"),
      "file: record 4: prompt and answer have 13 tokens, more than the model's context of 12", Error);
}
TEST_CASE("of several ending tokens an answer gets the one that the tokenizer names, else the first") {
  Model m = tiny_model(1, 1, {1, 8, 1, 12});
  m.eos = {7, 256};
  CHECK(read(R"({"prompt":"a","chosen":"b","rejected":"c"})", m).answers[0].back() == 256);
  m.eos = {7, 8};
  CHECK(read(R"({"prompt":"a","chosen":"b","rejected":"c"})", m).answers[0].back() == 7);
}

TEST_CASE("an answer that ends with an ending token gets no second one, in pairs, rankings, completions and texts") {
  const Ids once{encoded("b", true)};
  CHECK(read(R"({"prompt":"a","chosen":"b<|endoftext|>","rejected":"c"})").answers[0] == once);
  CHECK(read(R"({"chosen":"b<|endoftext|>","rejected":"c"})").answers[0] == once);
  CHECK(read(R"({"prompt":"a","responses":["b<|endoftext|>","b"]})").answers == std::vector<Ids>{once, once});
  CHECK(read(R"({"prompt":"a","chosen":"<|endoftext|>","rejected":"c"})").answers[0] == Ids{256});
  // Only at its end is it one.
  CHECK(read(R"({"prompt":"a","chosen":"<|endoftext|>b","rejected":"c"})").answers[0].size() == 3);
  const auto example = [](const std::string& line) {
    return sft_examples(Record::parse(line, "file: record 4"), "4", model()).at(0).tokens;
  };
  CHECK(example(R"({"text":"ab<|endoftext|>"})") == encoded("ab", true));
  CHECK(example(R"({"prompt":"a","completion":"b<|endoftext|>"})") == encoded("ab", true));
  Model llama = tiny_model(1, 1, {1, 8, 1, 12});  // with two ending tokens, of which the text has the other one
  llama.eos = {7, 256};
  const Ids there = read(R"({"prompt":"a","chosen":"b(","rejected":"c"})", llama).answers[0];
  CHECK(there == Ids{encoded("b", false)[0], 7});
}
TEST_CASE("an answer goes on from its prompt: SentencePiece's kind puts no space in front of it") {
  // tokenizers 0.23 on "a bc" and "abc" as wholes; apart from their prompt "a", " bc" and "bc" are these.
  Model m = tiny_model(1, 1, {1, 8, 1, 12});
  m.tokenizer = CharactersFixture().make();
  const Ids a = m.tokenizer.encode("a"), both = m.tokenizer.encode("a bc");
  const Ranking r = read(R"({"prompt":"a","chosen":" bc","rejected":"b"})", m);
  CHECK(r.prompt == a);
  CHECK(r.answers[0] == Ids{259, 266, 256});
  CHECK(r.answers[1] == Ids{261, 256});
  Ids joined = r.prompt;
  joined.insert(joined.end(), {259, 266});
  CHECK(joined == both);
}
