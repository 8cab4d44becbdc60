// The page of a run: what stands where, from hand-made records and figures.
#include <limits>

#include "lib/report/run_page.h"
#include "tests/report/records.h"

using namespace nudge;
using namespace nudge::test;

namespace {

const std::string kEvil = "</script><script>alert(1)</script><img src=x> \x1b[2J \u202e & \"'";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
std::size_t times(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

// Two responses to two prompts with rewards r - 1 and r + 1, 2.5 and -0.25 nats from the reference.
FileReport file(const std::string& name, double r, const std::string& response = "an answer") {
  const ReportPolicies none;
  FileReporter reporter(name, none, 4096, {.answers = true});
  Record a = trajectory("a", {1}, {1, 2}, {-1, -2}, {-1.5, -4}), b = trajectory("b", {1}, {3}, {-0.5}, {-0.25});
  a.set_real("reward", static_cast<float>(r - 1)), b.set_real("reward", static_cast<float>(r + 1));
  for (Record* record : {&a, &b}) {
    record->set_text("response", response), record->set_text("prompt", "a prompt");
    record->set_text("policy", "0123456789abcdef0123456789abcdef");
    reporter.add(*record);
  }
  return reporter.finish();
}

RunReport run_of(const std::string& name, std::vector<double> rewards) {
  std::vector<FileReport> files;
  for (const double r : rewards) files.push_back(file("p" + std::to_string(files.size()), r));
  return run_report(name, std::move(files));
}

MetricSeries metric(const std::string& key, std::vector<double> values) {
  MetricSeries s{.key = key, .x = {}, .values = std::move(values)};
  for (std::size_t i = 0; i < s.values.size(); ++i) s.x.push_back(static_cast<double>(i));
  return s;
}

MetricsHistory log_of(std::vector<MetricSeries> series) {
  MetricsHistory log;
  log.file = "metrics.jsonl", log.x_name = "iteration", log.series = std::move(series);
  return log;
}

std::string page_of(const RunReport& run) { return run_page({&run, 1}, {}); }

}  // namespace

TEST_CASE("the page is whole, fetches nothing and is the same each time") {
  const RunReport run = run_of("", {0, 1, 2});
  const std::string html = page_of(run);
  CHECK(html.starts_with("<!DOCTYPE html>\n"));
  CHECK(html.ends_with("</html>\n"));
  CHECK(has(html, "<title>p0 … p2</title>"));
  for (const char* outside : {"<link", "src=", "url(", "@import"}) CHECK_FALSE(has(html, outside));
  // Namespaces of SVG, which are names and no addresses.
  CHECK(times(html, "http:") + times(html, "https:") == times(html, "http://www.w3.org/2000/svg"));
  CHECK(html == page_of(run));
}

TEST_CASE("points hold means and errors of the files, and their titles two digits of the error") {
  const std::string html = page_of(run_of("", {0.5, 1.5}));
  CHECK(has(html, "data-x=\"0\" data-y=\"0.5\" data-se=\"1\"><title>iteration 0: 0.5"));
  CHECK(has(html, "data-x=\"1\" data-y=\"1.5\" data-se=\"1\"><title>iteration 1: 1.5"));
  CHECK(has(html, "<figcaption>KL from the reference<small>"));
}

TEST_CASE("a file alone has no charts over iterations, and its counts as bars") {
  const std::string html = page_of(run_of("", {0.5}));
  CHECK_FALSE(has(html, "<figcaption>Reward<"));
  CHECK(has(html, "<figcaption>Rewards</figcaption>"));
  CHECK(has(html, "<title>p0</title>"));
}

TEST_CASE("texts of records, names and warnings stay in their places") {
  std::vector<FileReport> files = {file(kEvil, 0, kEvil), file("p1", 1, kEvil)};
  MetricsHistory log = log_of({metric(kEvil, {1, 2})});
  log.file = kEvil;
  log.warnings = {{1, kEvil}};
  log.config = {{kEvil, {{0, kEvil}}}};
  const std::vector<RunReport> runs = {run_report(kEvil, files, log), run_report("b", files, log)};
  for (const std::string& html : {page_of(runs[0]), run_page(runs, {})}) {
    CHECK(times(html, "<script>") == 1);  // ours
    CHECK(times(html, "</script>") == 1);
    CHECK_FALSE(has(html, "<img"));
    CHECK_FALSE(has(html, "\x1b"));
    CHECK_FALSE(has(html, "\u202e"));
    CHECK(has(html, "&lt;/script&gt;&lt;script&gt;alert(1)"));
    CHECK(has(html, "\\x1b[2J \\u202e &amp; &quot;&#39;"));
  }
}

TEST_CASE("a long text is cut at a whole character, and the page says how much is missing") {
  std::string text = "x";
  for (int i = 0; i < 500000; ++i) text += "é";
  const std::string html = page_of(run_report("", {file("p0", 0, text)}));
  CHECK(html.size() < 200000);
  CHECK(has(html, "é<i> … 980002 more bytes</i>"));  // 1,000,001 less 19,999
}

TEST_CASE("warnings are listed with links, and mark the charts at their iteration") {
  RunReport run = run_of("", {0, 1, 2});
  run.metrics = log_of({metric("policy/clipfrac_avg", {0.1, 0.6, 0.2})});
  CHECK_FALSE(has(page_of(run), "id=\"warnings\""));
  run.metrics.warnings = {{1, "the steps are too large"}};
  const std::string html = page_of(run);
  CHECK(has(html, "<h2>1 warning</h2>"));
  CHECK(has(html, "<a href=\"#outcome\">iteration 1</a>: <span class=\"text\" dir=\"auto\">the steps are too large"));
  CHECK(has(html, "<section id=\"outcome\">"));
  const std::string mark = "<a href=\"#warnings\"><g class=\"mark\" data-x=\"1\"><title>iteration 1: the steps are";
  // Reward, KL, length, share cut, entropy, clip fraction.
  CHECK(times(html, mark) == 6);
}

TEST_CASE("metrics are drawn where there are any, and rates where they change") {
  RunReport run = run_of("", {0, 1});
  run.metrics =
      log_of({metric("critic/vf_explained_var", {0.25, 0.5}), metric("lr", {1e-3, 1e-3}), metric("eps", {7, 8})});
  std::string html = page_of(run);
  CHECK(has(html, "<figcaption>Explained variance<small>"));
  CHECK(has(html, "data-x=\"1\" data-y=\"0.5\"><title>iteration 1: 0.5</title>"));
  CHECK_FALSE(has(html, "<figcaption>Learning rate"));
  CHECK_FALSE(has(html, "<figcaption>Clip fraction"));
  const std::size_t others = html.find("<summary>All other metrics</summary>");
  REQUIRE(others != std::string::npos);
  CHECK(html.find("<figcaption>eps</figcaption>") > others);
  run.metrics.series[1].values[1] = 5e-4;
  CHECK(has(page_of(run), "<figcaption>Learning rate</figcaption>"));
}

TEST_CASE("options of the trainer say from when they hold") {
  RunReport run = run_of("", {0, 1});
  run.metrics = log_of({});
  run.metrics.config = {{"--lr", {{0, "0.001"}, {3, "0.0005"}}}, {"--epochs", {{0, "4"}}}};
  const std::string html = page_of(run);
  CHECK(has(html, "<dt>--lr</dt><dd>0.001 from iteration 0, then 0.0005 from iteration 3</dd>"));
  CHECK(has(html, "<dt>--epochs</dt><dd>4</dd>"));
}

TEST_CASE("digests are short, and whole on hover") {
  CHECK(has(page_of(run_of("", {0})),
            "<dt>policy</dt><dd><abbr title=\"0123456789abcdef0123456789abcdef\">01234567</abbr></dd>"));
}

TEST_CASE("fitted curves are drawn, with coefficients and their tops in a table") {
  RunReport run = run_of("", {0, 1});
  FittedCurve fit;
  fit.start = {1.0, 0.5}, fit.alpha = {2.0, 0.5}, fit.beta = {4.0, 0.5};
  fit.least = 0, fit.most = 1, fit.freedom = 3, fit.chi_squared = 2.5;
  fit.top = CurveTop{{0.25, 0.125}, {0.0625, 0.03125}, {8.5, 0.5}};
  fit.form = FittedCurve::Form::kBestOfN;
  run.curves = {{false, {{0, {1.0, 0.5}}, {1, {2.0, 0.5}}}, {"p0", "p1"}, {fit}}};
  std::string html = page_of(run);
  CHECK(has(html, "<figcaption>Reward over √KL<small>"));
  CHECK(has(html, "data-x=\"1\" data-y=\"2\" data-se=\"0.5\"><title>p1: 2"));
  CHECK(has(html, "curve\" data-label=\"best of n: d (α − β d)\""));
  CHECK(has(html, "<tr><td>reward: R₀ + d (α − β d)</td><td>1"));
  CHECK(has(html, "<td>2.5 / 3</td>"));
  CHECK(has(html, "<td>8.5"));
  CHECK_FALSE(has(html, "extrapolated"));
  run.curves[0].fits[0].top_is_beyond = true;
  html = page_of(run);
  CHECK(has(html, " *</td>"));
  CHECK(has(html, "extrapolated"));
  run.curves[0].fits[0].top.reset();
  CHECK(has(page_of(run), "<td>–</td><td>–</td><td>–</td>"));
}

TEST_CASE("positions that fewer than a twentieth of the responses reach are left out") {
  const ReportPolicies none;
  FileReporter reporter("p0", none);
  for (int i = 0; i < 21; ++i) {
    const Ids ids = i == 0 ? Ids{1, 2} : Ids{1};
    reporter.add(trajectory("r" + std::to_string(i), {1}, ids, Numbers(ids.size(), -1), Numbers(ids.size(), -2)));
  }
  CHECK_FALSE(has(page_of(run_report("", {reporter.finish()})), "<title>token 1: "));
  FileReporter most("p0", none);
  for (int i = 0; i < 20; ++i) {
    const Ids ids = i == 0 ? Ids{1, 2} : Ids{1};
    most.add(trajectory("r" + std::to_string(i), {1}, ids, Numbers(ids.size(), -1), Numbers(ids.size(), -2)));
  }
  CHECK(has(page_of(run_report("", {most.finish()})), "<title>token 1: "));
}

TEST_CASE("answers stand side by side under their prompt") {
  const std::string html = page_of(run_of("", {0, 1, 2}));
  CHECK(
      has(html, "<article class=\"prompt\" style=\"--columns: 3\">\n<div class=\"text\" dir=\"auto\">a prompt</div>"));
  CHECK(has(html, "<h4>p1</h4>\n<div class=\"text\" dir=\"auto\">an answer</div>\n<small>reward 0 · "));
}

TEST_CASE("runs are overlaid under their names, with their differences on top and each alone below") {
  const std::vector<RunReport> runs = {run_of("base", {0, 1}), run_of("long", {0, 3})};
  const std::string html = run_page(runs, {});
  CHECK(has(html, "<title>base, long</title>"));
  CHECK(html.find("<h2>Differences</h2>") < html.find("<figcaption>Reward<"));
  // The same prompts: the difference is 2 for both of them.
  CHECK(has(html, "<tr><td>less base</td><td>+2 ± 0</td>"));
  CHECK(has(html, "<g class=\"series s2\" data-label=\"long\">"));
  CHECK(has(html, "data-x=\"1\" data-y=\"3\" data-se=\"1\"><title>long, iteration 1: 3"));
  CHECK(times(html, "<figcaption>Rewards<") == 2);
  CHECK(html.find("<summary>base</summary>") < html.find("<figcaption>Rewards<"));
}
