// Charts as inline SVG, complete without a script and in print. Colours are those of colours.css (--series-1 ...), the
// rest of the look is in chart.css; series also differ by dash and marker. report.js shows the numbers at a place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nudge {

// Each marker holds its numbers as JSON writes them in data-x, data-y and data-se, and its text as <title>.
struct ChartPoint {
  double x = 0, y = 0;               // y not finite or beyond 1e307: a gap
  std::optional<double> error = {};  // standard error, drawn from y - error to y + error
  std::string text = {};             // "iteration 3: 0.294 ± 0.012"
};

enum class Draw {
  kLine,     // a line with a band of the errors; a point without neighbours has an error bar
  kScatter,  // markers with error bars
  kCurve,    // a dashed line without markers or errors
};

struct ChartSeries {
  std::string label = {};  // "" for none
  Draw draw = Draw::kLine;
  std::size_t look = 0;  // colour, dash and marker: 0 to 5, then again
  std::vector<ChartPoint> points = {};
};

struct ChartMark {
  double x = 0;
  std::string text = {};  // shown on hover
  std::string link = {};  // "#warnings"; "" for none
};

struct Chart {
  std::string title, caption = {};         // texts
  std::string x_label = {}, y_label = {};  // with units
  bool whole_x = true;                     // x counts something
  bool with_zero = false;                  // the y axis begins at 0 or passes it
  bool log_x = false;                      // the x axis goes by log10; every x is above 0
  std::vector<ChartSeries> series = {};
  std::vector<ChartMark> marks = {};  // vertical lines
};

// At most this many points of a series have markers; beyond, evenly chosen ones do, and a line stands below its running
// mean.
inline constexpr std::size_t kMostMarkers = 120;

// The picture, 420 x 240 units. Without a number to show it says so.
std::string chart_svg(const Chart& chart);
// <figure> with title, picture, legend (where more than one series or a label is) and caption.
std::string chart_figure(const Chart& chart);
// A file of its own: the same picture below its title and above its legend and caption (a line), with the styles that it
// needs.
std::string chart_document(const Chart& chart);

// Counts in the bins between ascending edges, one column per x. More than 100 columns are added up to 100 or fewer.
struct HistogramChart {
  std::string title, caption = {};
  std::string value_label = {};  // of the binned quantity, with its unit
  std::string x_name = "iteration";
  std::string counted = "answers";
  std::vector<double> edges = {};
  std::vector<double> x = {};                          // [column]
  std::vector<std::vector<std::int64_t>> counts = {};  // [column][bin]
  std::vector<std::int64_t> below = {}, above = {};    // [column]: how many of the end bins lie beyond their edges
};

// Columns shaded by the share of their counts in each bin; one column alone: bars.
std::string histogram_figure(const HistogramChart& chart);

}  // namespace nudge
