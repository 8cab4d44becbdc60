#include "lib/model/rotary.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/parallel.h"
#include "lib/base/scalar_math.h"

namespace nudge {
namespace {

constexpr double kTau = 0x1.921fb54442d18p+2;  // 2 pi

// Llama 3: long waves are stretched by the factor, short ones kept, those between interpolated.
double llama3(double frequency, const Rotary& r) {
  const double waves = static_cast<double>(r.original_context) * frequency / kTau;  // in the original context
  if (waves < r.low_factor) return frequency / r.factor;
  if (waves > r.high_factor) return frequency;
  const double smooth = (waves - r.low_factor) / (r.high_factor - r.low_factor);
  return (1 - smooth) * frequency / r.factor + smooth * frequency;
}

double frequency_of(const Rotary& r, std::int64_t pair) {
  const double exponent = 2.0 * static_cast<double>(pair) / static_cast<double>(r.dims);
  const double frequency = det_exp(-exponent * det_log(r.theta));
  switch (r.scaling) {
    case RopeScaling::kLinear: return frequency / r.factor;
    case RopeScaling::kLlama3: return llama3(frequency, r);
    case RopeScaling::kNone: break;
  }
  return frequency;
}

}  // namespace

std::vector<double> rotary_frequencies(const ModelConfig& config) {
  std::vector<double> frequencies;
  if (config.positions != PositionKind::kRotary) return frequencies;
  for (std::int64_t i = 0; i < config.rotary.dims / 2; ++i)
    frequencies.push_back(frequency_of(config.rotary, i) / kTau);
  return frequencies;
}

void RotaryTable::reach(std::span<const double> frequencies, std::int64_t positions) {
  if (!std::equal(frequencies.begin(), frequencies.end(), frequencies_.begin(), frequencies_.end())) {
    frequencies_.assign(frequencies.begin(), frequencies.end());
    positions_ = 0;
  }
  if (positions <= positions_ || frequencies_.empty()) return;
  // Twice as far as before: a decoding loop asks for one position more at a time.
  const std::int64_t n = std::max({positions, 2 * positions_, std::int64_t{256}});
  Buffer<float> cosine(n * half()), sine(n * half());
  parallel_ranges(n, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      for (std::size_t i = 0; i < frequencies_.size(); ++i) {
        const double turns = static_cast<double>(p) * frequencies_[i], part = turns - std::floor(turns);
        const std::int64_t at = p * half() + static_cast<std::int64_t>(i);
        cosine[at] = static_cast<float>(det_cos_turns(part));
        sine[at] = static_cast<float>(det_sin_turns(part));
      }
    }
  });
  cosine_ = std::move(cosine);
  sine_ = std::move(sine);
  positions_ = n;
}

}  // namespace nudge
