#include "lib/io/summary.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "lib/io/json.h"
#include "lib/io/paint.h"
#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Record record(const std::string& line) { return Record::parse(line, "f: record 1"); }

Summary numbered(int n, SampleOptions options) {
  Summary summary(options);
  for (int i = 0; i < n; ++i) summary.add(record("{\"n\":" + std::to_string(i) + "}"));
  return summary;
}

std::vector<std::int64_t> drawn(const Summary& summary) {
  std::vector<std::int64_t> out;
  for (const Record& r : summary.samples()) out.push_back(r.integer("n"));
  return out;
}

const std::vector<std::string> kPieces{"a", "b", "c", "d"};

}  // namespace

TEST_CASE("moments are those of the textbook") {
  RunningStatistics m;
  CHECK(m.sd() == 0);
  for (const double x : {2., 4., 4., 4., 5., 5., 7., 9.}) m.add(x);
  CHECK(m.n == 8);
  CHECK(m.mean == doctest::Approx(5));
  CHECK(m.sd() == doctest::Approx(2));
  CHECK(m.min == 2);
  CHECK(m.max == 9);
}

TEST_CASE("moments lose nothing far from zero") {
  RunningStatistics m;
  for (int i = 0; i < 1000; ++i) m.add(1e9 + i % 2);
  CHECK(m.sd() == doctest::Approx(0.5).epsilon(1e-6));
}

TEST_CASE("fields are counted by kind, with values and lengths") {
  Summary s;
  s.add(record(R"({"schema":"x/1","t":"äb","l":[1,3],"w":["a"],"m":[1,"a"],"b":true,"o":{},"z":null,"n":2,"e":[]})"));
  s.add(record(R"({"t":5,"n":4})"));
  CHECK(s.records() == 2);
  CHECK(s.schemas() == std::map<std::string, std::int64_t>{{"", 1}, {"x/1", 1}});
  std::map<std::string, FieldSummary> by_key;
  for (const FieldSummary& f : s.fields()) by_key[f.key] = f;
  CHECK(by_key["t"].kinds == std::map<std::string, std::int64_t>{{"number", 1}, {"text", 1}});
  CHECK(by_key["t"].lengths.max == 2);  // characters, not bytes
  CHECK(by_key["l"].kinds.count("numbers") == 1);
  CHECK(by_key["l"].values.mean == 2);
  CHECK(by_key["l"].lengths.mean == 2);
  CHECK(by_key["w"].kinds.count("texts") == 1);
  CHECK(by_key["m"].kinds.count("list") == 1);
  CHECK(by_key["m"].values.n == 0);
  CHECK(by_key["b"].kinds.count("boolean") == 1);
  CHECK(by_key["o"].kinds.count("object") == 1);
  CHECK(by_key["z"].kinds.count("null") == 1);
  CHECK(by_key["e"].kinds.count("list") == 1);
  CHECK(by_key["n"].records == 2);
  CHECK(by_key["n"].values.mean == 3);
}

TEST_CASE("the number of described fields is bounded") {
  Summary s;
  for (int i = 0; i < 1500; ++i) s.add(record("{\"k" + std::to_string(i) + "\":1}"));
  CHECK(s.fields().size() == Summary::kMostFields);
  CHECK(s.fields_left_out() == 500);
  CHECK(describe_fields(s).find("further fields are not described") != std::string::npos);
}

TEST_CASE("samples are the first records, or drawn by the seed") {
  CHECK(drawn(numbered(10, {})).empty());
  CHECK(drawn(numbered(10, {3, false, 0})) == std::vector<std::int64_t>{0, 1, 2});
  CHECK(drawn(numbered(2, {3, false, 0})) == std::vector<std::int64_t>{0, 1});
  const auto one = drawn(numbered(1000, {5, true, 1})), two = drawn(numbered(1000, {5, true, 2}));
  CHECK(one.size() == 5);
  CHECK(std::is_sorted(one.begin(), one.end()));
  CHECK(one == drawn(numbered(1000, {5, true, 1})));
  CHECK(one != two);
}

TEST_CASE("each record is drawn equally often") {
  std::vector<int> times(20);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    for (const std::int64_t n : drawn(numbered(20, {5, true, seed}))) ++times[static_cast<std::size_t>(n)];
  }
  for (const int n : times) CHECK(std::abs(n - 500) < 100);  // 5 standard deviations
}

TEST_CASE("the report tells format, completeness, marks and damage") {
  WriterOptions options = to_file(scratch("report.zst"));
  options.shard = 1, options.shards = 4;
  write_lines(options, sample_lines(3));
  ReaderOptions salvage;
  salvage.salvage = true;
  const std::string whole = describe_streams(read_all({scratch("report.zst")}, salvage).streams);
  CHECK(whole.find("zstd, 3 records") != std::string::npos);
  CHECK(whole.find("in 1 frame, whole") != std::string::npos);
  CHECK(whole.find("finished by test, 3 records, shard 1 of 4, digest d1") != std::string::npos);
  const std::string cut = bytes_of(scratch("report.zst"));
  make_file("report.zst", cut.substr(0, cut.size() - 1));
  const std::string damaged = describe_streams(read_all({scratch("report.zst")}, salvage).streams);
  CHECK(damaged.find("DAMAGED") != std::string::npos);
  CHECK(damaged.find("truncated within a mark") != std::string::npos);
  const std::string foreign = make_file("report2.zst", foreign_frame("{}\n"));
  CHECK(describe_streams(read_all({foreign}).streams).find("no marks: compressed by other software") !=
        std::string::npos);
  const std::string plain = make_file("report.jsonl", "{}\n");
  CHECK(describe_streams(read_all({plain}).streams).find("plain, 1 record, 3 bytes, whole") != std::string::npos);
}

TEST_CASE("the JSON report is JSON with the same numbers, also where sums overflow") {
  Summary s({1, false, 0});
  s.add(record(R"({"x":1.5})"));
  s.add(record(R"({"x":1e308,"y":-1e308})"));
  s.add(record(R"({"x":-1e308,"y":1e308})"));
  std::string json = summary_json(s, {});
  std::erase(json, '\n');
  const Record r = record(json);
  CHECK(r.integer("records") == 3);
  CHECK(r.raw("fields").find("\"sd\": null") != std::string::npos);
  CHECK(r.raw("samples").find("{\"x\":1.5}") != std::string::npos);
}

TEST_CASE("token values: log-probs, advantages, and KL as their difference") {
  const Record r =
      record(R"({"response_ids":[1,2],"logprobs":[-1,-2],"ref_logprobs":[-3,-1.5],"advantages":[0.5,-1]})");
  CHECK(token_values(r, TokenValue::kLogProbs) == std::vector<float>{-1, -2});
  CHECK(token_values(r, TokenValue::kAdvantages) == std::vector<float>{0.5f, -1});
  CHECK(token_values(r, TokenValue::kKl) == std::vector<float>{2, -0.5f});
  CHECK(token_values(record("{}"), TokenValue::kLogProbs).empty());
  CHECK(token_values(record(R"({"response_ids":[1],"logprobs":[-1]})"), TokenValue::kKl).empty());
  const Record bad = record(R"({"response_ids":[1,2],"logprobs":[-1]})");
  CHECK(outcome_of([&] { token_values(bad, TokenValue::kLogProbs); }).status == 65);
  CHECK(describe_record(bad, 0, true, TokenValue::kLogProbs).find("must have as many numbers") != std::string::npos);
}

TEST_CASE("token values: values, mask, one number for all tokens, and ratios of log-probs by exp") {
  const Record r = record(
      R"({"response_ids":[1,2],"logprobs":[-1,-2],"new_logprobs":[-0.5,-3],"values":[0.25,-4],"advantages":2.5,"loss_mask":[0,1]})");
  CHECK(token_values(r, TokenValue::kValues) == std::vector<float>{0.25f, -4});
  CHECK(token_values(r, TokenValue::kMask) == std::vector<float>{0, 1});
  CHECK(token_values(r, TokenValue::kAdvantages) == std::vector<float>{2.5f, 2.5f});
  CHECK(token_values(r, TokenValue::kRatio) == std::vector<float>{1.64872127f, 0.36787944f});  // e^0.5, e^-1
  const Record old = record(R"({"response_ids":[1],"logprobs":[-1],"old_logprobs":[-0.5],"new_logprobs":[-0.5]})");
  CHECK(token_values(old, TokenValue::kRatio) == std::vector<float>{1});
  const Record given = record(R"({"response_ids":[1],"ratio":[1.25],"logprobs":[-1],"new_logprobs":[-3]})");
  CHECK(token_values(given, TokenValue::kRatio) == std::vector<float>{1.25f});
  const Record unprompted =
      record(R"({"prompt_ids":[],"response_ids":[5,6],"ratio":[2],"loss_mask":[0],"values":[3]})");
  CHECK(token_values(unprompted, TokenValue::kRatio) == std::vector<float>{1, 2});
  CHECK(token_values(unprompted, TokenValue::kMask) == std::vector<float>{1, 0});
  CHECK(token_values(unprompted, TokenValue::kValues) == std::vector<float>{0, 3});
}

TEST_CASE("a ratio of 1 and a mask of 1 have no colour") {
  const Record r = record(R"({"response_ids":[5,6,7],"ratio":[1,0.5,1.5],"loss_mask":[1,0,1]})");
  CHECK(painted_tokens(r, TokenValue::kRatio, {}) == "5 \x1b[30;48;5;203m6 \x1b[0m\x1b[30;48;5;77m7 \x1b[0m");
  CHECK(painted_tokens(r, TokenValue::kMask, {}) == "5 \x1b[30;48;5;203m6 \x1b[0m7 ");
  CHECK(painted_tokens(r, TokenValue::kValues, {}).empty());
}

TEST_CASE("colours deepen with the distance from 0, red below and green above") {
  const std::vector<float> values{0, -8, 8, -2};
  const std::string painted = paint(kPieces, values, 8);
  CHECK(painted == "a\x1b[30;48;5;203mb\x1b[0m\x1b[30;48;5;77mc\x1b[0m\x1b[30;48;5;224md\x1b[0m");
  CHECK(paint(kPieces, std::vector<float>{-100, 0, 0, 0}, 8).find("48;5;203") != std::string::npos);
}

TEST_CASE("a record is shown field by field, cut at the width, coloured only when asked") {
  const Record r = record(R"({"id":"ääääää","response_ids":[5,6],"logprobs":[-9,-0.1]})");
  CHECK(describe_record(r, 4, false, TokenValue::kLogProbs) ==
        "  id: \"äää...\n  response_ids: [5,6...\n  logprobs: [-9,...\n");
  CHECK(describe_record(r, 0, true, TokenValue::kLogProbs).find("\x1b[30;48;5;203m5 \x1b[0m6 ") != std::string::npos);
  CHECK(describe_record(r, 0, true, TokenValue::kAdvantages).find('\x1b') == std::string::npos);
}

TEST_CASE("a newline in a name forges no line of the report") {
  Summary summary;
  summary.add(record(R"({"schema":"s\nforged: 1 record","a\n  b  number: 7":1,"c\u001b[31m":2})"));
  const std::string fields = describe_fields(summary);
  CHECK(std::count(fields.begin(), fields.end(), '\n') == 4);
  CHECK(fields.find("  a\\n  b  number: 7  number: 1\n") != std::string::npos);
  CHECK(fields.find("  c\\x1b[31m ") != std::string::npos);
  StreamInfo stream;
  stream.name = "f\ng: plain, 5 records";
  stream.marks.resize(1);
  stream.marks[0].closing = true, stream.marks[0].program = "p\nq";
  stream.damage = {stream.name + ": empty input"};
  const std::string streams = describe_streams({stream});
  CHECK(std::count(streams.begin(), streams.end(), '\n') == 3);
  CHECK(streams.find("f\\ng: plain, 5 records: plain, 0 records") == 0);
  const std::string sample = describe_record(record(R"({"x\ny":1})"), 0, false, TokenValue::kLogProbs);
  CHECK(sample == "  x\\ny: 1\n");
  CHECK(paint(std::vector<std::string>{"a\nb"}, std::vector<float>{0}, 1) == "a\\nb");
}

TEST_CASE("behind an empty prompt lists are one shorter, and the first token has no colour") {
  const Record r = record(R"({"prompt_ids":[],"response_ids":[5,6,7],"logprobs":[-9,-0.1],"ref_logprobs":[-9,-1]})");
  CHECK(token_values(r, TokenValue::kLogProbs) == std::vector<float>{0, -9, -0.1f});
  CHECK(token_values(r, TokenValue::kKl) == std::vector<float>{0, 0, -0.1f - -1.0f});
  CHECK(describe_record(r, 0, true, TokenValue::kLogProbs).find("  5 \x1b[30;48;5;203m6 \x1b[0m7 \n") !=
        std::string::npos);
  const Record whole = record(R"({"prompt_ids":[],"response_ids":[5],"logprobs":[-1]})");
  CHECK(outcome_of([&] { token_values(whole, TokenValue::kLogProbs); }).message.find("one number fewer") !=
        std::string::npos);
  const Record prompted = record(R"({"prompt_ids":[1],"response_ids":[5,6],"logprobs":[-1]})");
  CHECK(outcome_of([&] { token_values(prompted, TokenValue::kLogProbs); }).status == 65);
}

TEST_CASE("a list's shape tells numbers, texts and anything else") {
  const Record r = record(R"({"n":[1,-2.5],"t":["a"],"m":[1,"a"],"o":[{}],"e":[],"x":3})");
  CHECK(r.list_shape("n").kind == '0');
  CHECK(r.list_shape("n").size == 2);
  CHECK(r.list_shape("t").kind == '"');
  CHECK(r.list_shape("m").kind == '?');
  CHECK(r.list_shape("o").kind == '?');
  CHECK(r.list_shape("e").size == 0);
  CHECK(outcome_of([&] { r.list_shape("x"); }).status == 65);
  CHECK(r.numbers("n") == std::vector<double>{1, -2.5});
  CHECK(outcome_of([&] { r.numbers("t"); }).status == 65);
}
