// Drawing a token from a row of logits.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/buffer.h"

namespace nudge {

// The least temperature but 0 that programs take: below it logits / temperature may overflow, and a subnormal one is 0
// where subnormals are flushed.
inline constexpr float kLeastTemperature = 1e-3f;

struct SamplingOptions {
  float temperature = 1;   // 0 takes the most probable token; otherwise at least kLeastTemperature
  std::int64_t top_k = 0;  // 0: no limit. Tokens as probable as the k-th are all kept
  float top_p = 1;         // 1: no limit. The smallest set whose probability reaches p, at least one token
};

// Turns weights (not negative, of any sum) into those of the truncated distribution, in place: what top_k and
// then top_p drop becomes 0. Among equals at top-p's edge the lower token is kept.
void truncate_weights(std::span<float> weights, const SamplingOptions& options);

// The token that the number u in [0, 1) draws from softmax(logits / temperature), truncated. `weights` is
// scratch. For temperature 0: the most probable, the lowest of equals, whatever u. -infinity has probability 0.
// `logprob` gets what row_stats has as the log-prob of the token, at the temperature, at 1 for temperature 0.
// Error kBadInput for a NaN and where the greatest logit is not finite.
std::int32_t sample_token(const float* logits, std::int64_t V, const SamplingOptions& options, double u,
                          Buffer<float>& weights, float* logprob = nullptr);

}  // namespace nudge
