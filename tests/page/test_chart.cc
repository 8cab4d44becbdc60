// Charts: ticks, places and gaps by numbers calculated by hand.
#include <cmath>
#include <limits>

#include "lib/page/axis.h"
#include "lib/page/chart.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

using Labels = std::vector<std::string>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

Chart line(const std::vector<double>& values, std::optional<double> error = {}) {
  Chart chart{.title = "t"};
  chart.series.push_back({});
  for (std::size_t i = 0; i < values.size(); ++i)
    chart.series[0].points.push_back({static_cast<double>(i), values[i], error, "i " + std::to_string(i)});
  return chart;
}

}  // namespace

TEST_CASE("ticks are multiples of 1, 2 or 5 times a power of ten, with the range between the first and the last") {
  CHECK(round_axis(0.072, 0.6859, 6).labels == Labels{"0", "0.2", "0.4", "0.6", "0.8"});
  CHECK(round_axis(0, 1, 6).labels == Labels{"0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(round_axis(1, 3, 6).labels == Labels{"1.0", "1.5", "2.0", "2.5", "3.0"});
  CHECK(round_axis(-1.86, 0.52, 6).labels == Labels{"−2", "−1", "0", "1"});  // by halves there would be seven
  CHECK(round_axis(12.9, 18.9, 6).labels == Labels{"12", "14", "16", "18", "20"});
  CHECK(round_axis(0, 35210, 6).labels == Labels{"0", "10,000", "20,000", "30,000", "40,000"});
  CHECK(round_axis(1e-5, 3e-5, 6).labels == Labels{"1e−5", "1.5e−5", "2e−5", "2.5e−5", "3e−5"});
  CHECK(round_axis(0.3, 0.6, 6).labels == Labels{"0.3", "0.4", "0.5", "0.6"});  // 0.6 / 0.1 is 5.999...
}

TEST_CASE("ticks are the doubles that their labels say") {
  const Axis axis = round_axis(0.1, 0.7, 8);
  REQUIRE(axis.labels == Labels{"0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"});
  CHECK(axis.ticks == std::vector<double>{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7});
}

TEST_CASE("ticks of logarithms are 1, 2 and 5 times a power of ten, fewer over many decades, or the ends") {
  CHECK(log_axis(1, 100, 9).labels == Labels{"1", "2", "5", "10", "20", "50", "100"});
  CHECK(log_axis(1, 100, 9).ticks ==
        std::vector<double>{0, std::log10(2.0), std::log10(5.0), 1, std::log10(20.0), std::log10(50.0), 2});
  CHECK(log_axis(1, 100, 9).place(1, 0, 50) == 25);  // 10 in the middle
  CHECK(log_axis(2e-5, 1e-3, 5).labels == Labels{"3e−5", "1e−4", "3e−4", "1e−3"});
  CHECK(log_axis(1, 1e6, 9).labels == Labels{"1", "10", "100", "1000", "10,000", "100,000", "1,000,000"});
  CHECK(log_axis(1, 1e9, 3).labels == Labels{"1", "1e9"});
  CHECK(log_axis(21, 49, 9).labels == Labels{"21", "49"});
  CHECK(log_axis(7, 7, 9).labels == Labels{"7"});
  CHECK(log_axis(7, 7, 9).place(std::log10(7.0), 0, 100) == doctest::Approx(50));
}

TEST_CASE("an axis of counts has whole ticks, and one for a single count") {
  CHECK(round_axis(0, 5, 9, true).labels == Labels{"0", "1", "2", "3", "4", "5"});
  CHECK(round_axis(0, 2, 9, true).labels == Labels{"0", "1", "2"});
  CHECK(round_axis(0, 999, 9, true).labels == Labels{"0", "200", "400", "600", "800", "1000"});
  const Axis one = round_axis(3, 3, 9, true);
  CHECK(one.labels == Labels{"3"});
  CHECK(one.place(3, 0, 100) == 50);
}

TEST_CASE("equal, tiny and huge numbers have an axis, and none have that from 0 to 1") {
  CHECK(round_axis(0.1, 0.1, 6).labels == Labels{"0.090", "0.095", "0.100", "0.105", "0.110"});
  CHECK(round_axis(0.1, 0.1, 6).place(0.1, 0, 100) == doctest::Approx(50));
  CHECK(round_axis(0, 0, 6).labels == Labels{"−1.0", "−0.5", "0", "0.5", "1.0"});
  CHECK(round_axis(-1e300, 1e300, 6).labels == Labels{"−1e300", "−5e299", "0", "5e299", "1e300"});
  CHECK(round_axis(1, 1 + 1e-15, 6).labels.size() >= 3);
  CHECK(round_axis(0, 1e-310, 6).low < 0);
  CHECK(round_axis(kNan, 2, 6).high == 1);
  CHECK(round_axis(INFINITY, -INFINITY, 6).low == 0);
  for (const double size : {1e-299, 1e-30, 1e-4, 7.0, 1e15, 1e306}) {
    const Axis axis = round_axis(size, size * 1.5, 6);
    CHECK(axis.low <= size * (1 + 1e-9));
    CHECK(axis.high >= size * 1.5 * (1 - 1e-9));
    CHECK(axis.ticks.size() >= 3);
    CHECK(axis.ticks.size() <= 6);
  }
}

TEST_CASE("numbers are written as a person reads them") {
  CHECK(plain_number(0.25) == "0.25");
  CHECK(plain_number(-12000) == "−12,000");
  CHECK(plain_number(1800) == "1800");
  CHECK(plain_number(123456.7, 2) == "123,457");
  CHECK(plain_number(3e-6) == "3e−6");
  CHECK(plain_number(2.5e20) == "2.5e20");
  CHECK(plain_number(kNan) == "?");
  CHECK(plain_number(-INFINITY) == "−∞");
  CHECK(coordinate(-0.001) == "0");
  CHECK(coordinate(26.50) == "26.5");
}

// The plot reaches from 26 to 204 below the top, and to 408. It begins at 28, or further right where labels need it;
// numbers stand 6 inside.
TEST_CASE("points stand where the scale says, and hold their numbers") {
  const std::string svg = chart_svg(line({1, 3, 2}, 0.25));
  // y from 0.75 to 3.25: 0.5, 1.0, ... 3.5 would be too many ticks. 0, 1, 2, 3, 4, 44.5 apart.
  CHECK(holds(svg, "<path class=\"point\" transform=\"translate(34 159.5)\""));
  CHECK(holds(svg, "translate(218 70.5)"));  // 34 + 368/2
  CHECK(holds(svg, "translate(402 115)"));
  CHECK(holds(svg, "data-x=\"1\" data-y=\"3\" data-se=\"0.25\"><title>i 1</title>"));
  CHECK(holds(svg, "<path class=\"line\" d=\"M34 159.5L218 70.5L402 115\"/>"));
  // A quarter is 11.125 high.
  CHECK(holds(svg, "<path class=\"band\" d=\"M34 148.38L218 59.38L402 103.88L402 126.12L218 81.62L34 170.62z\"/>"));
  const std::string narrow = chart_svg(line({1, 3}));  // labels "1.5" of three letters: 3 * 6.7 + 10 = 30.1
  CHECK(holds(narrow, "<path class=\"line\" d=\"M36.1 204L402 26\"/>"));
  CHECK_FALSE(holds(narrow, "band"));
  CHECK_FALSE(holds(narrow, "data-se"));
}

TEST_CASE("a gap cuts line and band, and a point alone has an error bar") {
  const std::string svg = chart_svg(line({0, 4, kNan, 2, kNan, INFINITY, 1e308}, 0.0));
  CHECK(count_of(svg, "class=\"point\"") == 3);
  CHECK(holds(svg, "<path class=\"line\" d=\"M34 204L95.33 26\"/>"));  // six steps over 368
  const std::string alone = chart_svg(line({kNan, 2, kNan}, 1.0));     // ticks 1.0, 1.5, ... 3.0
  CHECK(holds(alone, "<path class=\"error\" d=\"M219.05 204V26\"/>"));
  CHECK_FALSE(holds(alone, "class=\"line\""));
}

TEST_CASE("a chart without a number says so") {
  CHECK(holds(chart_svg(line({})), ">no data</text>"));
  CHECK(holds(chart_svg(line({kNan, kNan})), ">no data</text>"));
  CHECK(holds(chart_svg(Chart{.title = "t"}), ">no data</text>"));
}

TEST_CASE("an axis asked to hold zero begins there") {
  Chart chart = line({3, 4});
  CHECK_FALSE(holds(chart_svg(chart), "text-anchor=\"end\">0</text>"));
  chart.with_zero = true;
  CHECK(holds(chart_svg(chart), "y=\"208\" text-anchor=\"end\">0</text>"));
}

TEST_CASE("of a thousand points sixty have markers, and the script gets all") {
  std::vector<double> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 7);
  const std::string svg = chart_svg(line(values));
  CHECK(count_of(svg, "class=\"point\"") == 60);
  CHECK(holds(svg, "data-x=\"0\""));
  CHECK(holds(svg, "data-x=\"999\""));
  CHECK(count_of(svg, "&quot;i ") == 1000);
  CHECK(svg.size() < 120000);
  values.resize(120);
  CHECK(count_of(chart_svg(line(values)), "class=\"point\"") == 120);
}

TEST_CASE("series differ by look, and the legend names those that are drawn") {
  Chart chart = line({1, 2});
  CHECK_FALSE(holds(chart_figure(chart), "legend"));
  chart.series[0].label = "a<b";
  chart.series.push_back({"fit", Draw::kCurve, 1, {{0, 1, {}, ""}, {1, 2, {}, ""}}});
  chart.series.push_back({"none", Draw::kLine, 2, {{0, kNan, {}, ""}}});
  chart.series.push_back({"seventh", Draw::kScatter, 6, {{0, 1, 0.5, "p"}}});
  const std::string html = chart_figure(chart);
  CHECK(holds(html, "<span class=\"text\" dir=\"auto\">a&lt;b</span>"));
  CHECK(holds(html, "<title>a&lt;b, i 0</title>"));
  CHECK(count_of(html, "<li>") == 3);
  CHECK(holds(html, "<g class=\"series s2 curve\" data-label=\"fit\">"));
  CHECK(holds(html, "<g class=\"series s1\" data-label=\"seventh\">\n<path class=\"error\""));
  CHECK(count_of(html, "data-y=") == 3);  // a curve has no markers
}

TEST_CASE("marks at one place are one line with all texts and a link") {
  Chart chart = line({1, 2, 3});
  chart.marks = {{1, "first", "#w"}, {1, "second <", "#w2"}, {9, "outside", "#w"}};
  const std::string svg = chart_svg(chart);
  CHECK(count_of(svg, "class=\"mark\"") == 1);
  CHECK(holds(svg, "<a href=\"#w\"><g class=\"mark\" data-x=\"1\"><title>first\nsecond &lt;</title>"));
  CHECK_FALSE(holds(svg, "outside"));
}

TEST_CASE("a strip is darkest where the share is largest, and names the counts") {
  HistogramChart chart{.title = "h", .value_label = "reward", .edges = {0, 1, 2}, .x = {0, 1}};
  chart.counts = {{1, 3}, {4, 0}};
  chart.below = {1, 0};
  const std::string html = histogram_figure(chart);
  CHECK(count_of(html, "<rect ") == 3);
  CHECK(holds(html, "<title>iteration 0, 0 to 1: 1 of 4 answers (25 %), 1 of them lower</title>"));
  CHECK(holds(html, "<title>iteration 1, 0 to 1: 4 of 4 answers (100 %)</title>"));
  CHECK(holds(html, "fill-opacity=\"1\" data-count=\"4\""));
  CHECK(holds(html, "Darkest: 100 % of a column."));
  chart.counts = {{0, 0}, {0, 0}};
  CHECK(holds(histogram_figure(chart), "no data"));
}

TEST_CASE("one column alone is drawn as bars, and a thousand are added up to a hundred") {
  HistogramChart chart{.title = "h", .edges = {0, 1, 2}, .x = {0}, .counts = {{2, 4}}};
  const std::string bars = histogram_figure(chart);
  CHECK(holds(bars, "y=\"26\""));  // 4 of 4 on the axis
  CHECK(holds(bars, "y=\"115\""));
  chart.x.clear(), chart.counts.clear();
  for (int i = 0; i < 1000; ++i) chart.x.push_back(i), chart.counts.push_back({1, 0});
  const std::string many = histogram_figure(chart);
  CHECK(count_of(many, "<rect ") == 100);
  CHECK(holds(many, "<title>iterations 990 to 999, 0 to 1: 10 of 10 answers (100 %)</title>"));
}

TEST_CASE("a logarithmic chart places points by their logarithm and keeps their numbers") {
  Chart chart{.title = "t", .whole_x = false, .log_x = true};
  chart.series.push_back({.points = {{1, 0}, {10, 0}, {100, 4}}});
  chart.marks = {{10, "ten", ""}, {1000, "outside", ""}};
  const std::string svg = chart_svg(chart);
  // The middle of 28 + 6 to 408 - 6.
  CHECK(holds(svg, "translate(218 204)\" d=\"M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0\" data-x=\"10\""));
  CHECK(holds(svg, "data-x=\"100\" data-y=\"4\""));
  CHECK(holds(svg, "M218 26V204"));
  CHECK(!holds(svg, "outside"));
}

TEST_CASE("a chart's own file has styles, title, legend and the same picture") {
  Chart chart = line({1, 2, 3});
  chart.title = "a < b";
  chart.series[0].label = "first & last";
  const std::string document = chart_document(chart), svg = chart_svg(chart);
  CHECK(document.starts_with("<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(document.ends_with("</svg>\n"));
  CHECK(holds(document, "--series-1: "));
  CHECK(holds(document, "prefers-color-scheme: dark"));
  CHECK(holds(document, ">a &lt; b</text>"));
  CHECK(holds(document, ">first &amp; last</text>"));
  const std::size_t inside = svg.find('\n') + 1;
  CHECK(holds(document, svg.substr(inside, svg.rfind("</svg>") - inside)));
  // A name of nine letters takes 9 * 6.7 + 32 units and a gap of 18: three stand in a line, twelve in four of 18 units.
  const auto height = [](const std::string& text) { return std::stod(text.substr(text.find("-8 0 436 ") + 9)); };
  for (int i = 0; i < 11; ++i)
    chart.series.push_back({.label = "series " + std::to_string(10 + i), .points = {{0, 1}}});
  CHECK(height(chart_document(chart)) == height(document) + 3 * 18);
}
