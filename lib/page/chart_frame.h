// The picture around a chart's series: axes, ticks, labels. Internal to lib/page.
#pragma once

#include <string>
#include <vector>

#include "lib/page/axis.h"

namespace nudge {

struct ChartRange {
  double low, high;
  bool whole;        // counts
  bool log = false;  // 0 < low; places are those of log10
};

// Places are in the picture's units, y from the top.
struct ChartFrame {
  double left = 0, right = 0, top = 0, bottom = 0;
  Axis x, y;
  std::string x_label, y_label;

  double x_of(double v) const { return x.place(v, left + kInset, right - kInset); }
  double y_of(double v) const { return y.place(v, bottom, top); }

  static constexpr double kInset = 6;  // so that no marker stands on an axis
};

// Room is left for the tick labels; along x there are as many as fit.
ChartFrame chart_frame(const ChartRange& x, const ChartRange& y, const std::string& x_label,
                       const std::string& y_label);

// Where axes are drawn otherwise: a frame with the y axis alone.
ChartFrame frame_around(Axis y, const std::string& x_label, const std::string& y_label);

std::string frame_svg(const ChartFrame& frame);   // grid, axes, labels
std::string y_axis_svg(const ChartFrame& frame);  // grid and labels of y
std::string x_tick_svg(const ChartFrame& frame, double place, const std::string& label);
std::string axis_lines_svg(const ChartFrame& frame);  // the axes and their titles

double text_width(const std::string& text);  // about; of UTF-8 in the picture's letters

std::string svg_begin(const std::string& title, const std::string& kind);  // with <title>
std::string no_data_svg();

struct DocumentKey {
  std::string svg;  // around (0, 0), 28 units wide
  std::string label;
};
// A whole file: a chart's content with its title above, its legend and caption below.
std::string document_svg(const std::string& title, const std::string& content, const std::vector<DocumentKey>& keys,
                         const std::string& caption);

std::string figure_html(const std::string& title, const std::string& inside, const std::string& caption);

}  // namespace nudge
