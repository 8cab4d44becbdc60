// Reward over the distance d = sqrt(KL(policy || ref)) as curves (Gao et al. 2022, arXiv:2210.10760;
// docs/mathematics.md, 17).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "lib/report/estimate.h"

namespace nudge {

struct RewardPoint {
  double distance = 0;  // sqrt(nats per response)
  Estimate reward;
};

// Where the curve is highest. The errors are linearised ones (delta method).
struct CurveTop {
  Estimate distance, kl, reward;  // kl = distance^2, nats per response
};

// start + d (alpha - beta ln d), or start + d (alpha - beta d).
struct FittedCurve {
  enum class Form { kReinforcement, kBestOfN };
  Form form = Form::kReinforcement;
  Estimate start, alpha, beta;
  std::optional<CurveTop> top;  // absent where the curve has none at a distance above 0
  bool top_is_beyond = false;   // it lies at a larger distance than every point: extrapolated
  std::size_t points = 0;       // used: those with an error above 0
  double chi_squared = 0;       // sum of squared residuals in units of the points' errors
  std::size_t freedom = 0;      // points - 3: what chi_squared is about where the curve is right
  double least = 0, most = 0;   // distances of the points

  double at(double distance) const;
};

inline constexpr std::size_t kLeastFitPoints = 4;

// Weighted least squares, weights 1/error^2. Where chi_squared exceeds the freedom, the points scatter more than their
// errors say, and the errors of the result are larger by sqrt(chi_squared/freedom). Nothing for fewer than kLeastFitPoints different distances with an error
// above 0, or where the three terms can't be told apart.
std::optional<FittedCurve> fit(FittedCurve::Form form, std::span<const RewardPoint> points);

}  // namespace nudge
