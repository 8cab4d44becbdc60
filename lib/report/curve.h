// Curves as text for a terminal. The same numbers give the same bytes.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace nudge {

struct Series {
  std::string label;
  std::vector<double> values;  // by x = first_x, first_x + 1, ...; what is not finite leaves a gap
};

struct PlotStyle {
  std::size_t width = 60;    // columns of the canvas, without the axis; at least 2
  std::size_t height = 12;   // rows of the canvas; at least 2
  bool unicode = true;       // false: ASCII alone
  std::string title = {};    // a line above, where not empty
  std::string x_label = {};  // below the axis, where not empty
  long first_x = 0;
};

// Up to six series over one pair of axes, each with its own mark, and a legend of those with a label. Where the
// longest series has more points than the canvas columns, a column shows the mean of its points; where it has
// fewer, the places between two points are interpolated and drawn smaller. Each line ends with \n.
// Throws kUsage for a canvas too small or too many series. Without a finite number: one line saying so.
std::string plot(std::span<const Series> series, const PlotStyle& style);

}  // namespace nudge
