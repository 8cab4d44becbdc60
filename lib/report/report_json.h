// A report as one JSON object; its keys are described in docs/kl-report.md.
#pragma once

#include <span>
#include <string>

#include "lib/report/kl_report.h"

namespace nudge {

// Indented, ending with a newline. Figures that are absent or not finite are null.
std::string report_json(std::span<const FileReport> reports, double clip);

}  // namespace nudge
