// A report as one JSON object; docs/kl-report.md lists its keys.
#pragma once

#include <span>
#include <string>

#include "lib/report/run_report.h"

namespace nudge {

// Indented, ending with a newline. Absent and non-finite numbers are null. One run without a name has its keys at the top;
// others stand in "runs", with "differences".
std::string report_json(std::span<const RunReport> runs, double clip);

}  // namespace nudge
