// Records to examples: text, prompts and completions, pairs, rankings and samples, as tokens.
#include <cmath>

#include "lib/base/error.h"
#include "lib/run/new_model.h"
#include "lib/run/rm_run.h"
#include "lib/run/sft_run.h"
#include "tests/harness/harness.h"
#include "tests/rl/tiny.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Record record(const std::string& json) { return Record::parse(json, "in: record 1"); }

std::vector<std::int32_t> joined(const Model& m, const std::string& a, const std::string& b) {
  auto tokens = m.tokenizer.encode(a);
  for (std::int32_t t : m.tokenizer.encode(b)) tokens.push_back(t);
  tokens.push_back(m.eos.front());
  return tokens;
}

SftData data_of(const std::vector<std::string>& lines, const Model& m, SftRunOptions options = {}) {
  std::vector<Record> all;
  for (const std::string& line : lines)
    all.push_back(Record::parse(line, "in: record " + std::to_string(all.size() + 1)));
  Dialogues dialogues(m, {});
  return sft_data(all, m, dialogues, options, "in");
}

}  // namespace

TEST_CASE("all tokens of a text count but the first, the ending token among them") {
  const Model m = tiny_model(HeadKind::kLanguage, 1);
  const auto e = sft_examples(record(R"({"text":"abab cd"})"), "7", m);
  REQUIRE(e.size() == 1);
  CHECK(e[0].tokens == joined(m, "abab cd", ""));
  CHECK(e[0].learnt[0].first == 1);
  CHECK(e[0].id == "7/0");
}

TEST_CASE("a long text is cut into pieces in which every token but the first is predicted once") {
  const Model m = tiny_model(HeadKind::kLanguage, 1);
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>('e' + i % 20);
  const auto all = joined(m, text, "");
  const auto pieces = sft_examples(record("{\"text\":\"" + text + "\"}"), "7", m);
  REQUIRE(pieces.size() == 3);  // 101 tokens, 100 of them predicted, 40 a piece
  std::vector<std::int32_t> predicted;
  for (const SftExample& e : pieces) {
    CHECK(fits(e, m.config()));
    predicted.insert(predicted.end(), e.tokens.begin() + e.learnt[0].first, e.tokens.end());
  }
  CHECK(predicted == std::vector<std::int32_t>(all.begin() + 1, all.end()));
  CHECK(pieces[1].tokens.front() == pieces[0].tokens.back());
}

TEST_CASE("prompt and completion are encoded apart, and the completion's tokens count") {
  const Model m = tiny_model(HeadKind::kLanguage, 1);
  const Record r = record(R"({"prompt":"aba","completion":"b cd"})");
  const auto e = sft_examples(r, "7", m), all = sft_examples(r, "7", m, {.prompt = true});
  CHECK(e[0].tokens == joined(m, "aba", "b cd"));
  CHECK(e[0].learnt[0].first == static_cast<std::int64_t>(m.tokenizer.encode("aba").size()));
  CHECK(all[0].tokens == e[0].tokens);
  CHECK(all[0].learnt[0].first == 1);
}

TEST_CASE("an empty prompt leaves the completion's first token without a prediction") {
  const Model m = tiny_model(HeadKind::kLanguage, 1);
  const auto e = sft_examples(record(R"({"prompt":"","completion":"xyz"})"), "7", m);
  CHECK(e[0].learnt[0].first == 1);
  CHECK(e[0].targets() == 3);
}

TEST_CASE("a record with neither or both of text and completion is refused") {
  const Model m = tiny_model(HeadKind::kLanguage, 1);
  CHECK_THROWS_AS(sft_examples(record(R"({"a":"b"})"), "0", m), Error);
  CHECK_THROWS_AS(sft_examples(record(R"({"text":"b","completion":"c","prompt":"d"})"), "0", m), Error);
  CHECK_THROWS_WITH(sft_examples(record(R"({"completion":"b"})"), "0", m), "in: record 1: field \"prompt\" is missing");
}

TEST_CASE("what fits a context is one token longer, for the last one predicts nothing") {
  const Model m = tiny_model(HeadKind::kLanguage, 1);
  const auto line = [](int n) {
    return "{\"prompt\":\"e\",\"completion\":\"" + std::string(static_cast<std::size_t>(n), 'f') + "\"}";
  };
  CHECK(data_of({line(39)}, m).examples[0].tokens.size() == 41);
  CHECK_THROWS_AS(data_of({line(40)}, m), Error);
  SftRunOptions skip;
  skip.training.skip_long = true;
  const SftData data = data_of({line(40), line(39)}, m, skip);
  CHECK(data.skipped == 1);
  CHECK(data.records == 2);
  CHECK(data.examples.size() == 1);
  CHECK_THROWS_WITH(data_of({line(40)}, m, skip), "in: holds no token to predict");
}

TEST_CASE("the order in which records with ids arrive makes no difference") {
  const Model m = tiny_model(HeadKind::kLanguage, 1);
  const std::string a = R"({"id":"a","text":"abcd"})", b = R"({"id":"b","text":"bcda"})";
  const std::string c = R"({"id":"10","text":"x"})";
  const auto first = data_of({a, b, c}, m).examples, second = data_of({c, b, a}, m).examples;
  REQUIRE(first.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(first[i].tokens == second[i].tokens);
  CHECK(first[2].id == "10/0");
}

TEST_CASE("records without ids keep their order") {
  const Model m = tiny_model(HeadKind::kLanguage, 1);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < 12; ++i) lines.push_back("{\"text\":\"" + std::string(i + 1, 'x') + "\"}");
  const auto examples = data_of(lines, m).examples;
  for (std::size_t i = 0; i < 12; ++i) CHECK(examples[i].tokens.size() == i + 2);
}

TEST_CASE("a pair's answers get an ending token, its prompt none") {
  const Model m = tiny_model(HeadKind::kScore, 1);
  const Ranking r = read_ranking(record(R"({"prompt":"ab","chosen":"cd","rejected":"dc","margin":2})"), 3, m);
  CHECK(r.id == "3");
  CHECK(r.margin == 2);
  CHECK(r.prompt == m.tokenizer.encode("ab"));
  CHECK(r.answers[0] == joined(m, "cd", ""));
  CHECK(r.answers[1] == joined(m, "dc", ""));
}

TEST_CASE("a pair's tokens are taken where the tokenizer made them, and else its texts") {
  const Model m = tiny_model(HeadKind::kScore, 1);
  const auto line = [](const std::string& digest) {
    return R"({"prompt":"ab","chosen":"cd","rejected":"dc","prompt_ids":[1],"chosen_ids":[2,3],"rejected_ids":[4],)"
           R"("tokenizer":")" +
           digest + "\"}";
  };
  CHECK(read_ranking(record(line(m.tokenizer.digest())), 0, m).answers[0] == std::vector<std::int32_t>{2, 3});
  CHECK(read_ranking(record(line("other")), 0, m).answers[0] == joined(m, "cd", ""));
}

TEST_CASE("whole dialogues without a prompt, and rankings, are read") {
  const Model m = tiny_model(HeadKind::kScore, 1);
  CHECK(read_ranking(record(R"({"chosen":"cd","rejected":"dc"})"), 0, m).prompt.empty());
  const Ranking r = read_ranking(record(R"({"id":"q","prompt":"ab","responses":["x","y","z"]})"), 0, m);
  CHECK(r.answers.size() == 3);
  CHECK(r.id == "q");
  CHECK_FALSE(r.pair);
}

TEST_CASE("rankings of one answer, and answers without any token, are refused") {
  Model m = tiny_model(HeadKind::kScore, 1);
  CHECK_THROWS_WITH(read_ranking(record(R"({"prompt":"ab","responses":["x"]})"), 0, m),
                    "in: record 1: field \"responses\" has fewer than two answers");
  m.eos.clear();
  CHECK_THROWS_AS(read_ranking(record(R"({"prompt":"","responses":["x",""]})"), 0, m), Error);
  CHECK_THROWS_AS(read_ranking(record(R"({"prompt":"","chosen":"","rejected":"x"})"), 0, m), Error);
}

TEST_CASE("samples are refused where they are another tokenizer's, empty, unknown or too long") {
  const Model m = tiny_model(HeadKind::kScore, 1);
  const auto read = [&](const std::string& json, bool skip = false) {
    return reward_samples({record(json)}, m, skip, "in").size();
  };
  CHECK(read(R"({"prompt_ids":[1],"response_ids":[2]})") == 1);
  CHECK_THROWS_AS(read(R"({"prompt_ids":[1],"response_ids":[2],"tokenizer":"x"})"), Error);
  CHECK_THROWS_AS(read(R"({"prompt_ids":[1],"response_ids":[]})"), Error);
  CHECK_THROWS_AS(read(R"({"prompt_ids":[1],"response_ids":[261]})"), Error);
  CHECK_THROWS_AS(read(R"({"response_ids":[2]})"), Error);
  std::string many = "[1";
  for (int i = 0; i < 40; ++i) many += ",1";
  CHECK_THROWS_WITH(read(R"({"prompt_ids":[],"response_ids":)" + many + "]}"),
                    "in: record 1: prompt and response have 41 tokens, more than the context of 40");
  CHECK_THROWS_WITH(read(R"({"prompt_ids":[],"response_ids":)" + many + "]}", true),
                    "in: none of its trajectories fits the context");
}

TEST_CASE("a new model has the sizes asked for, an ending token, and learns its tokens from all three fields") {
  NewModelOptions options;
  options.layers = 3;
  options.width = 24;
  options.heads = 2;
  options.context = 50;
  options.vocab = 260;
  const std::vector<Record> records = {record(R"({"text":"qqqqqqqq"})"),
                                       record(R"({"prompt":"zzzzzz","completion":"qqqq"})")};
  const Model m = new_model(options, records, 4);
  CHECK(m.config().layers == 3);
  CHECK(m.config().width == 24);
  CHECK(m.config().heads == 2);
  CHECK(m.config().context == 50);
  CHECK(m.config().vocab == 260);
  CHECK(m.config().eos == 258);
  CHECK(m.eos == std::vector<std::int32_t>{258});
  CHECK(m.config().pad == 259);
  CHECK(m.tokenizer.encode("qq").size() == 1);
  CHECK(m.tokenizer.encode("zz").size() == 1);
  CHECK(model_digest(m.transformer) != model_digest(new_model(options, records, 5).transformer));
  options.heads = 5;
  CHECK_THROWS_WITH(new_model(options, records, 4), "--width 24 is not a multiple of --heads 5");
}

TEST_CASE("held-out statistics of pairs are the calibration's, and of rankings have errors by ranking") {
  const Calibration pairs = judge({{1, 0}, {0, 2}, {3, 1}});
  CHECK(pairs.pairs == 3);
  CHECK(*pairs.accuracy.mean == doctest::Approx(2.0 / 3));
  CHECK(*pairs.accuracy.standard_error == doctest::Approx(std::sqrt(2.0 / 27)));
  CHECK(*pairs.margin.mean == doctest::Approx(1.0 / 3));
  // 3 + 1 pairs, 2 + 0 of them right: m = 1/2, residuals 1/2 and -1/2, error sqrt(2/1 (1/4 + 1/4))/4.
  const Calibration rankings = judge({{3, 1, 2}, {0, 1}});
  CHECK(rankings.pairs == 4);
  CHECK(*rankings.accuracy.mean == doctest::Approx(0.5));
  CHECK(*rankings.accuracy.standard_error == doctest::Approx(0.25));
}

TEST_CASE("held-out accuracy leaves out identical answers, its error too, and is absent where all are") {
  const auto ranking = [](std::vector<std::vector<std::int32_t>> answers) {
    Ranking r;
    r.answers = std::move(answers);
    return r;
  };
  // Two pairs that are judged, right and wrong, and one that isn't: 1/2 +- sqrt(1/4/2).
  const std::vector<Ranking> with = {ranking({{1}, {2}}), ranking({{3}, {3}}), ranking({{1}, {2}})};
  const Calibration pairs = judge({{1, 0}, {2, 2}, {0, 1}}, with);
  CHECK(pairs.pairs == 3);
  CHECK(pairs.identical == 1);
  CHECK(*pairs.accuracy.mean == 0.5);
  CHECK(*pairs.accuracy.standard_error == doctest::Approx(std::sqrt(0.125)));
  // Of a ranking of three with one answer twice 2 of 3 pairs are judged, both right; the pair is wrong: m = 2/3,
  // residuals 2 - 4/3 and 0 - 2/3, error sqrt(2/1 (4/9 + 4/9))/3. The identical pair is no ranking among them.
  const std::vector<Ranking> mixed = {ranking({{1}, {2}, {2}}), ranking({{3}, {4}}), ranking({{5}, {5}})};
  const Calibration rankings = judge({{3, 1, 1}, {0, 1}, {2, 2}}, mixed);
  CHECK(rankings.pairs == 5);
  CHECK(rankings.identical == 2);
  CHECK(*rankings.accuracy.mean == doctest::Approx(2.0 / 3));
  CHECK(*rankings.accuracy.standard_error == doctest::Approx(4.0 / 9));
  const Calibration none = judge({{1, 1}, {2, 2}}, std::vector<Ranking>{with[1], with[1]});
  CHECK(none.identical == 2);
  CHECK_FALSE(none.accuracy.mean.has_value());
  CHECK_FALSE(none.accuracy.standard_error.has_value());
  CHECK(*none.log_loss.mean == doctest::Approx(std::log(2.0)));
  CHECK(report_lines(none)[0].starts_with("held-out: 2 pairs, 2 of them identical, accuracy ?, margin 0"));
}
