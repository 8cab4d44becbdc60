// What chart does between its command line and its last line.
#pragma once

#include <string>
#include <vector>

#include "lib/cli/tool.h"
#include "lib/page/chart.h"

namespace nudge {

struct ChartCommand {
  std::vector<std::string> files;  // none or "-": stdin
  std::string title, x_label, y_label;
  std::vector<std::string> curves, scattered;  // names of series
  bool log_x = false, with_zero = false, force = false;
  std::string output = "-";

  void add_to(Tool& tool);
  // Reads the table and writes the picture. Returns what was drawn: "2 series, 40 points".
  std::string run(Tool& tool);

 private:
  void read_line(std::string_view line, const std::string& where, Chart& chart) const;
  ChartSeries& series(Chart& chart, std::string_view name) const;
  void refuse_unknown(const Chart& chart) const;
};

}  // namespace nudge
