// A report as one JSON object; docs/kl-report.md lists its keys.
#pragma once

#include <span>
#include <string>

#include "lib/report/kl_report.h"

namespace nudge {

// Indented, ending with a newline. Absent and non-finite numbers are null.
std::string report_json(std::span<const FileReport> reports, double clip);

}  // namespace nudge
