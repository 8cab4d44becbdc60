// The angles of rotary positions (docs/mathematics.md, 15), one row of cosines and sines a position.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/config.h"

namespace nudge {

class RotaryTable {
 public:
  // Empty for positions of another kind.
  explicit RotaryTable(const ModelConfig& config);

  // Pairs of channels that turn, of each head.
  std::int64_t half() const { return static_cast<std::int64_t>(turns_.size()); }
  // Makes rows 0 .. positions - 1 be there. A row depends on its position and the configuration alone.
  void reach(std::int64_t positions);
  const float* cosine(std::int64_t position) const { return cosine_.data() + position * half(); }
  const float* sine(std::int64_t position) const { return sine_.data() + position * half(); }

 private:
  std::vector<double> turns_;  // full turns a position, pair by pair
  std::int64_t positions_ = 0;
  Buffer<float> cosine_, sine_;
};

}  // namespace nudge
