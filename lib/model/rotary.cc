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
    case RopeScaling::kLong: return frequency / r.short_factors[static_cast<std::size_t>(pair)];
    case RopeScaling::kNone: break;
  }
  return frequency;
}

RotaryWaves waves_of(const Rotary& r) {
  RotaryWaves waves{{}, r.attention_factor};
  for (std::int64_t i = 0; i < r.dims / 2; ++i) waves.frequencies.push_back(frequency_of(r, i) / kTau);
  return waves;
}

}  // namespace

std::array<RotaryWaves, 3> rotary_waves(const ModelConfig& config) {
  if (config.positions != PositionKind::kRotary) return {};
  return {waves_of(config.rotary), waves_of(config.local_rotary), {}};
}

void RotaryTable::reach(const RotaryWaves& waves, std::int64_t positions) {
  if (waves != waves_) {
    waves_ = waves;
    positions_ = 0;
  }
  if (positions <= positions_ || half() == 0) return;
  // Twice as far as before: a decoding loop asks for one position more at a time.
  const std::int64_t n = std::max({positions, 2 * positions_, std::int64_t{256}});
  Buffer<float> cosine(n * half()), sine(n * half());
  parallel_ranges(n, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      for (std::int64_t i = 0; i < half(); ++i) {
        const double turns = static_cast<double>(p) * waves.frequencies[static_cast<std::size_t>(i)];
        const double part = turns - std::floor(turns);
        cosine[p * half() + i] = static_cast<float>(waves.amplitude * det_cos_turns(part));
        sine[p * half() + i] = static_cast<float>(waves.amplitude * det_sin_turns(part));
      }
    }
  });
  cosine_ = std::move(cosine);
  sine_ = std::move(sine);
  positions_ = n;
}

}  // namespace nudge
