// The page of a run, or of several beside each other: figures, charts, answers, tables, in one HTML file.
#pragma once

#include <span>
#include <string>

#include "lib/report/run_report.h"

namespace nudge {

struct PageOptions {
  double clip = 0.2;  // bound of the clip fraction
};

// The whole page. Of several runs the charts are overlaid, and differences to the first stand on top; what shows one run
// alone is folded away per run. The same runs give the same bytes. Texts of records and names stay in their places.
std::string run_page(std::span<const RunReport> runs, const PageOptions& options);

}  // namespace nudge
