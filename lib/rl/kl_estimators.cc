#include "lib/rl/kl_estimators.h"

#include "lib/base/scalar_math.h"

namespace nudge {

double k1_of_log_ratio(double x) { return 0.0 - x; }
double k2_of_log_ratio(double x) { return 0.5 * x * x; }

double k3_of_log_ratio(double x) {
  if (!(x > -0.5 && x < 0.5)) return det_exp(x) - 1.0 - x;
  // exp x - 1 - x = x^2/2 (1 + x/3 (1 + x/4 (...))); the terms left out are below 1e-19 of the sum.
  double sum = 1;
  for (int n = 17; n >= 3; --n) sum = 1.0 + sum * (x / n);
  return 0.5 * x * x * sum;
}

double best_of_kl_bound(std::int64_t n) {
  const double of = static_cast<double>(n);
  return det_log(of) - (of - 1) / of;
}

}  // namespace nudge
