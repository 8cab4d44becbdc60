#include "lib/report/kl_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "lib/base/error.h"
#include "tests/harness/golden_batch.h"

using namespace nudge;
using namespace nudge::test;

namespace {

KlStatistics old_to_new(const GoldenBatch& g) {
  KlStatistics kl;
  for (const GoldenSample& s : g.samples)
    kl.add(difference(s.new_logprobs, s.old_logprobs), s.kl_exact_old_new, s.entropy);
  return kl;
}

KlStatistics of(std::initializer_list<std::vector<float>> sequences) {
  KlStatistics kl;
  for (const std::vector<float>& s : sequences) kl.add(s);
  return kl;
}

float log_of(double ratio) { return static_cast<float>(std::log(ratio)); }

}  // namespace

TEST_CASE("k1, k2 and k3 of each token are the oracle's") {
  for (const std::string& folder : golden_family_folders())
    for (const GoldenSample& s : read_golden_batch(folder).samples) {
      const std::vector<float> log_ratios = difference(s.new_logprobs, s.old_logprobs);
      for (std::size_t t = 0; t < log_ratios.size(); ++t) {
        const double x = static_cast<double>(log_ratios[t]);
        CHECK(near(k1_of_log_ratio(x), s.k1[t], 1e-5));
        CHECK(near(k2_of_log_ratio(x), s.k2[t], 1e-5));
        CHECK(near_ratio(k3_of_log_ratio(x), s.k3[t], 1e-5));
      }
    }
}

TEST_CASE("the batch's estimators between old and new are the oracle's") {
  for (const std::string& folder : golden_family_folders()) {
    CAPTURE(folder);
    const GoldenBatch g = read_golden_batch(folder);
    const KlStatistics kl = old_to_new(g);
    CHECK(near(*kl.k1().per_token.mean, g.approx_kl_k1, 1e-5));
    CHECK(near(*kl.k2().per_token.mean, g.approx_kl_half_square, 1e-5));
    CHECK(near(*kl.entropy().per_token.mean, g.entropy, 1e-5));
    const std::vector<double> ends = kl.ratio_quantiles(std::vector<double>{0, 1});
    CHECK(near_ratio(ends[0], g.ratio_min, 1e-5));
    CHECK(near_ratio(ends[1], g.ratio_max, 1e-5));
  }
}

TEST_CASE("the batch's estimators between new and reference are the oracle's") {
  for (const std::string& folder : golden_family_folders()) {
    CAPTURE(folder);
    const GoldenBatch g = read_golden_batch(folder);
    KlStatistics kl;
    for (const GoldenSample& s : g.samples) kl.add(difference(s.ref_logprobs, s.new_logprobs), s.kl_exact_new_ref);
    CHECK(near(*kl.k1().per_token.mean, g.new_ref_k1, 1e-5));
    CHECK(near(*kl.k2().per_token.mean, g.new_ref_k2, 1e-5));
    CHECK(near_ratio(*kl.k3().per_token.mean, g.new_ref_k3, 1e-5));
    CHECK(near(*kl.exact().per_token.mean, g.new_ref_exact, 1e-5));
  }
}

TEST_CASE("k1, k2 and k3 agree with libm in long double, near 1 and far from it") {
  for (const double x :
       {-30.0, -3.0, -0.5, -0.4999, -0.1, -1e-3, -1e-6, -1e-9, 1e-9, 1e-6, 1e-3, 0.1, 0.4999, 0.5, 3.0, 30.0}) {
    CAPTURE(x);
    const long double l = x;
    CHECK(k1_of_log_ratio(x) == -x);
    CHECK(k2_of_log_ratio(x) == doctest::Approx(static_cast<double>(l * l / 2)).epsilon(1e-15));
    // Below 1e-3 the series' first terms are the reference: long double cancels as well.
    const long double k3 = std::fabs(l) < 1e-3L ? l * l / 2 * (1 + l / 3 * (1 + l / 4)) : std::expm1(l) - l;
    CHECK(k3_of_log_ratio(x) == doctest::Approx(static_cast<double>(k3)).epsilon(2e-12));
    CHECK(k3_of_log_ratio(x) > 0);
  }
}

TEST_CASE("a policy against itself is exactly 0 in every statistic") {
  const KlStatistics kl = of({{0, 0, 0}, {0}});
  for (const TwoUnits& both : {kl.k1(), kl.k2(), kl.k3()}) {
    CHECK(both.per_token.mean == 0.0);
    CHECK(both.per_token.standard_error == 0.0);
    CHECK(both.per_sequence.mean == 0.0);
    CHECK(both.per_sequence.standard_error == 0.0);
    CHECK_FALSE(std::signbit(*both.per_token.mean));
  }
  CHECK(kl.ratio().mean == 1.0);
  CHECK(kl.ratio_variance() == 0.0);
  CHECK(kl.outside(0, 0).mean == 0.0);
  CHECK(kl.effective_tokens() == 4.0);
  CHECK(kl.effective_sequences() == 2.0);
}

TEST_CASE("per token and per sequence differ by hand-made lengths") {
  const KlStatistics kl = of({{-1, -3}, {2}});
  CHECK(kl.sequences() == 2);
  CHECK(kl.tokens() == 3);
  CHECK(*kl.k1().per_token.mean == doctest::Approx(2.0 / 3));
  CHECK(kl.k1().per_sequence.mean == 1.0);
  CHECK(kl.k2().per_sequence.mean == 3.5);
  CHECK(*kl.k3().per_sequence.mean == doctest::Approx((std::exp(-1.0) + std::exp(-3.0) + 2 + std::exp(2.0) - 3) / 2));
}

TEST_CASE("k1 and k3 estimate the exact KL of two Gaussians without bias, k2 with some") {
  // Old N(0, 1), new N(d, 1): log r = x d - d^2/2, KL(old || new) = d^2/2.
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  const double d = 0.5, exact = d * d / 2;
  KlStatistics kl;
  for (int i = 0; i < 20000; ++i) {
    const double x = normal(random);
    kl.add(std::vector<float>{static_cast<float>(x * d - d * d / 2)});
  }
  const Estimate k1 = kl.k1().per_token, k2 = kl.k2().per_token, k3 = kl.k3().per_token;
  CHECK(std::fabs(*k1.mean - exact) < 4 * *k1.standard_error);
  CHECK(std::fabs(*k3.mean - exact) < 4 * *k3.standard_error);
  CHECK(std::fabs(*k2.mean - (exact + exact * exact / 2)) < 4 * *k2.standard_error);  // E (log r)^2/2 = d^2/2 + d^4/8
  CHECK(*k3.standard_error < 0.5 * *k1.standard_error);
}

TEST_CASE("exact KL and entropy have both units and positions of their own") {
  KlStatistics kl;
  kl.add(std::vector<float>{0, 0}, std::vector<float>{0.25f, 0.5f}, std::vector<float>{1, 2});
  kl.add(std::vector<float>{0}, std::vector<float>{0.75f}, std::vector<float>{6});
  CHECK(kl.exact().per_token.mean == 0.5);
  CHECK(kl.exact().per_sequence.mean == 0.75);
  CHECK(kl.entropy().per_token.mean == 3.0);
  CHECK(kl.entropy().per_sequence.mean == 4.5);
  CHECK(kl.exact_by_position()[0].value.mean == 0.5);
  CHECK(kl.exact_by_position()[1].sequences == 1);
  CHECK(kl.entropy_by_position()[0].value.mean == 3.5);
  CHECK(kl.entropy_by_position()[1].value.mean == 2.0);
}

TEST_CASE("in another order, statistics and exact values go with their sequences") {
  KlStatistics kl, other;
  const std::vector<float> a = {-1, -2}, b = {-3}, kl_a = {1, 2}, kl_b = {3}, h_a = {4, 5}, h_b = {6};
  kl.add(a, kl_a, h_a), kl.add(b, kl_b, h_b);
  other.add(b, kl_b, h_b), other.add(a, kl_a, h_a);
  kl.reorder(std::vector<std::size_t>{1, 0});
  CHECK(kl.log_ratios()[0][0] == -3.0f);
  CHECK(kl.exact().per_sequence.mean == other.exact().per_sequence.mean);
  CHECK(kl.exact_by_position()[0].value.mean == 2.0);
  CHECK(kl.entropy_by_position()[1].value.mean == 5.0);
  CHECK(kl.k1_by_position()[1].value.mean == 2.0);
}

TEST_CASE("k1 and k3 by position are means over the sequences that reach it") {
  const KlStatistics kl = of({{-1, 2}, {-3}});
  CHECK(kl.k1_by_position()[0].value.mean == 2.0);
  CHECK(kl.k1_by_position()[1].value.mean == -2.0);
  CHECK(*kl.k3_by_position()[1].value.mean == doctest::Approx(std::exp(2.0) - 3));
}

TEST_CASE("without exact values their statistics are absent") {
  const KlStatistics kl = of({{0.5f}, {0.25f}});
  CHECK_FALSE(kl.exact().per_token.mean.has_value());
  CHECK_FALSE(kl.exact().per_sequence.mean.has_value());
  CHECK_FALSE(kl.entropy().per_sequence.mean.has_value());
  CHECK(kl.exact_by_position().empty());
  CHECK(kl.entropy_by_position().empty());
}

TEST_CASE("no sequences: every statistic is absent, none is a NaN") {
  const KlStatistics kl;
  CHECK_FALSE(kl.k1().per_token.mean.has_value());
  CHECK_FALSE(kl.ratio().mean.has_value());
  CHECK_FALSE(kl.ratio_variance().has_value());
  CHECK_FALSE(kl.outside(0.2, 0.2).mean.has_value());
  CHECK_FALSE(kl.effective_tokens().has_value());
  CHECK_FALSE(kl.effective_sequences().has_value());
  CHECK(kl.ratio_quantiles(std::vector<double>{0.5}).empty());
  CHECK(kl.k1_by_position().empty());
}

TEST_CASE("one sequence: means without errors") {
  const KlStatistics kl = of({{0.5f, -0.5f, 1}});
  CHECK(near(*kl.k1().per_token.mean, -1.0 / 3, 1e-15));
  CHECK_FALSE(kl.k1().per_token.standard_error.has_value());
  CHECK_FALSE(kl.k1().per_sequence.standard_error.has_value());
  CHECK_FALSE(kl.outside(0.2, 0.2).standard_error.has_value());
  CHECK(near(*kl.outside(0.2, 0.2).mean, 1.0, 0));
}

TEST_CASE("ratio mean and variance are those of exp of the log-ratios") {
  const KlStatistics kl = of({{log_of(0.5), log_of(1.0)}, {log_of(3.0)}});
  CHECK(near(*kl.ratio().mean, 1.5, 1e-6));
  CHECK(near(*kl.ratio_variance(), (1 + 0.25 + 2.25) / 3, 1e-6));
  CHECK(near(*kl.ratio().standard_error, std::sqrt(2 * (1.5 * 1.5 + 1.5 * 1.5)) / 3, 1e-6));
}

TEST_CASE("ratio quantiles are those of the sorted ratios") {
  std::mt19937 random(9);
  std::normal_distribution<float> normal(0, 0.3f);
  KlStatistics kl;
  std::vector<double> ratios;
  for (int i = 0; i < 7; ++i) {
    std::vector<float> sequence(static_cast<std::size_t>(3 + i % 4));
    for (float& x : sequence) x = normal(random), ratios.push_back(std::exp(static_cast<double>(x)));
    kl.add(sequence);
  }
  std::sort(ratios.begin(), ratios.end());
  const std::vector<double> at = {0, 0.01, 0.5, 0.99, 1}, got = kl.ratio_quantiles(at);
  REQUIRE(got.size() == at.size());
  for (std::size_t k = 0; k < at.size(); ++k) {
    const double place = at[k] * static_cast<double>(ratios.size() - 1);
    const auto low = static_cast<std::size_t>(std::floor(place)), high = static_cast<std::size_t>(std::ceil(place));
    const double expected = ratios[low] + (place - std::floor(place)) * (ratios[high] - ratios[low]);
    CHECK(near(got[k], expected, 1e-13));
  }
}

TEST_CASE("the share outside the clip counts each side by its own bound, strictly") {
  const KlStatistics kl = of({{log_of(0.7), log_of(0.85)}, {0, log_of(1.25), log_of(1.5)}});
  CHECK(near(*kl.outside(0.2, 0.2).mean, 3.0 / 5, 1e-15));
  CHECK(near(*kl.outside(0.1, 0.2).mean, 4.0 / 5, 1e-15));
  CHECK(near(*kl.outside(0.2, 0.4).mean, 2.0 / 5, 1e-15));
  CHECK(near(*kl.outside(0, 0).mean, 4.0 / 5, 1e-15));  // the ratio of exactly 1 is inside
  // 0.6: sums 1 and 2, lengths 2 and 3, residuals -0.2 and 0.2
  CHECK(near(*kl.outside(0.2, 0.2).standard_error, std::sqrt(2 * 0.08) / 5, 1e-15));
}

TEST_CASE("the effective size over tokens and over sequences is (sum w)^2 over sum w^2") {
  const KlStatistics kl = of({{log_of(2), log_of(0.5)}, {log_of(3)}});
  CHECK(near(*kl.effective_tokens(), 5.5 * 5.5 / (4 + 0.25 + 9), 1e-6));
  CHECK(near(*kl.effective_sequences(), 16.0 / 10, 1e-6));  // weights 1 and 3
}

TEST_CASE("the effective size survives weights beyond the range of a double") {
  const KlStatistics kl = of({{500, 500}, {500, 500}, {-900}});
  CHECK(near(*kl.effective_sequences(), 2, 1e-12));
  CHECK(near(*kl.effective_tokens(), 4, 1e-12));
}

TEST_CASE("exact values for some sequences only are an error") {
  const std::vector<float> x = {0.5f};
  KlStatistics with, without;
  with.add(x, x, x);
  without.add(x);
  CHECK_THROWS_WITH_AS(with.add(x, {}, x), "an exact KL is given for some sequences only", Error);
  CHECK_THROWS_WITH_AS(with.add(x, x), "an entropy is given for some sequences only", Error);
  CHECK(without.sequences() == 1);
  CHECK_NOTHROW(with.add({}));
  CHECK_NOTHROW(with.add(x, x, x));
  CHECK(with.exact().per_token.mean == 0.5);
}

TEST_CASE("lengths that differ are errors") {
  const std::vector<float> two = {1, 2}, one = {1};
  KlStatistics kl;
  CHECK_THROWS_WITH_AS(kl.add(two, one), "1 exact KL values for 2 log-ratios", Error);
  CHECK_THROWS_WITH_AS(kl.add(two, two, one), "1 entropies for 2 log-ratios", Error);
  CHECK(kl.sequences() == 0);
}

TEST_CASE("numbers that are not finite are errors that name the token") {
  const std::vector<float> good = {0, 0}, bad = {0, std::numeric_limits<float>::quiet_NaN()};
  KlStatistics kl;
  CHECK_THROWS_WITH_AS(kl.add(bad), "the log-ratio of token 1 is not finite", Error);
  CHECK_THROWS_WITH_AS(kl.add(good, bad), "the exact KL of token 1 is not finite", Error);
  CHECK_THROWS_WITH_AS(kl.add(good, good, bad), "the entropy of token 1 is not finite", Error);
  CHECK(kl.sequences() == 0);
}

TEST_CASE("the log-ratios stay at hand, sequence by sequence") {
  const KlStatistics kl = of({{1, 2}, {3}});
  CHECK(kl.log_ratios()[0][1] == 2.0f);
  CHECK(kl.log_ratios()[1][0] == 3.0f);
}
