#include <algorithm>
#include <cstdint>
#include <numeric>

#include "lib/page/axis.h"
#include "lib/page/chart.h"
#include "lib/page/chart_frame.h"
#include "lib/page/html.h"

namespace nudge {
namespace {

constexpr std::size_t kMostColumns = 100;

struct Column {
  double first, last;  // x
  std::vector<std::int64_t> counts;
  std::int64_t below = 0, above = 0;
  std::int64_t total() const { return std::accumulate(counts.begin(), counts.end(), std::int64_t{0}); }
};

// Neighbours added up where there are too many.
std::vector<Column> columns_of(const HistogramChart& chart) {
  const std::size_t n = chart.counts.size(), each = (n + kMostColumns - 1) / kMostColumns;
  std::vector<Column> columns;
  for (std::size_t i = 0; i < n; ++i) {
    if (i % each == 0) columns.push_back({chart.x[i], chart.x[i], std::vector<std::int64_t>(chart.counts[i].size())});
    Column& column = columns.back();
    column.last = chart.x[i];
    for (std::size_t b = 0; b < chart.counts[i].size(); ++b) column.counts[b] += chart.counts[i][b];
    if (i < chart.below.size()) column.below += chart.below[i];
    if (i < chart.above.size()) column.above += chart.above[i];
  }
  return columns;
}

std::string range_text(double a, double b) { return plain_number(a) + " to " + plain_number(b); }

// "iteration 3, 0.2 to 0.4: 12 of 300 answers (4 %), 2 of them lower".
std::string cell_text(const HistogramChart& chart, const Column& c, std::size_t bin) {
  const std::string name = c.first == c.last ? chart.x_name + " " + plain_number(c.first)
                                             : chart.x_name + "s " + range_text(c.first, c.last);
  std::string text = name + ", " + range_text(chart.edges[bin], chart.edges[bin + 1]) + ": " +
                     std::to_string(c.counts[bin]) + " of " + std::to_string(c.total()) + " " + chart.counted + " (" +
                     plain_number(100 * static_cast<double>(c.counts[bin]) / static_cast<double>(c.total()), 2) + " %)";
  if (bin == 0 && c.below > 0) text += ", " + std::to_string(c.below) + " of them lower";
  if (bin + 1 == c.counts.size() && c.above > 0) text += ", " + std::to_string(c.above) + " of them higher";
  return text;
}

std::string box(double x, double y, double width, double height, const std::string& attributes,
                const std::string& text) {
  return "<rect x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" width=\"" + coordinate(width) + "\" height=\"" +
         coordinate(height) + "\"" + attributes + "><title>" + escaped(text) + "</title></rect>\n";
}

std::string counted_attribute(std::int64_t n) { return " data-count=\"" + std::to_string(n) + "\""; }

double largest_share(const std::vector<Column>& columns) {
  double most = 0;
  for (const Column& c : columns)
    for (const std::int64_t n : c.counts)
      if (n > 0) most = std::max(most, static_cast<double>(n) / static_cast<double>(c.total()));
  return most;
}

// Labels of columns: every 1, 2, 5, 10, ... so that they don't touch.
std::size_t label_step(const std::vector<Column>& columns, double width) {
  double widest = 0;
  for (const Column& c : columns) widest = std::max(widest, text_width(plain_number(c.first)));
  for (std::size_t step = 1;; step *= 10)
    for (const std::size_t m : {1, 2, 5})
      if (static_cast<double>(step * m) * width >= widest + 8 || step * m >= columns.size()) return step * m;
}

// Round ticks inside [low, high], which the axis fills.
Axis axis_within(double low, double high) {
  Axis axis = round_axis(low, high, 6), inside{.low = low, .high = high, .ticks = {}, .labels = {}};
  for (std::size_t k = 0; k < axis.ticks.size(); ++k)
    if (axis.ticks[k] >= low && axis.ticks[k] <= high)
      inside.ticks.push_back(axis.ticks[k]), inside.labels.push_back(axis.labels[k]);
  return inside;
}

std::string strip_svg(const HistogramChart& chart, const std::vector<Column>& columns) {
  ChartFrame frame =
      frame_around(axis_within(chart.edges.front(), chart.edges.back()), chart.x_name, chart.value_label);
  const double width = (frame.right - frame.left) / static_cast<double>(columns.size());
  const double most = largest_share(columns);
  std::string svg = svg_begin(chart.title, "chart strip") + y_axis_svg(frame);
  const std::size_t step = label_step(columns, width);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& c = columns[i];
    const double x = frame.left + width * static_cast<double>(i);
    for (std::size_t b = 0; b < c.counts.size(); ++b) {
      if (c.counts[b] == 0) continue;
      const auto edge = [&](std::size_t k) { return frame.y_of(chart.edges[k]); };
      const double share = static_cast<double>(c.counts[b]) / static_cast<double>(c.total());
      svg += box(x, edge(b + 1), std::max(width - 1, width * 0.9), edge(b) - edge(b + 1),
                 " fill-opacity=\"" + coordinate(0.06 + 0.94 * share / most) + "\"" + counted_attribute(c.counts[b]),
                 cell_text(chart, c, b));
    }
    if (i % step == 0) svg += x_tick_svg(frame, x + width / 2, plain_number(c.first));
  }
  return svg + axis_lines_svg(frame) + "</svg>\n";
}

std::string bars_svg(const HistogramChart& chart, const Column& c) {
  const auto most = static_cast<double>(*std::ranges::max_element(c.counts));
  ChartFrame frame =
      chart_frame({chart.edges.front(), chart.edges.back(), false}, {0, most, true}, chart.value_label, chart.counted);
  std::string svg = svg_begin(chart.title, "chart strip") + frame_svg(frame);
  for (std::size_t b = 0; b < c.counts.size(); ++b) {
    if (c.counts[b] == 0) continue;
    const auto edge = [&](std::size_t k) { return frame.x_of(chart.edges[k]); };
    const double top = frame.y_of(static_cast<double>(c.counts[b]));
    svg += box(edge(b), top, edge(b + 1) - edge(b) - 0.5, frame.bottom - top, counted_attribute(c.counts[b]),
               cell_text(chart, c, b));
  }
  return svg + "</svg>\n";
}

}  // namespace

std::string histogram_figure(const HistogramChart& chart) {
  std::vector<Column> columns = columns_of(chart);
  const double most = largest_share(columns);
  if (!(most > 0))
    return figure_html(chart.title, svg_begin(chart.title, "chart") + no_data_svg() + "</svg>\n", chart.caption);
  if (columns.size() == 1) return figure_html(chart.title, bars_svg(chart, columns[0]), chart.caption);
  const std::string scale = "Darkest: " + plain_number(100 * most, 2) + " % of a column.";
  return figure_html(chart.title, strip_svg(chart, columns),
                     chart.caption.empty() ? scale : chart.caption + " " + scale);
}

}  // namespace nudge
