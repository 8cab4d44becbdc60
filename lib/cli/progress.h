// Progress on a terminal: what is done, the rate, the time left, and the metric to watch.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "lib/cli/console.h"

namespace nudge {

// "1,234,567"
std::string grouped_digits(std::int64_t n);

// "3.2 s", "4 min 05 s", "2 h 07 min"
std::string duration_text(double seconds);

// "12.5", "3858": a second, without the unit. `seconds` 0 counts as a nanosecond.
std::string rate_text(std::int64_t done, double seconds);

// "120 of 256 records (47%), 12.5/s, ETA 11 s, loss 0.31". `total` is unknown where it
// is 0 or less than `done`: no percentage and no ETA.
std::string progress_text(std::int64_t done, std::int64_t total, const std::string& unit, double seconds,
                          const std::string& metric);

class Progress {
 public:
  // `unit`: plural, such as "records". `console` must outlive this.
  Progress(Console& console, std::string unit, std::int64_t total = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Redraws the line at most five times a second, so it may be called for every record.
  void update(std::int64_t done, const std::string& metric = {});

 private:
  using Clock = std::chrono::steady_clock;
  Console& console_;
  std::string unit_;
  std::int64_t total_;
  bool shown_;
  Clock::time_point begin_, next_;
};

}  // namespace nudge
