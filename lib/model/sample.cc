#include "lib/model/sample.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "lib/base/error.h"
#include "lib/kernels/kernels.h"

namespace nudge {
namespace {

void keep_top_k(std::span<float> weights, std::int64_t k) {
  if (k <= 0 || k >= static_cast<std::int64_t>(weights.size())) return;
  std::vector<float> sorted(weights.begin(), weights.end());
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<>());
  const float least = sorted[static_cast<std::size_t>(k - 1)];
  for (float& w : weights)
    if (w < least) w = 0;
}

void keep_top_p(std::span<float> weights, float p) {
  if (p >= 1) return;
  std::vector<std::int32_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  const auto weight = [&](std::int32_t t) { return weights[static_cast<std::size_t>(t)]; };
  std::sort(order.begin(), order.end(),
            [&](std::int32_t a, std::int32_t b) { return weight(a) != weight(b) ? weight(a) > weight(b) : a < b; });
  double total = 0, kept = 0;
  for (float w : weights) total += static_cast<double>(w);
  for (std::int32_t t : order) {
    if (kept >= static_cast<double>(p) * total && kept > 0) weights[static_cast<std::size_t>(t)] = 0;
    kept += static_cast<double>(weight(t));
  }
}

// The sum in double precision, in four chains: one would wait for each addition.
double sum_of(const float* w, std::int64_t n) {
  double sums[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (std::int64_t k = 0; k < 4; ++k) sums[k] += static_cast<double>(w[i + k]);
  for (; i < n; ++i) sums[0] += static_cast<double>(w[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

constexpr std::int64_t kSumBlock = 1024;  // weights that are summed before one of them is looked for

std::int64_t draw(const float* logits, std::int64_t V, float top, const SamplingOptions& options, double u,
                  Buffer<float>& weights) {
  const std::int64_t blocks = (V + kSumBlock - 1) / kSumBlock;
  weights.reserve(V);
  float* w = weights.data();
  std::vector<double> sums(static_cast<std::size_t>(blocks));
  const auto each_block = [&](const auto& f) {
    for (std::int64_t b = 0; b < blocks; ++b) f(b, b * kSumBlock, std::min(V, (b + 1) * kSumBlock));
  };
  const auto add_up = [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
    sums[static_cast<std::size_t>(b)] = sum_of(w + begin, end - begin);
  };
  const bool truncated = options.top_k > 0 || options.top_p < 1;
  each_block([&](std::int64_t b, std::int64_t begin, std::int64_t end) {
    for (std::int64_t v = begin; v < end; ++v) w[v] = logits[v] - top;
    if (options.temperature != 1)
      for (std::int64_t v = begin; v < end; ++v) w[v] /= options.temperature;
    kernels().exp(w + begin, w + begin, end - begin);
    if (!truncated) add_up(b, begin, end);
  });
  if (truncated) {
    truncate_weights({w, static_cast<std::size_t>(V)}, options);
    each_block(add_up);
  }
  const double target = u * std::accumulate(sums.begin(), sums.end(), 0.0);
  // The block in which the sum passes the target, then the token in it. Rounding may leave the target at the end of
  // either: the last possible one then.
  std::int64_t block = 0, token = 0;
  double before = 0, sum = 0;
  for (std::int64_t b = 0; b < blocks && target >= sum; ++b) {
    const double weight = sums[static_cast<std::size_t>(b)];
    if (weight > 0) block = b, before = sum, sum += weight;
  }
  sum = before;
  for (std::int64_t v = block * kSumBlock; v < std::min(V, (block + 1) * kSumBlock) && target >= sum; ++v)
    if (w[v] > 0) token = v, sum += static_cast<double>(w[v]);
  return token;
}

}  // namespace

void truncate_weights(std::span<float> weights, const SamplingOptions& options) {
  keep_top_k(weights, options.top_k);
  keep_top_p(weights, options.top_p);
}

std::int32_t sample_token(const float* logits, std::int64_t V, const SamplingOptions& options, double u,
                          Buffer<float>& weights, float* logprob) {
  const float temperature = options.temperature == 0 ? 1.0f : options.temperature;
  RowStats stats;
  kernels().row_stats(logits, V, temperature, -1, &stats);
  // A NaN or +infinity anywhere shows in the sum, a row of -infinity in the maximum.
  if (std::isnan(stats.log_sum) || !std::isfinite(stats.max)) bad_input("the logits are not finite");
  const float top = temperature == 1 ? stats.max : *std::max_element(logits, logits + V);
  const std::int64_t token = options.temperature == 0 ? std::find(logits, logits + V, top) - logits
                                                      : draw(logits, V, top, options, u, weights);
  if (logprob != nullptr) *logprob = logits[token] / temperature - stats.max - stats.log_sum;
  return static_cast<std::int32_t>(token);
}

}  // namespace nudge
