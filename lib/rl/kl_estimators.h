// Estimators of KL(p || q) from samples of p (Schulman 2020, "Approximating KL divergence"; docs/mathematics.md, 12).
// x = log r = log q - log p of one sampled token. k1 and k3 are unbiased; k2 and k3 are never negative.
#pragma once

namespace nudge {

double k1_of_log_ratio(double x);  // -log r
double k2_of_log_ratio(double x);  // (log r)^2/2
double k3_of_log_ratio(double x);  // r - 1 - log r, without cancellation near r = 1; infinite beyond log r = 709

}  // namespace nudge
