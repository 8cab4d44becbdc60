// What a run's page shows of single records: answers side by side, tokens in context. Internal to lib/report.
#pragma once

#include <string>

#include "lib/report/run_report.h"

namespace nudge {

// HTML. "" where there is none.
std::string answers_html(const RunReport& run);
std::string tokens_html(const FileReport& file);

}  // namespace nudge
