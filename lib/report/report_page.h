// kl-report's figures laid out as tables and plots, for whatever shows them: a terminal or a page.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/report/curve.h"
#include "lib/report/kl_report.h"

namespace nudge {

// Texts are UTF-8 and may hold anything that a file's name can.
struct ReportTable {
  std::string title;                           // "" for none
  std::vector<std::string> header;             // as many as there are columns, or empty
  std::vector<std::vector<std::string>> rows;  // the first cell names the row; "" is an absent figure
};

struct ReportPlot {
  std::string title, x_label;
  std::vector<Series> series;  // by x = 0, 1, ...
};

struct ReportSection {
  std::string title;
  std::vector<ReportTable> tables;
  std::vector<ReportPlot> plots;
};

// One file: its tables, and plots by position. Without figures for a table or plot, it is left out, and so are rows
// and columns that would be empty. `clip` is the bound of the clip fraction.
ReportSection file_section(const FileReport& report, double clip);
// Several files as iterations: a row each, and plots by iteration, counted from 0.
ReportSection overview(std::span<const FileReport> reports, double clip);

// What both reports show: the overview first where there are several files, then each file.
std::vector<ReportSection> report_sections(std::span<const FileReport> reports, double clip);

// "0.1234 ± 0.0021": five digits and two for the error. "" where absent.
std::string figure(const Estimate& e);
std::string figure(std::optional<double> x);

}  // namespace nudge
