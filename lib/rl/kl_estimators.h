// Estimators of KL(p || q) from samples of p (Schulman 2020, "Approximating KL divergence"; docs/mathematics.md, 12).
// x = log r = log q - log p of one sampled token. k1 and k3 are unbiased; k2 and k3 are never negative.
#pragma once

#include <cstdint>

namespace nudge {

double k1_of_log_ratio(double x);  // -log r
double k2_of_log_ratio(double x);  // (log r)^2/2
double k3_of_log_ratio(double x);  // r - 1 - log r, without cancellation near r = 1; infinite beyond log r = 709

// An upper bound on KL(best of n || policy) in nats per response, n >= 1 (Beirami et al. 2024; docs/mathematics.md, 12).
double best_of_kl_bound(std::int64_t n);

}  // namespace nudge
