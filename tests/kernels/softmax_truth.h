// The softmax of a row in double precision, straight from its definition.
#pragma once

#include "tests/kernels/row_tools.h"

namespace nudge::test {

inline Doubles log_softmax(const Doubles& logits, double temperature) {
  double top = -INFINITY, sum = 0;
  for (double l : logits) top = std::max(top, l / temperature);
  for (double l : logits) sum += std::exp(l / temperature - top);
  Doubles log_p;
  for (double l : logits) log_p.push_back(l / temperature - top - std::log(sum));
  return log_p;
}

inline double entropy(const Doubles& log_p) {
  double h = 0;
  for (double l : log_p) h -= std::isinf(l) ? 0 : std::exp(l) * l;
  return h;
}

inline double divergence(const Doubles& log_p, const Doubles& log_q) {
  double kl = 0;
  for (std::size_t i = 0; i < log_p.size(); ++i) {
    if (!std::isinf(log_p[i])) kl += std::exp(log_p[i]) * (log_p[i] - log_q[i]);
  }
  return kl;
}

inline RowStats stats_of(const Kernels& k, const Floats& logits, float temperature, int chosen = -1) {
  FlushDenormals flush;
  RowStats s;
  k.row_stats(logits.data(), static_cast<std::int64_t>(logits.size()), temperature, chosen, &s);
  return s;
}

}  // namespace nudge::test
