#include "lib/report/report_html.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "lib/base/visible.h"

namespace nudge {
namespace {

// Distinguishable also by the colour-blind (Okabe and Ito 2008).
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
// The plot area within the image, in SVG units.
constexpr double kWidth = 640, kHeight = 260, kLeft = 70, kRight = 620, kTop = 20, kBottom = 210;

constexpr const char* kStyle =
    "body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em}caption{text-align:left;font-weight:bold;padding:.3em 0}"
    "th,td{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:right}"
    "th:first-child,td:first-child{text-align:left}figure{margin:1.5em 0}figcaption{font-weight:bold}"
    "svg{max-width:100%;height:auto}svg text{font:12px sans-serif;fill:#444}"
    ".axis{stroke:#999;fill:none}.grid{stroke:#eee}";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : visible(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string element(const std::string& name, const std::string& text) {
  return "<" + name + ">" + escaped(text) + "</" + name + ">";
}

std::string number(double x, int digits = 5) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, x, std::chars_format::general, digits).ptr);
}

std::string label(double x, double y, const char* anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" + escaped(text) +
         "</text>\n";
}

// Maps data to the plot area.
struct Frame {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  std::size_t points = 0;

  explicit Frame(const ReportPlot& plot) {
    for (const Series& s : plot.series) {
      points = std::max(points, s.values.size());
      for (const double v : s.values)
        if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
    }
    if (low > high) low = 0, high = 1;
    if (high / 2 - low / 2 < 1e-300) {  // a line in the middle
      const double margin = std::fabs(low) < 1e-300 ? 1 : std::fabs(low) / 2;
      low -= margin, high += margin;
    }
  }
  double x(std::size_t i) const {
    return points < 2 ? kLeft : kLeft + (kRight - kLeft) * static_cast<double>(i) / static_cast<double>(points - 1);
  }
  double y(double v) const { return kBottom - (kBottom - kTop) * ((v / 2 - low / 2) / (high / 2 - low / 2)); }
};

std::string axes(const ReportPlot& plot, const Frame& frame) {
  std::string svg;
  for (const double share : {0.0, 0.5, 1.0}) {
    const double v = frame.low * (1 - share) + frame.high * share;
    const std::string y = number(frame.y(v));
    svg += "<line class=\"grid\" x1=\"" + number(kLeft) + "\" x2=\"" + number(kRight) + "\" y1=\"" + y + "\" y2=\"" +
           y + "\"/>\n" + label(kLeft - 6, frame.y(v) + 4, "end", number(v, 4));
  }
  svg += "<path class=\"axis\" d=\"M" + number(kLeft) + " " + number(kTop) + "V" + number(kBottom) + "H" +
         number(kRight) + "\"/>\n" + label(kLeft, kBottom + 16, "middle", "0");
  if (frame.points > 1) svg += label(kRight, kBottom + 16, "middle", std::to_string(frame.points - 1));
  return svg + label((kLeft + kRight) / 2, kBottom + 16, "middle", plot.x_label);
}

// Runs of finite points as lines, single ones as dots.
std::string curve(const Series& series, const Frame& frame, const char* colour) {
  std::string svg;
  for (std::size_t begin = 0; begin < series.values.size();) {
    std::size_t end = begin;
    std::string path;
    for (; end < series.values.size() && std::isfinite(series.values[end]); ++end)
      path += (end == begin ? "M" : "L") + number(frame.x(end)) + " " + number(frame.y(series.values[end]));
    if (end == begin + 1)
      svg += "<circle cx=\"" + number(frame.x(begin)) + "\" cy=\"" + number(frame.y(series.values[begin])) +
             "\" r=\"3\" fill=\"" + colour + "\"/>\n";
    else if (end > begin)
      svg += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"1.5\"/>\n";
    begin = end + 1;
  }
  return svg;
}

std::string table_html(const ReportTable& table) {
  std::string html = "<table>\n";
  if (!table.title.empty()) html += element("caption", table.title) + "\n";
  const auto row = [&](const std::vector<std::string>& cells, const char* name) {
    html += "<tr>";
    for (const std::string& cell : cells) html += element(name, cell);
    html += "</tr>\n";
  };
  if (!table.header.empty()) row(table.header, "th");
  for (const auto& cells : table.rows) row(cells, "td");
  return html + "</table>\n";
}

}  // namespace

std::string plot_svg(const ReportPlot& plot) {
  const Frame frame(plot);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 " + number(kWidth) + " " +
                    number(kHeight) + "\" width=\"" + number(kWidth) + "\">\n" + element("title", plot.title) + "\n" +
                    axes(plot, frame);
  double x = kLeft;
  for (std::size_t s = 0; s < plot.series.size(); ++s) {
    const char* colour = kColours[s % std::size(kColours)];
    svg += curve(plot.series[s], frame, colour);
    if (plot.series[s].label.empty()) continue;
    svg += "<rect x=\"" + number(x) + "\" y=\"236\" width=\"12\" height=\"12\" fill=\"" + colour + "\"/>\n" +
           label(x + 18, 246, "start", plot.series[s].label);
    x += 100;
  }
  return svg + "</svg>\n";
}

std::string report_html(std::span<const ReportSection> sections) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>kl-report</title>\n";
  html += std::string("<style>") + kStyle + "</style>\n</head>\n<body>\n<h1>kl-report</h1>\n";
  for (const ReportSection& section : sections) {
    html += "<section>\n" + element("h2", section.title) + "\n";
    for (const ReportTable& table : section.tables) html += table_html(table);
    for (const ReportPlot& plot : section.plots)
      html += "<figure>\n" + element("figcaption", plot.title) + "\n" + plot_svg(plot) + "</figure>\n";
    html += "</section>\n";
  }
  return html + "</body>\n</html>\n";
}

}  // namespace nudge
