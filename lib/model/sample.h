// Drawing a token from a row of logits.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/buffer.h"

namespace nudge {

// The lowest temperature above 0 that programs accept: below it logits / temperature may overflow, and flushing turns a
// subnormal temperature into 0.
inline constexpr float kLeastTemperature = 1e-3f;

struct SamplingOptions {
  float temperature = 1;   // 0 takes the most probable token; otherwise at least kLeastTemperature
  std::int64_t top_k = 0;  // 0: no limit. Tokens as probable as the k-th are all kept
  float top_p = 1;         // 1: no limit. The smallest set whose probability reaches p, at least one token
};

// Truncates weights (nonnegative, of any sum) in place: those that top_k and then top_p drop become 0. Of equals at
// top-p's edge the lower token is kept.
void truncate_weights(std::span<float> weights, const SamplingOptions& options);

// The token that u in [0, 1) draws from softmax(logits / temperature), truncated. `weights` is scratch. Temperature 0
// takes the most probable token, the lowest of equals, whatever u. A logit of -infinity has probability 0. `logprob`
// receives row_stats's log-prob of the token, at the temperature (at 1 for temperature 0). Error kBadInput for a NaN and
// where the greatest logit is not finite.
std::int32_t sample_token(const float* logits, std::int64_t V, const SamplingOptions& options, double u,
                          Buffer<float>& weights, float* logprob = nullptr);

}  // namespace nudge
