// A report for a terminal.
#pragma once

#include <string>
#include <string_view>

#include "lib/report/report_page.h"

namespace nudge {

struct TextStyle {
  bool plots = true;
  bool unicode = true;     // false: labels and plots in ASCII; file names stay as they are
  std::size_t width = 60;  // columns of a plot's canvas
};

// The section's title, its tables with aligned columns, its plots. Control characters in names appear as \x1b.
std::string report_text(const ReportSection& section, const TextStyle& style);

// Whether the current locale (LC_ALL, else LC_CTYPE, else LANG, as in POSIX) is UTF-8. Null: not set.
bool locale_is_utf8(const char* lc_all, const char* lc_ctype, const char* lang);

}  // namespace nudge
