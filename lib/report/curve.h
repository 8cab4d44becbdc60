// Curves as text for a terminal. The same numbers give the same bytes.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace nudge {

struct Series {
  std::string label;
  std::vector<double> values;  // at x = first_x, first_x + 1, ...; a non-finite value leaves a gap
};

struct PlotStyle {
  std::size_t width = 60;    // columns of the canvas, without the axis; at least 2
  std::size_t height = 12;   // rows of the canvas; at least 2
  bool unicode = true;       // false: ASCII only
  std::string title = {};    // a line above; "" for none
  std::string x_label = {};  // below the axis; "" for none
  long first_x = 0;
};

// Up to six series on shared axes, each with its own mark, and a legend of those with a label. If the longest series
// has more points than the canvas has columns, a column shows the mean of its points; if it has fewer, columns between
// two points are interpolated and drawn smaller. Each line ends with \n. Throws kUsage if the canvas is too small or
// there are too many series. Without finite values: one line that says so.
std::string plot(std::span<const Series> series, const PlotStyle& style);

}  // namespace nudge
