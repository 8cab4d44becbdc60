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

}  // namespace

void truncate_weights(std::span<float> weights, const SamplingOptions& options) {
  keep_top_k(weights, options.top_k);
  keep_top_p(weights, options.top_p);
}

std::int32_t sample_token(const float* logits, std::int64_t V, const SamplingOptions& options, double u,
                          Buffer<float>& weights) {
  const float top = *std::max_element(logits, logits + V);
  const bool nan = std::any_of(logits, logits + V, [](float l) { return std::isnan(l); });
  if (nan || !std::isfinite(top)) bad_input("the logits are not finite");
  if (options.temperature == 0) return static_cast<std::int32_t>(std::find(logits, logits + V, top) - logits);
  weights.reserve(V);
  float* w = weights.data();
  for (std::int64_t v = 0; v < V; ++v) w[v] = (logits[v] - top) / options.temperature;
  kernels().exp(w, w, V);
  truncate_weights({w, static_cast<std::size_t>(V)}, options);
  double total = 0;
  for (std::int64_t v = 0; v < V; ++v) total += static_cast<double>(w[v]);
  const double target = u * total;
  double sum = 0;
  std::int64_t last = 0;  // rounding may leave target at the total: the last possible token then
  for (std::int64_t v = 0; v < V; ++v) {
    if (w[v] == 0) continue;
    sum += static_cast<double>(w[v]);
    last = v;
    if (target < sum) break;
  }
  return static_cast<std::int32_t>(last);
}

}  // namespace nudge
