// RoPE's angles (docs/mathematics.md, 15): one row of cosines and sines per position, a function of it
// alone: law (c).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/config.h"

namespace nudge {

// The frequency of each pair of rotated channels of a head, in full turns per position, and what multiplies all cosines
// and sines. None where nothing is rotated.
struct RotaryWaves {
  std::vector<double> frequencies;
  double amplitude = 1;
  bool operator==(const RotaryWaves&) const = default;
};
// By LayerForm::Rope.
std::array<RotaryWaves, 3> rotary_waves(const ModelConfig& config);

// Cosines and sines, made as positions are met: a context of 131,072 would cost half a second at loading.
class RotaryTable {
 public:
  // Extends the table to positions 0 .. positions - 1 of these waves; other waves start it anew. A row depends on its
  // position and the waves alone.
  void reach(const RotaryWaves& waves, std::int64_t positions);

  // Rotated pairs per head.
  std::int64_t half() const { return std::ssize(waves_.frequencies); }
  // [half]
  const float* cosine(std::int64_t position) const { return cosine_.data() + position * half(); }
  const float* sine(std::int64_t position) const { return sine_.data() + position * half(); }

 private:
  RotaryWaves waves_;
  std::int64_t positions_ = 0;
  Buffer<float> cosine_, sine_;  // [positions, half]
};

}  // namespace nudge
