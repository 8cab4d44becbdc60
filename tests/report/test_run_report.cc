// Curves, comparisons, histograms, metrics and answers of a run. The numbers of the first two are of
// tests/report/over_optimisation.py.
#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "lib/report/run_sections.h"
#include "tests/report/records.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Json = simdjson::dom::element;

Json oracle(simdjson::dom::parser& parser) { return parser.load("tests/report/over_optimisation.json"); }

bool near(double got, double want) { return std::fabs(got - want) <= 1e-9 * (1 + std::fabs(want)); }

void check_estimate(const Estimate& got, double mean, double error) {
  CHECK(near(got.mean.value(), mean));
  CHECK(near(got.standard_error.value(), error));
}

void check_top(const FittedCurve& curve, Json want) {
  REQUIRE(curve.top.has_value() == !want.is_null());
  if (!curve.top) return;
  const Estimate* const got[] = {&curve.top->distance, &curve.top->kl, &curve.top->reward};
  for (std::size_t k = 0; k < 3; ++k) check_estimate(*got[k], want.at(k).at(0), want.at(k).at(1));
  CHECK(curve.top_is_beyond == (double(want.at(0).at(0)) > curve.most));
}

// A file with a reward for each answer to each prompt.
FileReport rewarded(Json prompts) {
  std::vector<Record> records;
  for (const auto [group, rewards] : simdjson::dom::object(prompts)) {
    std::size_t n = 0;
    for (const Json reward : simdjson::dom::array(rewards)) {
      records.push_back(trajectory(std::string(group) + "/" + std::to_string(n++), {1}, {2, 3}));
      records.back().set_real("reward", 0);
      records.back().set_number("gold", double(reward));
      records.back().set_reals("logprobs", std::vector<float>{-1, -1});
    }
  }
  return report_of(records);
}

FileReport answered(const std::string& name, const std::vector<std::string>& groups) {
  const ReportPolicies none;
  Collect collect;
  collect.answers = true;
  FileReporter reporter(name, none, 4096, collect);
  for (const std::string& group : groups) {
    Record r = trajectory(group + "/0", {1}, {2}, {-1});
    r.set_text("prompt", "prompt of " + group), r.set_text("response", "answer of " + name);
    reporter.add(r);
  }
  return reporter.finish();
}

}  // namespace

TEST_CASE("fitted curves, their errors and their tops are those of another program") {
  simdjson::dom::parser parser;
  std::size_t tops = 0;
  for (const Json c : simdjson::dom::array(oracle(parser)["curves"])) {
    std::vector<RewardPoint> points;
    for (const Json p : simdjson::dom::array(c["points"]))
      points.push_back({p.at(0), {double(p.at(1)), double(p.at(2))}});
    for (const Json want : simdjson::dom::array(c["fits"])) {
      const bool best = std::string_view(want["form"]) == "best_of_n";
      const auto curve = fit(best ? FittedCurve::Form::kBestOfN : FittedCurve::Form::kReinforcement, points);
      REQUIRE(curve);
      check_estimate(curve->start, want["values"].at(0), want["errors"].at(0));
      check_estimate(curve->alpha, want["values"].at(1), want["errors"].at(1));
      check_estimate(curve->beta, want["values"].at(2), want["errors"].at(2));
      CHECK(near(curve->chi_squared, want["chi_squared"]));
      CHECK(curve->freedom == points.size() - 3);
      check_top(*curve, want["top"]);
      tops += curve->top.has_value();
    }
  }
  CHECK(tops >= 4);
}

TEST_CASE("a curve goes through points of its own form, and needs four distances with errors") {
  std::vector<RewardPoint> points;
  for (const double d : {0.0, 0.5, 1.0, 2.0}) points.push_back({d, {0.25 + d * (2 - 0.5 * d), 0.125}});
  const auto curve = fit(FittedCurve::Form::kBestOfN, points);
  REQUIRE(curve);
  CHECK(near(curve->at(3), 0.25 + 3 * (2 - 1.5)));
  CHECK(near(*curve->top->distance.mean, 2));
  CHECK(curve->chi_squared < 1e-20);
  points[3].distance = 1;
  CHECK(!fit(FittedCurve::Form::kBestOfN, points));
  points[3] = {2, {2.25, 0}};  // no error: no weight
  CHECK(!fit(FittedCurve::Form::kBestOfN, points));
  points[3] = {2, {INFINITY, 0.125}};
  CHECK(!fit(FittedCurve::Form::kReinforcement, points));
}

TEST_CASE("runs that answered the same prompts are paired by prompt, others are independent") {
  simdjson::dom::parser parser;
  const Json root = oracle(parser);
  for (const char* kind : {"paired", "independent"}) {
    const Json want = root[kind];
    const FileReport a = rewarded(want["runs"].at(0)), b = rewarded(want["runs"].at(1));
    const std::span<const FileReport> runs[] = {{&a, 1}, {&b, 1}};
    const RunDifferences d = run_differences(runs);
    const auto gold = std::ranges::find(d.figures, "gold", &RunFigure::key);
    REQUIRE(gold != d.figures.end());
    check_estimate(gold->last_difference[1], want["difference"], want["error"]);
    check_estimate(gold->mean_difference[1], want["difference"], want["error"]);
    CHECK(!gold->last_difference[0].mean);
    const bool paired = std::string(kind) == "paired";
    CHECK(d.shared_prompts[1] == (paired ? 12 : 0));
    if (!paired)
      for (std::size_t i = 0; i < 2; ++i) CHECK(near(gold->last[i].standard_error.value(), want["errors"].at(i)));
    const auto entropy = std::ranges::find(d.figures, "entropy", &RunFigure::key);
    REQUIRE(entropy != d.figures.end());
    CHECK(*entropy->last[0].mean == 1);
    CHECK(std::ranges::find(d.figures, "kl", &RunFigure::key) == d.figures.end());  // no reference
  }
}

TEST_CASE("the mean over a run's files is that of the files' means, and a run against itself differs by 0") {
  simdjson::dom::parser parser;
  const Json runs = oracle(parser)["paired"]["runs"];
  const std::vector<FileReport> files = {rewarded(runs.at(0)), rewarded(runs.at(1))};
  const std::span<const FileReport> both[] = {files, files};
  const RunDifferences d = run_differences(both);
  const auto gold = std::ranges::find(d.figures, "gold", &RunFigure::key);
  CHECK(near(*gold->mean[0].mean, (*files[0].gold().mean + *files[1].gold().mean) / 2));
  CHECK(near(*gold->last[0].mean, *files[1].gold().mean));
  CHECK(*gold->mean_difference[1].mean == 0);
  CHECK(*gold->mean_difference[1].standard_error == 0);
}

TEST_CASE("where some files are the best of n, each curve is fitted to its own kind, by the bound on their KL") {
  std::vector<FileReport> files;
  for (int i = 0; i < 10; ++i) {
    std::vector<Record> records;
    const float gap = i < 5 ? static_cast<float>(i) / 4 : 0;
    for (int k = 0; k < 2; ++k) {
      records.push_back(trajectory("p/" + std::to_string(k), {1}, {2}, {-1}, {-1 - gap}));
      records.back().set_real("reward", static_cast<float>(i + k));
      if (i >= 5) records.back().set_integer("best_of", std::int64_t{2} << (i - 5));
    }
    files.push_back(report_of(records));
  }
  const RunReport run = run_report("", files);
  REQUIRE(run.curves.size() == 1);
  CHECK(!run.curves[0].gold);
  CHECK(run.curves[0].points.size() == 10);
  CHECK(near(run.curves[0].points[7].distance, std::sqrt(std::log(8.0) - 7.0 / 8)));
  REQUIRE(run.curves[0].fits.size() == 2);
  CHECK(run.curves[0].fits[0].form == FittedCurve::Form::kReinforcement);
  CHECK(run.curves[0].fits[0].points == 5);
  CHECK(run.curves[0].fits[1].points == 6);  // with the file at distance 0
  CHECK(near(run.curves[0].fits[1].most, std::sqrt(std::log(32.0) - 31.0 / 32)));
}

TEST_CASE("bins lie between round numbers and hold every number once") {
  const std::vector<std::vector<double>> sets = {{0.11, 0.5, 0.93}, {0.3, 0.3, 1.02}};
  const Histogram h = histogram(sets);
  CHECK(h.edges.front() == 0.1);
  CHECK(h.edges[4] == 0.3);  // 0.1 + 4 * 0.05, without its rounding
  CHECK(h.edges.size() >= 11);
  CHECK(h.edges.size() <= 31);
  CHECK(h.counts[1][4] == 2);
  for (const auto& counts : h.counts) {
    std::int64_t sum = 0;
    for (const std::int64_t n : counts) sum += n;
    CHECK(sum == 3);
  }
  CHECK(h.below == std::vector<std::int64_t>{0, 0});
  CHECK(h.above == std::vector<std::int64_t>{0, 0});
}

TEST_CASE("whole numbers have bins of whole widths, equal ones a bin, and none none") {
  const std::vector<std::vector<double>> lengths = {{3, 4, 5, 5}};
  const Histogram h = histogram(lengths);
  CHECK(h.edges == std::vector<double>{3, 4, 5, 6});
  CHECK(h.counts[0] == std::vector<std::int64_t>{1, 1, 2});
  const std::vector<std::vector<double>> equal = {{2.5, 2.5}};
  const Histogram one = histogram(equal);
  std::int64_t sum = 0;
  for (const std::int64_t n : one.counts[0]) sum += n;
  CHECK(sum == 2);
  const std::vector<std::vector<double>> empty = {{}, {}};
  CHECK(histogram(empty).edges.empty());
}

TEST_CASE("a few numbers far out are in the end bins, which say so") {
  std::vector<std::vector<double>> ratios(1);
  for (int i = 0; i <= 1000; ++i) ratios[0].push_back(0.5 + i / 1000.0);
  ratios[0].push_back(1e6), ratios[0].push_back(INFINITY), ratios[0].push_back(-1e6);
  const Histogram h = histogram(ratios);
  CHECK(h.edges.back() < 5);
  CHECK(h.edges.front() > -5);
  CHECK(h.above[0] == 2);
  CHECK(h.below[0] == 1);
  CHECK(h.counts[0].back() == 2);
}

TEST_CASE("metrics are series by key, updates between iterations, the last line of an iteration counting") {
  const MetricsHistory log = read_metrics("m.jsonl", R"({"iteration":0,"update":1,"loss/policy":3,"val/ratio":1}
{"iteration":0,"update":2,"loss/policy":2,"val/ratio":1.5}
{"iteration":0,"loss/policy_avg":9,"val/ratio":7,"text":"x","config":{"lr":0.5,"schedule":"constant"}}

{"iteration":1,"loss/policy_avg":null,"warnings":["old"]}
{"iteration":1,"loss/policy_avg":4,"warnings":["a","b"],"config":{"lr":0.25,"schedule":"constant"}}
)");
  CHECK(log.x_name == "iteration");
  REQUIRE(log.series.size() == 2);
  CHECK(log.series[0].key == "loss/policy_avg");
  CHECK(log.series[0].x == std::vector<double>{0, 1});
  CHECK(log.series[0].values == std::vector<double>{9, 4});
  CHECK(log.find("val/ratio")->values == std::vector<double>{7});
  CHECK(log.find("text") == nullptr);
  REQUIRE(log.updates.size() == 2);
  CHECK(log.updates[0].x == std::vector<double>{0, 0.5});
  CHECK(log.updates[0].values == std::vector<double>{3, 2});
  REQUIRE(log.warnings.size() == 2);
  CHECK(log.warnings[1].text == "b");
  CHECK(log.warnings[1].x == 1);
  REQUIRE(log.config.size() == 2);
  CHECK(log.config[0].values == std::vector<std::pair<double, std::string>>{{0, "0.5"}, {1, "0.25"}});
  CHECK(log.config[1].values.size() == 1);
}

TEST_CASE("metrics of other trainers go by step, others' by line; what is no metrics file is named with its line") {
  CHECK(read_metrics("m", "{\"step\":5,\"loss\":1}\n{\"step\":6,\"loss\":null}").x_name == "step");
  const MetricsHistory lines = read_metrics("m", "{\"loss\":1}\n{\"loss\":2}");
  CHECK(lines.x_name == "line");
  CHECK(lines.series[0].x == std::vector<double>{1, 2});
  CHECK_THROWS_WITH_AS(read_metrics("m.jsonl", "{\"a\":1}\n[1]\n"), doctest::Contains("m.jsonl: line 2"), Error);
  CHECK_THROWS_WITH_AS(read_metrics("m", "{\"iteration\":\"x\"}"), doctest::Contains("m: line 1: field \"iteration\""),
                       Error);
  CHECK_THROWS_WITH_AS(read_metrics("m", "{\"iteration\":0,\"update\":0}"), doctest::Contains("below 1"), Error);
  CHECK_THROWS_WITH_AS(read_metrics("m", "{\"config\":3}"), doctest::Contains("not an object"), Error);
}

TEST_CASE("answers to common prompts stand side by side, of the first, middle and last file") {
  const std::vector<std::string> prompts = {"p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12"};
  std::vector<FileReport> files;
  for (int i = 0; i < 5; ++i) files.push_back(answered("f" + std::to_string(i), prompts));
  const RunReport run = run_report("", files);
  CHECK(run.answers.files == std::vector<std::string>{"f0", "f2", "f4"});
  CHECK(run.answers.same_prompts);
  REQUIRE(run.answers.rows.size() == 10);
  CHECK(run.answers.rows.front()[0].group == "p1");
  CHECK(run.answers.rows.back()[2].group == "p12");
  CHECK(run.answers.rows[3][1].response == "answer of f2");
  CHECK(run.answers.rows[3][1].prompt == run.answers.rows[3][0].prompt);
}

TEST_CASE("without common prompts each file shows its own") {
  const RunReport run = run_report("", {answered("f0", {"a", "b", "c"}), answered("f1", {"d", "e"})});
  CHECK(!run.answers.same_prompts);
  REQUIRE(run.answers.rows.size() == 2);
  CHECK(run.answers.rows[1][0].group == "c");
  CHECK(run.answers.rows[1][1].group == "e");
}

TEST_CASE("the tokens that moved most come first, whatever the order of records") {
  std::vector<Record> records;
  for (int i = 0; i < 30; ++i) {
    const float step = static_cast<float>(i) / 8;
    records.push_back(trajectory("r/" + std::to_string(i), {1}, {7, 8}, {-4, -4}, {-4 - step, -4 + step}));
  }
  const FileReport r = report_of(records);
  std::ranges::reverse(records);
  const FileReport reversed = report_of(records);
  REQUIRE(r.tokens_moved.size() == kShownTokens);
  CHECK(r.tokens_moved[0].id == "r/29");
  CHECK(r.tokens_moved[0].position == 0);
  CHECK(r.tokens_moved[0].token_id == 7);
  CHECK(r.tokens_moved[0].difference == 3.625);
  CHECK(r.tokens_moved[1].difference == -3.625);
  CHECK(r.tokens_moved[19].id == "r/20");
  CHECK(json_of(reversed) == json_of(r));
}
