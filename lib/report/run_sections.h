// The report of runs as tables and plots for a terminal.
#pragma once

#include <span>
#include <vector>

#include "lib/report/report_page.h"
#include "lib/report/run_report.h"

namespace nudge {

// One run without a name: report_sections of its files. Several: a section that compares them, then an overview of each.
// The curves of a run are a table of the first section about it.
std::vector<ReportSection> run_sections(std::span<const RunReport> runs, double clip);

}  // namespace nudge
