// Importance weights (docs/mathematics.md, 2) where they are known by hand.
#include "lib/rl/importance.h"

#include <cmath>

#include "tests/harness/harness.h"

using namespace nudge;

namespace {

const std::vector<std::size_t> kBegin = {0, 2, 3};
// Weights 4 and 1/2 of the first sequence, whose product is 2, and 1/4 of the second.
const std::vector<double> kLogRatios = {std::log(4.0), std::log(0.5), std::log(0.25)};

ImportanceWeights weights_of(Correction correction, bool by_sequence, double low, double high) {
  return importance_weights(kLogRatios, kBegin, {correction, by_sequence, low, high});
}
bool close(const std::vector<float>& found, const std::vector<double>& expected) {
  if (found.size() != expected.size()) return false;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (std::abs(double(found[i]) - expected[i]) > 1e-6) return false;
  return true;
}

}  // namespace

TEST_CASE("weights of tokens are truncated from above alone") {
  const auto w = weights_of(Correction::kTruncate, false, 0.5, 3);
  CHECK(close(w.weights, {3, 0.5, 0.25}));
  CHECK(w.figures.cut_share == doctest::Approx(1.0 / 3));
  CHECK(w.figures.largest == doctest::Approx(4));
}

TEST_CASE("weights of tokens beyond the bounds are left out") {
  const auto w = weights_of(Correction::kMask, false, 0.3, 3);
  CHECK(close(w.weights, {0, 0.5, 0}));
  CHECK(w.figures.cut_share == doctest::Approx(2.0 / 3));
}

TEST_CASE("a weight on its bound is kept") {
  const std::vector<double> ones(3, 0.0);
  const auto w = importance_weights(ones, kBegin, {Correction::kMask, false, 1, 1});
  CHECK(close(w.weights, {1, 1, 1}));
  CHECK(w.figures.cut_share == 0);
}

TEST_CASE("weights of sequences are the product over their tokens, and counted once") {
  const auto w = weights_of(Correction::kTruncate, true, 0.5, 1.5);
  CHECK(close(w.weights, {1.5, 1.5, 0.25}));
  CHECK(w.figures.cut_share == 0.5);
  CHECK(w.figures.largest == doctest::Approx(2));
  CHECK(close(weights_of(Correction::kMask, true, 0.5, 3).weights, {2, 2, 0}));
}

TEST_CASE("effective sizes are Kish's, before the cut") {
  const auto w = weights_of(Correction::kMask, false, 0.9, 1.1).figures;
  CHECK(*w.effective_tokens == doctest::Approx(4.75 * 4.75 / (16 + 0.25 + 0.0625)));
  CHECK(*w.effective_sequences == doctest::Approx(2.25 * 2.25 / (4 + 0.0625)));
  CHECK(*effective_size(std::vector<double>{5000, 5000}) == 2);
  CHECK_FALSE(effective_size({}).has_value());
}

TEST_CASE("a product beyond double is the largest double, and no tokens have no weights") {
  const std::vector<double> far = {700, 700};
  const std::vector<std::size_t> one = {0, 2}, none = {0};
  const auto w = importance_weights(far, one, {Correction::kTruncate, true, 0, 2});
  CHECK((close(w.weights, {2, 2}) && std::isfinite(w.figures.largest)));
  const auto empty = importance_weights({}, none, {Correction::kTruncate, false, 0, 2});
  CHECK((empty.weights.empty() && empty.figures.cut_share == 0));
}
