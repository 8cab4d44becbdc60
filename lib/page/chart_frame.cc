#include "lib/page/chart_frame.h"

#include <algorithm>
#include <utility>

#include "lib/page/assets.h"
#include "lib/page/html.h"

namespace nudge {
namespace {

constexpr double kWidth = 420, kHeight = 240, kLetter = 6.7;  // a digit at report.css's 12 units

std::string text_svg(double x, double y, const std::string& anchor, const std::string& text) {
  return "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\"" +
         (anchor == "start" ? "" : " text-anchor=\"" + anchor + "\"") + ">" + escaped(text) + "</text>\n";
}

double widest(const Axis& axis) {
  double most = 0;
  for (const std::string& label : axis.labels) most = std::max(most, text_width(label));
  return most;
}

}  // namespace

double text_width(const std::string& text) {
  return kLetter * static_cast<double>(std::ranges::count_if(
                       text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

ChartFrame frame_around(Axis y, const std::string& x_label, const std::string& y_label) {
  ChartFrame frame{.left = 0,
                   .right = kWidth - 12,
                   .top = 26,
                   .bottom = kHeight - 36,
                   .x = {},
                   .y = std::move(y),
                   .x_label = x_label,
                   .y_label = y_label};
  frame.left = std::max(28.0, widest(frame.y) + 10);
  return frame;
}

ChartFrame chart_frame(const ChartRange& x, const ChartRange& y, const std::string& x_label,
                       const std::string& y_label) {
  ChartFrame frame = frame_around(round_axis(y.low, y.high, 6, y.whole), x_label, y_label);
  for (std::size_t most = 9; most >= 2; --most) {
    frame.x = x.log ? log_axis(x.low, x.high, most) : round_axis(x.low, x.high, most, x.whole);
    const double room =
        (frame.right - frame.left) / static_cast<double>(std::max<std::size_t>(1, frame.x.ticks.size()));
    if (widest(frame.x) + 8 <= room) break;
  }
  return frame;
}

std::string y_axis_svg(const ChartFrame& frame) {
  std::string svg;
  for (std::size_t k = 0; k < frame.y.ticks.size(); ++k) {
    const double y = frame.y_of(frame.y.ticks[k]);
    svg += "<path class=\"grid\" d=\"M" + coordinate(frame.left) + " " + coordinate(y) + "H" + coordinate(frame.right) +
           "\"/>\n" + text_svg(frame.left - 6, y + 4, "end", frame.y.labels[k]);
  }
  return svg;
}

std::string x_tick_svg(const ChartFrame& frame, double place, const std::string& label) {
  const double half = text_width(label) / 2;  // it stays inside the picture
  const double at = std::min(std::max(place, half), kWidth - half);
  return "<path class=\"axis\" d=\"M" + coordinate(place) + " " + coordinate(frame.bottom) + "v4\"/>\n" +
         text_svg(at, frame.bottom + 17, "middle", label);
}

std::string axis_lines_svg(const ChartFrame& frame) {
  return "<path class=\"axis\" d=\"M" + coordinate(frame.left) + " " + coordinate(frame.top) + "V" +
         coordinate(frame.bottom) + "H" + coordinate(frame.right) + "\"/>\n" + text_svg(0, 12, "start", frame.y_label) +
         text_svg((frame.left + frame.right) / 2, kHeight - 4, "middle", frame.x_label);
}

std::string frame_svg(const ChartFrame& frame) {
  std::string svg = y_axis_svg(frame);
  for (std::size_t k = 0; k < frame.x.ticks.size(); ++k)
    svg += x_tick_svg(frame, frame.x_of(frame.x.ticks[k]), frame.x.labels[k]);
  return svg + axis_lines_svg(frame);
}

std::string svg_begin(const std::string& title, const std::string& kind) {
  return "<svg class=\"" + kind + "\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 " +
         coordinate(kWidth) + " " + coordinate(kHeight) + "\" aria-label=\"" + escaped(title) + "\">\n";
}

std::string no_data_svg() { return text_svg(kWidth / 2, kHeight / 2, "middle", "no data"); }

std::string document_svg(const std::string& title, const std::string& content, const std::vector<DocumentKey>& keys,
                         const std::string& caption) {
  constexpr double kTitle = 26, kRow = 18, kKey = 28, kGap = 18;
  const double top = title.empty() ? 4 : kTitle;
  double x = 4, y = top + kHeight + 14;
  std::string below;
  for (const DocumentKey& key : keys) {
    const double width = kKey + 4 + text_width(key.label);
    if (x > 4 && x + width > kWidth) x = 4, y += kRow;
    below += "<g transform=\"translate(" + coordinate(x + kKey / 2) + " " + coordinate(y) + ")\">" + key.svg +
             "</g>\n" + text_svg(x + kKey + 4, y + 4, "start", key.label);
    x += width + kGap;
  }
  if (!keys.empty()) y += kRow;
  if (!caption.empty()) below += text_svg(4, y + 4, "start", caption), y += kRow;
  std::string svg = "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"-8 0 436 " +
                    coordinate(y) + "\" width=\"545\" aria-label=\"" + escaped(title) + "\">\n<style>\n";
  svg.append(assets::colours_css).append(assets::chart_css);
  svg += "</style>\n<rect class=\"paper\" x=\"-8\" width=\"436\" height=\"" + coordinate(y) + "\"/>\n";
  if (!title.empty()) svg += "<text class=\"title\" x=\"0\" y=\"17\">" + escaped(title) + "</text>\n";
  return svg + "<g transform=\"translate(0 " + coordinate(top) + ")\">\n" + content + "</g>\n" + below + "</svg>\n";
}

std::string figure_html(const std::string& title, const std::string& inside, const std::string& caption) {
  return "<figure>\n<figcaption>" + escaped(title) +
         (caption.empty() ? "" : "<small>" + escaped(caption) + "</small>") + "</figcaption>\n" + inside +
         "</figure>\n";
}

}  // namespace nudge
