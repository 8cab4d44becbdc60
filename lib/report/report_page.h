// kl-report's results laid out as tables and plots, for a terminal or an HTML page.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/report/curve.h"
#include "lib/report/kl_report.h"

namespace nudge {

// Texts are UTF-8 and may hold anything that a file name can.
struct ReportTable {
  std::string title;                           // "" for none
  std::vector<std::string> header;             // one per column, or empty
  std::vector<std::vector<std::string>> rows;  // the first cell names the row; "" is an absent value
};

struct ReportPlot {
  std::string title, x_label;
  std::vector<Series> series;  // at x = 0, 1, ...
};

struct ReportSection {
  std::string title;
  std::vector<ReportTable> tables;
  std::vector<ReportPlot> plots;
};

// One file: its tables, and plots by position. Empty tables, plots, rows and columns are omitted. `clip` is the bound
// of the clip fraction.
ReportSection file_section(const FileReport& report, double clip);
// Several files as iterations: one row each, and plots by iteration, counted from 0.
ReportSection overview(std::span<const FileReport> reports, double clip);

// The content of both formats: an overview if there are several files, then each file.
std::vector<ReportSection> report_sections(std::span<const FileReport> reports, double clip);

// "0.1234 ± 0.0021": the digits that the error allows (figure_text). "" if absent.
std::string formatted(const Estimate& e);
std::string formatted(std::optional<double> x);  // five significant digits

}  // namespace nudge
