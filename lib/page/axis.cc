#include "lib/page/axis.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

namespace nudge {
namespace {

constexpr double kLargest = 1e307, kLeast = 1e-300;  // so that no tick overflows or loses digits

// n 10^e, rounded once.
double decimal(std::int64_t n, int e) {
  const std::string text = std::to_string(n) + "e" + std::to_string(e);
  double x = 0;
  std::from_chars(text.data(), text.data() + text.size(), x);
  return x;
}

// The exponent of the first significant digit.
int exponent_of(double x) {
  char text[32];
  char* end = std::to_chars(text, text + sizeof text, x, std::chars_format::scientific).ptr;
  const std::string all(text, end);
  return std::stoi(all.substr(all.find('e') + 1));
}

std::string signed_text(bool negative, const std::string& digits) { return (negative ? "−" : "") + digits; }

// 12345.5 -> 12,345.5; four digits stay together.
std::string grouped(std::string digits) {
  const std::size_t whole = std::min(digits.find('.'), digits.size());
  if (whole > 4)
    for (std::size_t at = whole; at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

// |n| 10^e as a mantissa and an exponent: 15, -6 -> 1.5e-5.
std::string scientific(std::string digits, int e) {
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back(), ++e;
  e += static_cast<int>(digits.size()) - 1;
  if (digits.size() > 1) digits.insert(1, ".");
  return digits + "e" + (e < 0 ? "−" + std::to_string(-e) : std::to_string(e));
}

// The label of n 10^e, with the decimals that e asks for.
std::string tick_label(std::int64_t n, int e, bool as_scientific) {
  if (n == 0) return "0";
  std::string digits = std::to_string(n < 0 ? -n : n);
  if (as_scientific) return signed_text(n < 0, scientific(digits, e));
  if (e >= 0) return signed_text(n < 0, grouped(digits + std::string(static_cast<std::size_t>(e), '0')));
  const auto decimals = static_cast<std::size_t>(-e);
  if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
  return signed_text(n < 0, grouped(digits.insert(digits.size() - decimals, ".")));
}

struct Step {
  int factor, exponent;
  double size() const { return decimal(factor, exponent); }
  Step next() const { return factor == 5 ? Step{1, exponent + 1} : Step{factor == 1 ? 2 : 5, exponent}; }
};

// A number of steps, so close to a whole one that the difference is rounding.
std::int64_t floor_of(double x) { return static_cast<std::int64_t>(std::floor(x + 1e-9)); }
std::int64_t ceiling_of(double x) { return static_cast<std::int64_t>(std::ceil(x - 1e-9)); }

Axis single_tick(double v) { return {.low = v - 1, .high = v + 1, .ticks = {v}, .labels = {plain_number(v)}}; }

}  // namespace

Axis round_axis(double low, double high, std::size_t most, bool whole) {
  if (!(std::fabs(low) <= kLargest && std::fabs(high) <= kLargest) || low > high) low = 0, high = 1;
  const double size = std::max(std::fabs(low), std::fabs(high));
  if (high - low < std::max(kLeast, size * 1e-12)) {
    if (whole) return single_tick(low);
    const double margin = size < kLeast ? 1 : size / 10;
    low -= margin, high += margin;
  }
  most = std::max<std::size_t>(most, low < 0 && high > 0 ? 3 : 2);
  Step step{1, exponent_of((high - low) / static_cast<double>(most))};
  if (whole && step.exponent < 0) step.exponent = 0;
  std::int64_t first = 0, last = 0;
  for (;; step = step.next()) {
    first = floor_of(low / step.size()), last = std::max(ceiling_of(high / step.size()), first + 1);
    if (static_cast<std::size_t>(last - first) < most) break;
  }
  const double largest = std::max(std::fabs(low), std::fabs(high));
  const bool as_scientific = step.exponent < -4 || largest >= 1e7;
  Axis axis;
  for (std::int64_t k = first; k <= last; ++k) {
    axis.ticks.push_back(decimal(k * step.factor, step.exponent));
    axis.labels.push_back(tick_label(k * step.factor, step.exponent, as_scientific));
  }
  axis.low = axis.ticks.front(), axis.high = axis.ticks.back();
  return axis;
}

Axis log_axis(double low, double high, std::size_t most) {
  Axis axis{.low = std::log10(low), .high = std::log10(high), .ticks = {}, .labels = {}};
  if (axis.high - axis.low < 1e-9) axis.low -= 0.5, axis.high += 0.5;
  const auto take = [&](double number, const std::string& label) {
    axis.ticks.push_back(std::log10(number)), axis.labels.push_back(label);
  };
  const int first = exponent_of(low), last = exponent_of(high);
  for (const std::vector<int>& factors : {std::vector<int>{1, 2, 5}, {1, 3}, {1}}) {
    axis.ticks.clear(), axis.labels.clear();
    for (int e = first; e <= last; ++e)
      for (const int factor : factors)
        if (const double number = decimal(factor, e); number >= low && number <= high)
          take(number, tick_label(factor, e, low < 1e-3 || high >= 1e7));
    if (axis.ticks.size() <= most) break;
  }
  if (axis.ticks.size() < 2 || axis.ticks.size() > most) {
    axis.ticks.clear(), axis.labels.clear();
    take(low, plain_number(low, 3));
    if (high > low) take(high, plain_number(high, 3));
  }
  return axis;
}

std::string plain_number(double x, int digits) {
  if (std::isnan(x)) return "?";
  if (std::isinf(x)) return signed_text(x < 0, "∞");
  char text[64];
  const double size = std::fabs(x);
  const auto end = std::to_chars(text, text + sizeof text, size, std::chars_format::general, digits).ptr;
  const std::string all(text, end);
  const std::size_t e = all.find('e');
  if (e == std::string::npos) return signed_text(x < 0, grouped(all));
  const int exponent = std::stoi(all.substr(e + 1));
  if (exponent >= 0 && exponent < 7)  // fewer digits than places: 123457 for 123456.7 by six
    return signed_text(x < 0, grouped(std::to_string(static_cast<std::int64_t>(size + 0.5))));
  return signed_text(x < 0, all.substr(0, e) + "e" + (exponent < 0 ? "−" : "") + std::to_string(std::abs(exponent)));
}

std::string coordinate(double x) {
  char text[64];
  std::string all(text, std::to_chars(text, text + sizeof text, x, std::chars_format::fixed, 2).ptr);
  while (all.back() == '0') all.pop_back();
  if (all.back() == '.') all.pop_back();
  return all == "-0" ? "0" : all;
}

}  // namespace nudge
