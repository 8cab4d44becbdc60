#include "lib/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace nudge {

std::string grouped_digits(std::int64_t n) {
  const std::string digits = std::to_string(n);
  const std::size_t sign = n < 0 ? 1 : 0;
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > sign && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string duration_text(double seconds) {
  char text[64];
  if (seconds < 59.95) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
    return text;
  }
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%d min %02d s", static_cast<int>(whole / 60), static_cast<int>(whole % 60));
  } else {
    const std::int64_t minutes = (whole + 30) / 60;
    std::snprintf(text, sizeof text, "%lld h %02d min", static_cast<long long>(minutes / 60),
                  static_cast<int>(minutes % 60));
  }
  return text;
}

std::string rate_text(std::int64_t done, double seconds) {
  const double rate = static_cast<double>(done) / std::max(seconds, 1e-9);
  char text[48];
  std::snprintf(text, sizeof text, rate < 100 ? "%.1f" : "%.0f", rate);
  return text;
}

std::string progress_text(std::int64_t done, std::int64_t total, const std::string& unit, double seconds,
                          const std::string& metric) {
  if (done > total) total = 0;
  std::string text = grouped_digits(done);
  if (total > 0) text += " of " + grouped_digits(total);
  text += " " + unit;
  if (total > 0) text += " (" + std::to_string(100 * done / total) + "%)";
  if (seconds > 0 && done > 0) {
    const double rate = static_cast<double>(done) / seconds;
    text += ", " + rate_text(done, seconds) + "/s";
    if (total > done) text += ", ETA " + duration_text(static_cast<double>(total - done) / rate);
  }
  if (!metric.empty()) text += ", " + metric;
  return text;
}

Progress::Progress(Console& console, std::string unit, std::int64_t total)
    : console_(console), unit_(std::move(unit)), total_(total), shown_(console.shows_progress()), begin_(Clock::now()),
      next_(begin_) {}

Progress::~Progress() { console_.clear_progress(); }

void Progress::update(std::int64_t done, const std::string& metric) {
  if (!shown_) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(200);
  console_.progress(progress_text(done, total_, unit_, std::chrono::duration<double>(now - begin_).count(), metric));
}

}  // namespace nudge
