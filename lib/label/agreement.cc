#include "lib/label/agreement.h"

#include <cmath>
#include <map>

namespace nudge {
namespace {

using Shares = std::array<double, kVerdicts>;

// Sums over pairs, from which either kappa follows. One side's shares of a verdict times the other's is how often chance
// agrees; with Fleiss both are those of all judges.
struct AgreementSums {
  double pairs = 0, agreeing = 0;
  Shares one = {}, other = {};

  void add(const AgreementSums& more, double sign) {
    pairs += sign * more.pairs;
    agreeing += sign * more.agreeing;
    for (std::size_t k = 0; k < kVerdicts; ++k) {
      one[k] += sign * more.one[k];
      other[k] += sign * more.other[k];
    }
  }
  // (observed - expected)/(1 - expected).
  std::optional<double> kappa() const {
    double expected = 0;
    for (std::size_t k = 0; k < kVerdicts; ++k) expected += one[k] * other[k];
    expected /= pairs * pairs;
    // Sums of thirds and the like are off by a few bits: what is 1 but for those is 1.
    if (!(pairs > 0) || 1 - expected < 1e-9) return std::nullopt;
    return (agreeing / pairs - expected) / (1 - expected);
  }
};

std::size_t verdicts_of(const RatedPair& pair, Shares& counts) {
  counts = {};
  std::size_t n = 0;
  for (const Shares& verdict : pair.verdicts) {
    bool said = false;
    for (std::size_t k = 0; k < kVerdicts; ++k) {
      counts[k] += verdict[k];
      said = said || verdict[k] > 0;
    }
    n += said;
  }
  return n;
}

AgreementSums cohens_terms(const RatedPair& pair) {
  AgreementSums terms{.pairs = 1, .one = pair.verdicts[0], .other = pair.verdicts[1]};
  for (std::size_t k = 0; k < kVerdicts; ++k) terms.agreeing += terms.one[k] * terms.other[k];
  return terms;
}

AgreementSums fleiss_terms(const RatedPair& pair) {
  Shares counts;
  const auto n = static_cast<double>(verdicts_of(pair, counts));
  AgreementSums terms{.pairs = 1};
  for (std::size_t k = 0; k < kVerdicts; ++k) {
    terms.agreeing += counts[k] * (counts[k] - 1) / (n * (n - 1));
    terms.one[k] = terms.other[k] = counts[k] / n;
  }
  return terms;
}

// The error of kappa when each cluster in turn is left out; absent where kappa is undefined without one of them.
std::optional<double> jackknife_error(const AgreementSums& all, const std::map<std::string, AgreementSums>& clusters) {
  if (clusters.size() < 2) return std::nullopt;
  std::vector<double> without;
  double sum = 0;
  for (const auto& [name, terms] : clusters) {
    AgreementSums rest = all;
    rest.add(terms, -1);
    const std::optional<double> kappa = rest.kappa();
    if (!kappa) return std::nullopt;
    without.push_back(*kappa);
    sum += *kappa;
  }
  const double n = static_cast<double>(without.size()), mean = sum / n;
  double squares = 0;
  for (const double kappa : without) squares += (kappa - mean) * (kappa - mean);
  return std::sqrt((n - 1) / n * squares);
}

template <class Terms>
Agreement agreement(std::span<const RatedPair> pairs, Terms terms_of) {
  AgreementSums all;
  std::map<std::string, AgreementSums> clusters;
  Agreement result;
  for (const RatedPair& pair : pairs) {
    Shares counts;
    if (verdicts_of(pair, counts) < 2) continue;
    const AgreementSums terms = terms_of(pair);
    all.add(terms, 1);
    clusters[pair.cluster].add(terms, 1);
    ++result.pairs;
  }
  if (result.pairs == 0) return result;
  result.observed = all.agreeing / all.pairs;
  result.kappa = all.kappa();
  if (result.kappa) result.standard_error = jackknife_error(all, clusters);
  return result;
}

}  // namespace

Agreement cohens_kappa(std::span<const RatedPair> pairs) { return agreement(pairs, cohens_terms); }
Agreement fleiss_kappa(std::span<const RatedPair> pairs) { return agreement(pairs, fleiss_terms); }

}  // namespace nudge
