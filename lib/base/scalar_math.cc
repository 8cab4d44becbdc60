#include "lib/base/scalar_math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace nudge {
namespace {

constexpr double kLn2High = 0x1.62e42fefa3800p-1;  // 42 bits: k * kLn2High is exact
constexpr double kLn2Low = 0x1.ef35793c76730p-45;

double scale_by_power_of_two(double x, int k) {
  // In two steps, so that results near the ends of the range don't overflow.
  const int half = k / 2;
  const auto power = [](int e) { return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52); };
  return x * power(half) * power(k - half);
}

// sin and cos of pi/4 * y for |y| <= 1, by their Taylor series (the terms left out are below 1e-17).
double sin_eighth(double y) {
  const double x = y * 0x1.921fb54442d18p-1, z = x * x;
  double sum = 0;
  for (int n = 19; n >= 3; n -= 2) sum = (1.0 + sum) * (-z / ((n - 1) * n));
  return x + x * sum;
}
double cos_eighth(double y) {
  const double x = y * 0x1.921fb54442d18p-1, z = x * x;
  double sum = 0;
  for (int n = 20; n >= 2; n -= 2) sum = (1.0 + sum) * (-z / ((n - 1) * n));
  return 1.0 + sum;
}

}  // namespace

double det_exp(double x) {
  if (x != x) return x;
  if (x > 709.78) return std::numeric_limits<double>::infinity();
  if (x < -745.0) return 0.0;
  const double k = std::floor(x * 0x1.71547652b82fep0 + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;  // |r| <= 0.35
  double sum = 0;
  for (int n = 15; n >= 1; --n) sum = (1.0 + sum) * (r / n);
  return scale_by_power_of_two(1.0 + sum, static_cast<int>(k));
}

double det_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  // log m = 2 atanh(f), f = (m - 1)/(m + 1), |f| <= 0.1716
  const double f = (m - 1.0) / (m + 1.0), z = f * f;
  double sum = 0;
  for (int n = 23; n >= 3; n -= 2) sum = (sum + 1.0 / n) * z;
  return exponent * kLn2High + (2.0 * f + (2.0 * f * sum + exponent * kLn2Low));
}

double det_pow(double x, double y) { return det_exp(y * det_log(x)); }

double det_powi(double x, long n) {
  double result = 1.0;
  for (; n > 0; n >>= 1, x *= x)
    if (n & 1) result *= x;
  return result;
}

namespace {

// The quarter turn nearest to t turns, and the exact rest in eighths of a turn: [-1, 1].
struct Quarter {
  int number;
  double rest;
};
Quarter nearest_quarter(double t) {
  const double eighths = t * 8.0;
  const int number = static_cast<int>(eighths + 1.0) / 2;
  return {number & 3, eighths - 2.0 * number};
}

}  // namespace

double det_cos_turns(double t) {
  const auto [quarter, y] = nearest_quarter(t);
  switch (quarter) {
    case 0: return cos_eighth(y);
    case 1: return -sin_eighth(y);
    case 2: return -cos_eighth(y);
    default: return sin_eighth(y);
  }
}

double det_sin_turns(double t) {
  const auto [quarter, y] = nearest_quarter(t);
  switch (quarter) {
    case 0: return sin_eighth(y);
    case 1: return cos_eighth(y);
    case 2: return -sin_eighth(y);
    default: return -cos_eighth(y);
  }
}

}  // namespace nudge
