#include "lib/report/over_optimisation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "lib/base/scalar_math.h"

namespace nudge {
namespace {

constexpr std::size_t kTerms = 3;
using Vector = std::array<double, kTerms>;  // of start, alpha, beta
using Matrix = std::array<Vector, kTerms>;

// What beta is subtracted by: d ln d, whose limit at 0 is 0, or d^2.
double penalty(FittedCurve::Form form, double d) {
  if (form == FittedCurve::Form::kBestOfN) return d * d;
  return d > 0 ? d * det_log(d) : 0;
}

Vector terms_at(FittedCurve::Form form, double d) { return {1, d, -penalty(form, d)}; }

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Weighted rows of the design, column by column, and the weighted rewards.
struct LeastSquares {
  std::array<std::vector<double>, kTerms> columns;
  std::vector<double> rewards;

  void add(const Vector& terms, const Estimate& reward) {
    for (std::size_t k = 0; k < kTerms; ++k) columns[k].push_back(terms[k] / *reward.standard_error);
    rewards.push_back(*reward.mean / *reward.standard_error);
  }
};

struct Solution {
  Vector values{};
  Matrix covariance{};
  double chi_squared = 0;
};

// R^-1 of an upper triangle.
Matrix inverse(const Matrix& r) {
  Matrix out{};
  for (std::size_t j = 0; j < kTerms; ++j) {
    out[j][j] = 1 / r[j][j];
    for (std::size_t i = j; i-- > 0;) {
      double sum = 0;
      for (std::size_t k = i + 1; k <= j; ++k) sum += r[i][k] * out[k][j];
      out[i][j] = -sum / r[i][i];
    }
  }
  return out;
}

// By the columns' orthogonal factors (modified Gram-Schmidt, each column twice): d and d ln d are nearly the same line
// over a short range, and the normal equations would square that. Nothing where a column is in the span of those before.
std::optional<Solution> solve(LeastSquares s) {
  constexpr double kDependent = 1e-9;  // share of a column's length
  Matrix r{};
  Vector projections{};
  for (std::size_t j = 0; j < kTerms; ++j) {
    std::vector<double>& column = s.columns[j];
    const double length = std::sqrt(dot(column, column));
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t i = 0; i < j; ++i) {
        const double along = dot(s.columns[i], column);
        r[i][j] += along;
        for (std::size_t n = 0; n < column.size(); ++n) column[n] -= along * s.columns[i][n];
      }
    r[j][j] = std::sqrt(dot(column, column));
    if (!(r[j][j] > kDependent * length)) return std::nullopt;
    for (double& x : column) x /= r[j][j];
    projections[j] = dot(column, s.rewards);
    for (std::size_t n = 0; n < column.size(); ++n) s.rewards[n] -= projections[j] * column[n];
  }
  const Matrix back = inverse(r);
  Solution out;
  for (std::size_t i = 0; i < kTerms; ++i)
    for (std::size_t k = i; k < kTerms; ++k) out.values[i] += back[i][k] * projections[k];
  for (std::size_t i = 0; i < kTerms; ++i)
    for (std::size_t j = 0; j < kTerms; ++j)
      for (std::size_t k = std::max(i, j); k < kTerms; ++k) out.covariance[i][j] += back[i][k] * back[j][k];
  out.chi_squared = dot(s.rewards, s.rewards);  // what is left of them
  return out;
}

// The error of a function of the parameters with this gradient.
double error_of(const Vector& gradient, const Matrix& covariance) {
  double variance = 0;
  for (std::size_t i = 0; i < kTerms; ++i)
    for (std::size_t j = 0; j < kTerms; ++j) variance += gradient[i] * covariance[i][j] * gradient[j];
  return std::sqrt(std::max(variance, 0.0));
}

// d (alpha - beta ln d) is highest at exp(alpha/beta - 1), d (alpha - beta d) at alpha/(2 beta).
std::optional<CurveTop> top_of(FittedCurve::Form form, const Solution& found) {
  const auto [start, alpha, beta] = found.values;
  if (!(beta > 0)) return std::nullopt;
  double d = 0;
  Vector by{};  // the gradient of d
  if (form == FittedCurve::Form::kReinforcement) {
    d = det_exp(alpha / beta - 1);
    by = {0, d / beta, -d * alpha / (beta * beta)};
  } else {
    d = alpha / (2 * beta);
    by = {0, 1 / (2 * beta), -d / beta};
  }
  if (!(d > 1e-300) || !std::isfinite(d * d)) return std::nullopt;
  CurveTop top;
  const double error = error_of(by, found.covariance);
  top.distance = {d, error};
  top.kl = {d * d, 2 * d * error};
  // d itself moves the reward at the top by nothing, to first order.
  const Vector at = terms_at(form, d);
  top.reward = {start + alpha * at[1] + beta * at[2], error_of(at, found.covariance)};
  return top;
}

bool is_usable(const RewardPoint& p) {
  return p.reward.mean && p.reward.standard_error && *p.reward.standard_error > 0 &&
         std::isfinite(*p.reward.standard_error) && std::isfinite(*p.reward.mean) && std::isfinite(p.distance) &&
         (p.distance == 0 || p.distance > 1e-300);
}

}  // namespace

double FittedCurve::at(double distance) const {
  const Vector terms = terms_at(form, distance);
  return *start.mean + *alpha.mean * terms[1] + *beta.mean * terms[2];
}

std::optional<FittedCurve> fit(FittedCurve::Form form, std::span<const RewardPoint> points) {
  LeastSquares design;
  std::vector<double> distances;
  for (const RewardPoint& p : points) {
    if (!is_usable(p)) continue;
    design.add(terms_at(form, p.distance), p.reward);
    distances.push_back(p.distance);
  }
  const std::size_t used = distances.size();
  std::sort(distances.begin(), distances.end());
  distances.erase(std::unique(distances.begin(), distances.end()), distances.end());
  if (distances.size() < kLeastFitPoints) return std::nullopt;
  std::optional<Solution> found = solve(std::move(design));
  if (!found) return std::nullopt;
  const double scatter = std::max(1.0, found->chi_squared / static_cast<double>(used - kTerms));
  for (Vector& row : found->covariance)
    for (double& c : row) c *= scatter;
  FittedCurve curve;
  curve.form = form;
  Estimate* const parameters[] = {&curve.start, &curve.alpha, &curve.beta};
  for (std::size_t k = 0; k < kTerms; ++k) *parameters[k] = {found->values[k], std::sqrt(found->covariance[k][k])};
  curve.top = top_of(form, *found);
  curve.points = used, curve.freedom = used - kTerms;
  curve.chi_squared = found->chi_squared;
  curve.least = distances.front(), curve.most = distances.back();
  curve.top_is_beyond = curve.top && *curve.top->distance.mean > curve.most;
  return curve;
}

}  // namespace nudge
