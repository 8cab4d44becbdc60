#include "lib/page/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>
#include <utility>

#include "lib/io/json.h"
#include "lib/page/axis.h"
#include "lib/page/chart_frame.h"
#include "lib/page/html.h"

namespace nudge {
namespace {

bool drawn(double v) { return std::fabs(v) <= 1e307; }
bool drawn(const ChartPoint& p) { return drawn(p.x) && drawn(p.y); }
bool drawn(const ChartSeries& s) {
  return std::ranges::any_of(s.points, [](const ChartPoint& p) { return drawn(p); });
}
// 0 for an error that is unknown or can't be drawn.
double error_of(const ChartPoint& p) {
  const double e = p.error.value_or(0);
  return drawn(e) && drawn(p.y - e) && drawn(p.y + e) ? std::fabs(e) : 0;
}

struct Extent {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void take(double v) { low = std::min(low, v), high = std::max(high, v); }
};

// Places of a chart's numbers.
class Places {
 public:
  explicit Places(const Chart& chart) : log_x_(chart.log_x) {
    Extent x, y;
    if (chart.with_zero) y.take(0);
    for (const ChartSeries& s : chart.series)
      for (const ChartPoint& p : s.points) {
        if (drawn(p.x)) x.take(p.x);
        if (!drawn(p)) continue;
        const double error = s.draw == Draw::kCurve ? 0 : error_of(p);
        y.take(p.y - error), y.take(p.y + error);
        empty_ = false;
      }
    frame_ = chart_frame({x.low, x.high, chart.whole_x, chart.log_x && !empty_}, {y.low, y.high, false}, chart.x_label,
                         chart.y_label);
  }
  bool empty() const { return empty_; }
  const ChartFrame& frame() const { return frame_; }
  double x(double v) const { return frame_.x_of(log_x_ ? std::log10(v) : v); }
  bool covers(double v) const {
    const double at = log_x_ ? std::log10(v) : v;
    return at >= frame_.x.low && at <= frame_.x.high;
  }
  double y(double v) const { return frame_.y_of(v); }
  std::string at(double px, double py) const { return coordinate(px) + " " + coordinate(py); }
  std::string at(const ChartPoint& p) const { return at(x(p.x), y(p.y)); }

 private:
  bool empty_ = true, log_x_;
  ChartFrame frame_;
};

// Paths around the place of a point.
constexpr std::array<const char*, 6> kMarkers = {
    "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0", "M-2.7 -2.7h5.4v5.4h-5.4z", "M0 -3.6L3.4 2.6H-3.4z",
    "M0 -3.8L3.8 0L0 3.8L-3.8 0z",        "M0 3.6L3.4 -2.6H-3.4z",    "M-3 -3L3 3M3 -3L-3 3"};

std::string look_class(const ChartSeries& s) { return "s" + std::to_string(s.look % kMarkers.size() + 1); }

// Consecutive points that can be drawn: [begin, end).
std::vector<std::pair<std::size_t, std::size_t>> runs(const std::vector<ChartPoint>& points) {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  for (std::size_t begin = 0; begin < points.size();) {
    std::size_t end = begin;
    while (end < points.size() && drawn(points[end])) ++end;
    if (end > begin) found.emplace_back(begin, end);
    begin = end + 1;
  }
  return found;
}

std::string error_bar(const ChartPoint& p, const Places& places) {
  if (!(error_of(p) > 0)) return "";
  const std::string x = coordinate(places.x(p.x));
  return "<path class=\"error\" d=\"M" + x + " " + coordinate(places.y(p.y - error_of(p))) + "V" +
         coordinate(places.y(p.y + error_of(p))) + "\"/>\n";
}

std::string line_of(const std::vector<ChartPoint>& points, const Places& places, const std::string& kind) {
  std::string path;
  for (const auto& [begin, end] : runs(points))
    for (std::size_t i = begin; end - begin > 1 && i < end; ++i)
      path += (i == begin ? "M" : "L") + places.at(points[i]);
  return path.empty() ? "" : "<path class=\"" + kind + "\" d=\"" + path + "\"/>\n";
}

// Each point the mean of itself and its neighbours, a fortieth of all on either side, fewer at gaps and ends.
std::vector<ChartPoint> running_mean(const std::vector<ChartPoint>& points) {
  std::vector<ChartPoint> means = points;
  const std::size_t reach = points.size() / 40;
  for (const auto& [begin, end] : runs(points))
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t from = std::max(begin + reach, i) - reach, to = std::min(i + reach + 1, end);
      double sum = 0;
      for (std::size_t k = from; k < to; ++k) sum += points[k].y / static_cast<double>(to - from);
      means[i].y = sum;
    }
  return means;
}

// The upper edges forwards, the lower ones back.
std::string bands_of(const std::vector<ChartPoint>& points, const Places& places) {
  std::string path, bars;
  for (const auto& [begin, end] : runs(points)) {
    if (end - begin == 1) bars += error_bar(points[begin], places);
    const bool known = std::any_of(points.begin() + static_cast<std::ptrdiff_t>(begin),
                                   points.begin() + static_cast<std::ptrdiff_t>(end),
                                   [](const ChartPoint& p) { return error_of(p) > 0; });
    if (end - begin == 1 || !known) continue;
    const auto edge = [&](std::size_t i, double sign) {
      return places.at(places.x(points[i].x), places.y(points[i].y + sign * error_of(points[i])));
    };
    for (std::size_t i = begin; i < end; ++i) path += (i == begin ? "M" : "L") + edge(i, 1);
    for (std::size_t i = end; i-- > begin;) path += "L" + edge(i, -1);
    path += "z";
  }
  return (path.empty() ? "" : "<path class=\"band\" d=\"" + path + "\"/>\n") + bars;
}

std::string titled(const ChartSeries& s, const ChartPoint& p) {
  return s.label.empty() ? p.text : s.label + ", " + p.text;
}

std::string marker(const ChartPoint& p, const ChartSeries& s, const Places& places) {
  std::string svg = "<path class=\"point\" transform=\"translate(" + places.at(p) + ")\" d=\"" +
                    kMarkers[s.look % kMarkers.size()] + "\" data-x=\"" + json_number(p.x) + "\" data-y=\"" +
                    json_number(p.y) + "\"";
  if (p.error && std::isfinite(*p.error)) svg += " data-se=\"" + json_number(*p.error) + "\"";
  return svg + "><title>" + escaped(titled(s, p)) + "</title></path>\n";
}

// The points with a marker: all, or evenly chosen ones with the first and the last, and those that no line shows.
std::vector<bool> marked(const std::vector<ChartPoint>& points) {
  const std::size_t n = points.size();
  std::vector<bool> chosen(n, n <= kMostMarkers);
  if (n <= kMostMarkers) return chosen;
  constexpr std::size_t kShown = kMostMarkers / 2;
  for (std::size_t k = 0; k < kShown; ++k) chosen[k * (n - 1) / (kShown - 1)] = true;
  for (const auto& [begin, end] : runs(points))
    if (end - begin == 1) chosen[begin] = true;
  return chosen;
}

// All points for the script, where not all have markers: [[x in the picture, y in it, text], ...].
std::string points_for_script(const ChartSeries& s, const Places& places) {
  std::string json;
  for (const ChartPoint& p : s.points)
    if (drawn(p))
      json += (json.empty() ? "[[" : ",[") + coordinate(places.x(p.x)) + "," + coordinate(places.y(p.y)) + "," +
              json_quote(titled(s, p)) + "]";
  return json.empty() ? "" : " data-points=\"" + escaped(json + "]") + "\"";
}

bool is_thinned_line(const ChartSeries& s) { return s.draw == Draw::kLine && s.points.size() > kMostMarkers; }

std::string series_svg(const ChartSeries& s, const Places& places) {
  const bool thinned = s.points.size() > kMostMarkers;
  std::string svg =
      "<g class=\"series " + look_class(s) + (s.draw == Draw::kCurve ? " curve" : "") + (thinned ? " many" : "") + "\"";
  if (!s.label.empty()) svg += " data-label=\"" + escaped(s.label) + "\"";
  if (thinned && s.draw != Draw::kCurve) svg += points_for_script(s, places);
  svg += ">\n";
  if (s.draw == Draw::kLine) svg += bands_of(s.points, places);
  if (s.draw == Draw::kCurve || (s.draw == Draw::kLine && !thinned)) svg += line_of(s.points, places, "line");
  if (s.draw == Draw::kLine && thinned)
    svg += line_of(s.points, places, "raw") + line_of(running_mean(s.points), places, "line");
  if (s.draw == Draw::kScatter)
    for (const ChartPoint& p : s.points)
      if (drawn(p)) svg += error_bar(p, places);
  const std::vector<bool> chosen = marked(s.points);
  for (std::size_t i = 0; s.draw != Draw::kCurve && i < s.points.size(); ++i)
    if ((chosen[i] || s.draw == Draw::kScatter) && drawn(s.points[i])) svg += marker(s.points[i], s, places);
  return svg + "</g>\n";
}

// Marks at one x are one line, with their texts below each other.
std::string marks_svg(const Chart& chart, const Places& places) {
  std::map<double, ChartMark> by_x;
  for (const ChartMark& m : chart.marks) {
    if (!drawn(m.x) || !places.covers(m.x)) continue;
    const auto [at, is_new] = by_x.emplace(m.x, m);
    if (!is_new) at->second.text += "\n" + m.text;
  }
  std::string svg;
  for (const auto& [value, mark] : by_x) {
    const std::string x = coordinate(places.x(value)), top = coordinate(places.frame().top);
    const std::string one = "<g class=\"mark\" data-x=\"" + json_number(value) + "\"><title>" + escaped(mark.text) +
                            "</title><path class=\"rule\" d=\"M" + x + " " + top + "V" +
                            coordinate(places.frame().bottom) + "\"/><path class=\"flag\" d=\"M" + x + " " + top +
                            "m-5 -8h10l-5 8z\"/></g>";
    svg += (mark.link.empty() ? one : "<a href=\"" + escaped(mark.link) + "\">" + one + "</a>") + "\n";
  }
  return svg;
}

// Line and marker of a legend, around (0, 0) and 28 units wide.
std::string key_svg(const ChartSeries& s) {
  const bool curve = s.draw == Draw::kCurve;
  std::string svg = "<g class=\"series " + look_class(s) + (curve ? " curve" : "") + "\">";
  if (s.draw != Draw::kScatter) svg += "<path class=\"line\" d=\"M-13 0H13\"/>";
  if (!curve) svg += "<path class=\"point\" d=\"" + std::string(kMarkers[s.look % kMarkers.size()]) + "\"/>";
  return svg + "</g>";
}

std::string legend_item(const ChartSeries& s) {
  return "<li><svg class=\"key\" viewBox=\"-14 -6 28 12\" aria-hidden=\"true\">" + key_svg(s) +
         "</svg><span class=\"text\" dir=\"auto\">" + escaped(s.label) + "</span></li>\n";
}

std::string legend(const Chart& chart) {
  std::string items;
  for (const ChartSeries& s : chart.series)
    if (!s.label.empty() && drawn(s)) items += legend_item(s);
  return items.empty() ? "" : "<ul class=\"legend\">\n" + items + "</ul>\n";
}

std::string picture(const Chart& chart) {
  const Places places(chart);
  if (places.empty()) return no_data_svg();
  std::string svg = frame_svg(places.frame());
  for (const ChartSeries& s : chart.series)  // curves below the points that they fit
    if (s.draw == Draw::kCurve) svg += series_svg(s, places);
  for (const ChartSeries& s : chart.series)
    if (s.draw != Draw::kCurve) svg += series_svg(s, places);
  return svg + marks_svg(chart, places);
}

std::string caption_of(const Chart& chart) {
  const bool many = std::ranges::any_of(chart.series, is_thinned_line);
  return chart.caption + (many && !chart.caption.empty() ? " " : "") + (many ? "Bold: a running mean." : "");
}

}  // namespace

std::string chart_svg(const Chart& chart) { return svg_begin(chart.title, "chart") + picture(chart) + "</svg>\n"; }

std::string chart_figure(const Chart& chart) {
  return figure_html(chart.title, chart_svg(chart) + legend(chart), caption_of(chart));
}

std::string chart_document(const Chart& chart) {
  std::vector<DocumentKey> keys;
  for (const ChartSeries& s : chart.series)
    if (!s.label.empty() && drawn(s)) keys.push_back({key_svg(s), s.label});
  return document_svg(chart.title, picture(chart), keys, caption_of(chart));
}

}  // namespace nudge
