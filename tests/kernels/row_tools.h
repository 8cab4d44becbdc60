// What the tests of the row kernels share: numbers to feed them, memory that notices
// stray writes, and distances.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "lib/kernels/kernels.h"
#include "tests/harness/harness.h"
#include "tests/harness/levels.h"

namespace nudge::test {

using Floats = std::vector<float>;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

inline Floats normals(std::int64_t n, std::uint64_t stream, double scale = 1) {
  Floats x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(scale * normal(17, stream, i));
  return x;
}

// Sizes that end at every lane, and one that passes every block of the kernels.
inline std::vector<std::int64_t> sizes() {
  std::vector<std::int64_t> all;
  for (std::int64_t n = 0; n <= 33; ++n) all.push_back(n);
  for (std::int64_t n : {63, 64, 65, 1000, 1023, 1024, 1025, 2063}) all.push_back(n);
  return all;
}

// n floats that start `shift` floats past a cache line's boundary, between guards that must stay as they are.
class Guarded {
 public:
  Guarded(const Floats& x, int shift) : n_(static_cast<std::int64_t>(x.size())), shift_(shift), memory_(n_ + 64) {
    for (std::int64_t i = 0; i < memory_.size(); ++i) memory_[i] = kGuard;
    if (n_ > 0) std::memcpy(data(), x.data(), x.size() * sizeof(float));
  }
  Guarded(std::int64_t n, int shift) : Guarded(Floats(static_cast<std::size_t>(n), kGuard), shift) {}
  float* data() { return memory_.data() + 16 + shift_; }
  Floats values() { return Floats(data(), data() + n_); }
  bool intact() const {
    bool same = true;
    for (std::int64_t i = 0; i < memory_.size(); ++i) {
      if (i < 16 + shift_ || i >= 16 + shift_ + n_) same = same && memory_[i] == kGuard;
    }
    return same;
  }

 private:
  static constexpr float kGuard = -77.25f;
  std::int64_t n_;
  int shift_;
  Buffer<float> memory_;
};

inline bool same_bits(float a, float b) {
  return std::memcmp(&a, &b, sizeof(float)) == 0 || (std::isnan(a) && std::isnan(b));
}
inline bool same_bits(const Floats& a, const Floats& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_bits(a[i], b[i])) return false;
  }
  return true;
}

// |y - truth| in units of the last place of the float nearest to the truth. Results below the smallest
// normal number may be 0.
inline double ulps(float y, double truth) {
  if (std::isnan(truth)) return std::isnan(y) ? 0 : 1e30;
  if (std::isnan(y)) return 1e30;
  const float nearest = static_cast<float>(truth);
  if (std::isinf(nearest) || std::isinf(y)) {
    if (nearest == y) return 0;
    // At the edge of overflow one side may have rounded to infinity.
    return std::abs(truth) > 0.9999998 * static_cast<double>(FLT_MAX) && std::abs(y) >= FLT_MAX ? 1 : 1e30;
  }
  if (std::abs(truth) < static_cast<double>(FLT_MIN) * (1 + 1e-6)) return std::abs(y) <= FLT_MIN * 1.000001f ? 0 : 1e30;
  int exponent = 0;
  std::frexp(truth, &exponent);
  return std::abs(static_cast<double>(y) - truth) / std::ldexp(1.0, exponent - 24);
}

// |y - truth| <= relative |truth| + absolute
inline bool near(double y, double truth, double relative, double absolute) {
  return std::abs(y - truth) <= relative * std::abs(truth) + absolute;
}

// df/dx_i by central differences, f of a vector in double.
using Doubles = std::vector<double>;
inline double slope(const std::function<double(const Doubles&)>& f, Doubles x, std::size_t i, double h = 1e-5) {
  const double at = x[i];
  x[i] = at + h;
  const double above = f(x);
  x[i] = at - h;
  return (above - f(x)) / (2 * h);
}
inline Doubles doubles(const Floats& x) { return Doubles(x.begin(), x.end()); }

}  // namespace nudge::test
