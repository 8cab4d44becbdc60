// A report as a page of its own: tables and plots as inline SVG, no scripts, nothing fetched.
#pragma once

#include <span>
#include <string>

#include "lib/report/report_page.h"

namespace nudge {

// The whole page. Names are escaped; control characters in them are shown as \x1b. The same report gives the
// same bytes.
std::string report_html(std::span<const ReportSection> sections);

// A plot of its series; gaps where a value is not finite, a dot where a point has no neighbours.
std::string plot_svg(const ReportPlot& plot);

}  // namespace nudge
