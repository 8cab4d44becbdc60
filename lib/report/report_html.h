// A report as a self-contained HTML page: tables, and plots as inline SVG; no scripts, nothing fetched.
#pragma once

#include <span>
#include <string>

#include "lib/report/report_page.h"

namespace nudge {

// The whole page. Names are escaped; control characters appear as \x1b. The same report gives the same bytes.
std::string report_html(std::span<const ReportSection> sections);

// Non-finite values leave gaps; a point without neighbours is a dot.
std::string plot_svg(const ReportPlot& plot);

}  // namespace nudge
