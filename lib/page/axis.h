// Axes with round ticks, and numbers as a person reads them beside one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace nudge {

// Ticks are multiples of 1, 2 or 5 times a power of ten, the first and the last at the ends.
struct Axis {
  double low = 0, high = 1;
  std::vector<double> ticks;
  std::vector<std::string> labels;  // "0.5", "12,000", "2e-5", with the sign U+2212

  // The place of v where low is at `from` and high at `to`.
  double place(double v, double from, double to) const {
    return from + (to - from) * ((v / 2 - low / 2) / (high / 2 - low / 2));  // halved: the widest range can't overflow
  }
};

// The closest axis around [low, high] with at most `most` ticks (at least 2; 3 where 0 lies inside). `whole`: no ticks
// between whole numbers. A range of one number v has v in its middle, and with `whole` a single tick, at v. Numbers that
// aren't finite or are beyond 1e307 give the axis from 0 to 1.
Axis round_axis(double low, double high, std::size_t most, bool whole = false);

// An axis of logarithms: low, high and ticks are log10 of numbers in [low, high], 0 < low, labels the numbers. At most
// `most` ticks: the numbers 1, 2 and 5 times a power of ten, or 1 and 3 times, or powers of ten alone; where fewer than two
// lie inside, `low` and `high` themselves.
Axis log_axis(double low, double high, std::size_t most);

// "0.25", "12,000", "3e-6": at most `digits` significant ones.
std::string plain_number(double x, int digits = 6);

// A coordinate: two decimals at most.
std::string coordinate(double x);

}  // namespace nudge
