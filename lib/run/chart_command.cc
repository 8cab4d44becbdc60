#include "lib/run/chart_command.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "lib/cli/common_options.h"
#include "lib/io/files.h"
#include "lib/io/stream.h"
#include "lib/page/axis.h"
#include "lib/run/page_file.h"

namespace nudge {
namespace {

constexpr std::size_t kLargestTable = std::size_t{64} << 20;  // of a table, far more than a picture can show
constexpr const char* kAdvice = "a line is SERIES, X, Y and perhaps Y's standard error, with tabs between them";

std::vector<std::string_view> columns_of(std::string_view line) {
  std::vector<std::string_view> columns;
  for (std::size_t tab = 0; tab != std::string_view::npos; line.remove_prefix(tab + 1)) {
    tab = line.find('\t');
    columns.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) break;
  }
  return columns;
}

double number(std::string_view text, const std::string& what, const std::string& where) {
  double x = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (bad != std::errc() || end != text.data() + text.size())
    bad_input(where + ": " + what + " is '" + std::string(text) + "', not a number", kAdvice);
  return x;
}

std::string text_of(const ChartPoint& p, const Chart& chart) {
  const auto named = [](const std::string& label, const std::string& number) {
    return label.empty() ? number : label + " " + number;
  };
  std::string text = named(chart.x_label, plain_number(p.x)) + ": " + named(chart.y_label, plain_number(p.y));
  if (p.error) text += " ± " + plain_number(*p.error, 2);
  return text;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

void ChartCommand::add_to(Tool& tool) {
  input_files(tool, files);
  tool.group("Picture");
  tool.option("--title", title, "title above the picture").placeholder("TEXT").shown_default("none");
  tool.option("--x", x_label, "what X is, with its unit").placeholder("TEXT").shown_default("none");
  tool.option("--y", y_label, "what Y is, with its unit").placeholder("TEXT").shown_default("none");
  tool.option("--log-x", log_x, "a logarithmic x axis");
  tool.option("--zero", with_zero, "the y axis includes 0");
  tool.option("--curve", curves, "draw this series as a dashed line without markers").placeholder("SERIES");
  tool.option("--points", scattered, "draw this series as markers without a line").placeholder("SERIES");
  tool.group("Output");
  output_option(tool, output);
  force_option(tool, force);
}

ChartSeries& ChartCommand::series(Chart& chart, std::string_view name) const {
  const auto known = std::ranges::find(chart.series, name, &ChartSeries::label);
  if (known != chart.series.end()) return *known;
  const std::string label(name);
  const Draw draw = holds(curves, label) ? Draw::kCurve : holds(scattered, label) ? Draw::kScatter : Draw::kLine;
  return chart.series.emplace_back(
      ChartSeries{.label = label, .draw = draw, .look = chart.series.size(), .points = {}});
}

void ChartCommand::read_line(std::string_view line, const std::string& where, Chart& chart) const {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty() || line.starts_with('#')) return;
  const std::vector<std::string_view> columns = columns_of(line);
  if (columns.size() < 3 || columns.size() > 4)
    bad_input(where + ": " + std::to_string(columns.size()) + " columns, not 3 or 4", kAdvice);
  ChartPoint p{.x = number(columns[1], "X", where)};
  p.y = columns[2].empty() ? std::numeric_limits<double>::quiet_NaN() : number(columns[2], "Y", where);
  if (columns.size() == 4 && !columns[3].empty()) p.error = number(columns[3], "the error", where);
  if (log_x && !(p.x > 0))
    bad_input(where + ": X is " + std::string(columns[1]) + ", not above 0", "leave --log-x out");
  p.text = text_of(p, chart);
  series(chart, columns[0]).points.push_back(std::move(p));
}

// A name that no line has would change nothing.
void ChartCommand::refuse_unknown(const Chart& chart) const {
  for (const auto& [option, names] : {std::pair{"--curve", &curves}, {"--points", &scattered}})
    for (const std::string& name : *names)
      if (std::ranges::find(chart.series, name, &ChartSeries::label) == chart.series.end())
        usage_error(std::string(option) + ": no line has the series '" + name + "'", "the first column names it");
}

std::string ChartCommand::run(Tool& tool) {
  refuse_same_file(files, output);
  RecordWriter out({.path = output, .force = force, .digest = {}, .program = tool.about().name});
  Chart chart{
      .title = title, .x_label = x_label, .y_label = y_label, .whole_x = false, .with_zero = with_zero, .log_x = log_x};
  std::size_t points = 0;
  for (const std::string& file : files.empty() ? std::vector<std::string>{"-"} : files) {
    const std::string text = file == "-" ? read_stdin(kLargestTable) : read_file(file, kLargestTable),
                      name = file == "-" ? "stdin" : file;
    std::string_view rest = text;
    for (int n = 1; !rest.empty(); ++n) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      read_line(rest.substr(0, end), name + ": line " + std::to_string(n), chart);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  for (const ChartSeries& s : chart.series) points += s.points.size();
  if (points == 0) bad_input("no point to draw", kAdvice);
  refuse_unknown(chart);
  write_page(out, chart_document(chart));
  return std::to_string(chart.series.size()) + " series, " + std::to_string(points) + " points";
}

}  // namespace nudge
