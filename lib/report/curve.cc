#include "lib/report/curve.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "lib/base/error.h"

namespace nudge {
namespace {

struct Glyphs {
  const char* marks[6];
  const char *between, *wall, *tick, *corner, *floor;
};
constexpr Glyphs kUnicode = {{"●", "○", "▲", "△", "■", "□"}, "·", "│", "┤", "└", "─"};
constexpr Glyphs kAscii = {{"*", "o", "+", "x", "#", "@"}, ".", "|", "+", "+", "-"};
constexpr double kGap = std::numeric_limits<double>::quiet_NaN();

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool empty() const { return low > high; }
  bool flat() const { return high / 2 == low / 2; }  // too narrow for fraction()
  void take(double v) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  }
  // 0 at low to 1 at high. Halved, so that the widest range does not overflow.
  double fraction(double v) const { return (v / 2 - low / 2) / (high / 2 - low / 2); }
};

// The mean of the finite values in [begin, end), or a gap.
double mean_of(const std::vector<double>& values, std::size_t begin, std::size_t end) {
  double sum = 0, n = 0;
  for (std::size_t i = begin; i < std::min(end, values.size()); ++i)
    if (std::isfinite(values[i])) sum += values[i], n += 1;
  return n > 0 ? sum / n : kGap;
}

// Averages a series on an axis of `longest` points down to at most `columns` points.
std::vector<double> squeeze(const std::vector<double>& values, std::size_t longest, std::size_t columns) {
  if (longest <= columns) return values;
  std::vector<double> out;
  for (std::size_t c = 0; c < columns; ++c)
    out.push_back(mean_of(values, c * longest / columns, (c + 1) * longest / columns));
  return out;
}

std::size_t rounded(double x) { return static_cast<std::size_t>(std::floor(x + 0.5)); }

class Canvas {
 public:
  Canvas(std::size_t width, std::size_t height, const Range& range)
      : width_(width), height_(height), range_(range), cells_(width * height, " ") {}

  // Draw the points of a series, or the lines between them. The axis has `longest` points.
  void draw_points(const std::vector<double>& points, std::size_t longest, const char* mark) {
    for (std::size_t i = 0; i < points.size(); ++i)
      if (std::isfinite(points[i])) cell(column(i, longest), points[i]) = mark;
  }
  void draw_between(const std::vector<double>& points, std::size_t longest, const char* between) {
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
      if (!std::isfinite(points[i]) || !std::isfinite(points[i + 1])) continue;
      const std::size_t from = column(i, longest), to = column(i + 1, longest);
      for (std::size_t c = from + 1; c < to; ++c) {
        const double share = static_cast<double>(c - from) / static_cast<double>(to - from);
        cell(c, points[i] * (1 - share) + points[i + 1] * share) = between;
      }
    }
  }
  // Row r from the top, without trailing spaces.
  std::string row(std::size_t r) const {
    std::size_t end = width_;
    while (end > 0 && *cells_[r * width_ + end - 1] == ' ') --end;
    std::string text;
    for (std::size_t c = 0; c < end; ++c) text += cells_[r * width_ + c];
    return text;
  }

 private:
  std::size_t column(std::size_t i, std::size_t longest) const {
    if (longest < 2) return 0;
    return rounded(static_cast<double>(i) * static_cast<double>(width_ - 1) / static_cast<double>(longest - 1));
  }
  const char*& cell(std::size_t c, double v) {
    const std::size_t above_floor = rounded(range_.fraction(v) * static_cast<double>(height_ - 1));
    return cells_[(height_ - 1 - std::min(above_floor, height_ - 1)) * width_ + c];
  }
  std::size_t width_, height_;
  Range range_;
  std::vector<const char*> cells_;
};

std::string general(double v, int digits) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, v, std::chars_format::general, digits).ptr);
}

// Labels from the top row down, "" for none; with enough digits to tell the ends apart.
std::vector<std::string> tick_labels(const Range& range, std::size_t height) {
  int digits = 3;
  while (digits < 17 && general(range.low, digits) == general(range.high, digits)) ++digits;
  std::vector<std::string> labels(height);
  labels.front() = general(range.high, digits);
  labels.back() = general(range.low, digits);
  if (height >= 5 && height % 2 == 1) labels[height / 2] = general(range.low / 2 + range.high / 2, digits + 1);
  return labels;
}

std::string legend(std::span<const Series> series, const Glyphs& glyphs, std::size_t indent) {
  std::string line;
  for (std::size_t s = 0; s < series.size(); ++s)
    if (!series[s].label.empty())
      line += (line.empty() ? std::string(indent, ' ') : "   ") + glyphs.marks[s] + " " + series[s].label;
  return line.empty() ? line : line + '\n';
}

std::string x_axis(const PlotStyle& style, std::size_t points, std::size_t indent) {
  const std::string first = std::to_string(style.first_x);
  const std::string last = points < 2 ? "" : std::to_string(style.first_x + static_cast<long>(points) - 1);
  std::string text = std::string(indent, ' ') + first;
  if (!last.empty()) {
    const std::size_t used = first.size() + last.size();
    text += std::string(used < style.width ? style.width - used : 1, ' ') + last;
  }
  text += '\n';
  return style.x_label.empty() ? text : text + std::string(indent, ' ') + style.x_label + '\n';
}

}  // namespace

std::string plot(std::span<const Series> series, const PlotStyle& style) {
  if (style.width < 2 || style.height < 2) usage_error("a plot needs at least 2 columns and 2 rows");
  const Glyphs& glyphs = style.unicode ? kUnicode : kAscii;
  if (series.size() > std::size(glyphs.marks)) usage_error("a plot holds at most 6 series");
  std::size_t longest = 0;
  for (const Series& s : series) longest = std::max(longest, s.values.size());
  const std::size_t columns = std::min(longest, style.width);
  std::vector<std::vector<double>> points;
  Range range;
  for (const Series& s : series) {
    points.push_back(squeeze(s.values, longest, style.width));
    for (const double v : points.back()) range.take(v);
  }
  std::string text = style.title.empty() ? "" : style.title + '\n';
  if (range.empty()) return text + "no data\n";
  if (range.flat()) {  // a line in the middle
    const double margin = std::fabs(range.low) < 1e-300 ? 1 : std::fabs(range.low) / 2;
    range.low -= margin, range.high += margin;
  }
  Canvas canvas(style.width, style.height, range);
  for (const auto& p : points) canvas.draw_between(p, columns, glyphs.between);
  for (std::size_t s = 0; s < points.size(); ++s) canvas.draw_points(points[s], columns, glyphs.marks[s]);

  const std::vector<std::string> labels = tick_labels(range, style.height);
  std::size_t label_width = 0;
  for (const std::string& label : labels) label_width = std::max(label_width, label.size());
  for (std::size_t r = 0; r < style.height; ++r)
    text += std::string(label_width - labels[r].size(), ' ') + labels[r] + ' ' +
            (labels[r].empty() ? glyphs.wall : glyphs.tick) + canvas.row(r) + '\n';
  text += std::string(label_width + 1, ' ') + glyphs.corner;
  for (std::size_t c = 0; c < style.width; ++c) text += glyphs.floor;
  return text + '\n' + x_axis(style, longest, label_width + 2) + legend(series, glyphs, label_width + 2);
}

}  // namespace nudge
