#include "lib/report/estimate.h"

#include <cmath>
#include <random>

#include "lib/base/error.h"
#include "tests/harness/golden_batch.h"

using namespace nudge;
using nudge::test::near;

namespace {
double same(double x) { return x; }
double square(double x) { return x * x; }

// n sequences of uneven length with a common term per sequence, so that their values are correlated.
SequenceValues correlated(int n) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-1, 1);
  SequenceValues values;
  for (int i = 0; i < n; ++i) {
    std::vector<float> sequence(1 + random() % 9);
    const float common = uniform(random);
    for (float& x : sequence) x = common + 0.5f * uniform(random);
    values.append(sequence);
  }
  return values;
}
}  // namespace

TEST_CASE("sequences are put in another order, each whole") {
  SequenceValues values;
  for (const std::vector<float>& s : {std::vector<float>{1, 2}, {}, {3}, {4, 5, 6}}) values.append(s);
  values.reorder(std::vector<std::size_t>{3, 1, 0, 2});
  const auto all = values.all();
  CHECK(std::vector<float>(all.begin(), all.end()) == std::vector<float>{4, 5, 6, 1, 2, 3});
  CHECK(values.sequences() == 4);
  CHECK(values[1].empty());
  CHECK(values[2].size() == 2);
}

TEST_CASE("the mean of samples has the error sd over root n") {
  const std::vector<double> samples = {1, 2, 6};  // mean 3, sd^2 = (4 + 1 + 9)/2 = 7
  const Estimate e = estimate(samples);
  CHECK(e.mean == 3.0);
  CHECK(near(*e.standard_error, std::sqrt(7.0 / 3), 1e-15));
}

TEST_CASE("one sample has a mean and no error, and no sample has neither") {
  const std::vector<double> one = {4};
  CHECK(estimate(one).mean == 4.0);
  CHECK_FALSE(estimate(one).standard_error.has_value());
  CHECK_FALSE(estimate(std::span<const double>{}).mean.has_value());
  CHECK_FALSE(estimate(std::span<const double>{}).standard_error.has_value());
}

TEST_CASE("the error of a mean per token counts sequences: by hand") {
  SequenceValues values;
  values.append(std::vector<float>{1, 3});
  values.append(std::vector<float>{5});
  // Mean 3; sums 4 and 5, lengths 2 and 1; residuals -2 and 2; sqrt(2/1 * 8)/3.
  const TwoUnits both = estimate(values, same);
  CHECK(both.per_token.mean == 3.0);
  CHECK(near(*both.per_token.standard_error, 4.0 / 3, 1e-15));
  CHECK(both.per_sequence.mean == 4.5);
  CHECK(near(*both.per_sequence.standard_error, 0.5, 1e-15));  // sd sqrt(1/2), over sqrt 2
}

TEST_CASE("the clustered error is the sandwich formula written out over pairs of tokens") {
  const SequenceValues values = correlated(40);
  double mean = 0;
  for (const float x : values.all()) mean += static_cast<double>(x);
  mean /= static_cast<double>(values.tokens());
  // sum over clusters of sum over pairs (a, b) in it of (x_a - m)(x_b - m)
  double meat = 0, independent = 0;
  for (std::size_t i = 0; i < values.sequences(); ++i)
    for (const float a : values[i]) {
      independent += (static_cast<double>(a) - mean) * (static_cast<double>(a) - mean);
      for (const float b : values[i]) meat += (static_cast<double>(a) - mean) * (static_cast<double>(b) - mean);
    }
  const double tokens = static_cast<double>(values.tokens());
  const TwoUnits both = estimate(values, same);
  CHECK(near(*both.per_token.mean, mean, 1e-14));
  CHECK(near(*both.per_token.standard_error, std::sqrt(40.0 / 39 * meat) / tokens, 1e-14));
  CHECK(*both.per_token.standard_error > 1.5 * std::sqrt(independent) / tokens);
}

TEST_CASE("sequences of one token each have the plain error in both units") {
  SequenceValues values;
  for (const float x : {1.0f, 2.0f, 6.0f}) values.append(std::vector<float>{x});
  const TwoUnits both = estimate(values, same);
  CHECK(near(*both.per_token.standard_error, std::sqrt(7.0 / 3), 1e-15));
  CHECK(near(*both.per_sequence.standard_error, std::sqrt(7.0 / 3), 1e-15));
}

TEST_CASE("the clustered error covers the truth as often as it should") {
  // 400 experiments of 60 correlated sequences with true mean 0; 1.96 errors should cover about 95 of 100.
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  int covered = 0;
  for (int experiment = 0; experiment < 400; ++experiment) {
    SequenceValues values;
    for (int i = 0; i < 60; ++i) {
      std::vector<float> sequence(1 + random() % 9);
      const float common = normal(random);
      for (float& x : sequence) x = common + normal(random);
      values.append(sequence);
    }
    const Estimate e = estimate(values, same).per_token;
    covered += std::fabs(*e.mean) < 1.96 * *e.standard_error;
  }
  CHECK(covered > 360);
  CHECK(covered < 396);
}

TEST_CASE("the function is applied to each token before summing") {
  SequenceValues values;
  values.append(std::vector<float>{1, 2});
  values.append(std::vector<float>{-3});
  CHECK(*estimate(values, square).per_token.mean == doctest::Approx(14.0 / 3));
  CHECK(estimate(values, square).per_sequence.mean == 7.0);
}

TEST_CASE("no sequences, or one, leave out what is undefined") {
  SequenceValues values;
  CHECK_FALSE(estimate(values, same).per_token.mean.has_value());
  CHECK_FALSE(estimate(values, same).per_sequence.mean.has_value());
  values.append(std::vector<float>{2, 4});
  const TwoUnits both = estimate(values, same);
  CHECK(both.per_token.mean == 3.0);
  CHECK(both.per_sequence.mean == 6.0);
  CHECK_FALSE(both.per_token.standard_error.has_value());
  CHECK_FALSE(both.per_sequence.standard_error.has_value());
}

TEST_CASE("sequences without tokens count per sequence and not per token") {
  SequenceValues values;
  values.append(std::vector<float>{});
  CHECK_FALSE(estimate(values, same).per_token.mean.has_value());
  CHECK(estimate(values, same).per_sequence.mean == 0.0);
  values.append(std::vector<float>{2, 4});
  CHECK(estimate(values, same).per_token.mean == 3.0);
  CHECK(estimate(values, same).per_sequence.mean == 3.0);
}

TEST_CASE("means by position are over the sequences that reach it") {
  SequenceValues values;
  values.append(std::vector<float>{1, 10, 100});
  values.append(std::vector<float>{3, 20});
  values.append(std::vector<float>{5});
  const std::vector<PositionMean> by = by_position(values, same);
  REQUIRE(by.size() == 3);
  CHECK(by[0].sequences == 3);
  CHECK(by[0].value.mean == 3.0);
  CHECK(near(*by[0].value.standard_error, 2 / std::sqrt(3.0), 1e-15));
  CHECK(by[1].sequences == 2);
  CHECK(by[1].value.mean == 15.0);
  CHECK(near(*by[1].value.standard_error, 5, 1e-14));
  CHECK(by[2].sequences == 1);
  CHECK(by[2].value.mean == 100.0);
  CHECK_FALSE(by[2].value.standard_error.has_value());
  CHECK(by_position(values, square)[0].value.mean == doctest::Approx(35.0 / 3));
  CHECK(by_position(SequenceValues{}, same).empty());
}

TEST_CASE("quantiles are interpolated between neighbours") {
  const std::vector<double> x = {1, 2, 4, 8};
  CHECK(quantile(x, 0) == 1.0);
  CHECK(quantile(x, 1) == 8.0);
  CHECK(quantile(x, 0.5) == 3.0);
  CHECK(quantile(x, 0.25) == 1.75);  // numpy.quantile([1, 2, 4, 8], 0.25)
  CHECK(near(*quantile(x, 0.9), 6.8, 1e-14));
  CHECK(quantile(std::vector<double>{7}, 0.3) == 7.0);
  CHECK_FALSE(quantile({}, 0.5).has_value());
}

TEST_CASE("a quantile outside 0 to 1 is refused") {
  const std::vector<double> x = {1};
  CHECK_THROWS_AS(quantile(x, -0.1), Error);
  CHECK_THROWS_AS(quantile(x, 1.1), Error);
  CHECK_THROWS_AS(quantile(x, std::nan("")), Error);
}

TEST_CASE("a figure has the digits that its error allows") {
  const auto text = [](double mean, double error) { return figure_text(Estimate{mean, error}); };
  CHECK(text(2.571737648144365, 0.1312) == "2.57 +- 0.13");
  CHECK(text(2.571737648144365, 0.0996) == "2.57 +- 0.10");
  CHECK(text(2.571737648144365, 0.00994) == "2.5717 +- 0.0099");
  CHECK(text(-0.04, 3.14159) == "-0.0 +- 3.1");
  CHECK(text(1234.5, 17.2) == "1234 +- 17");
  CHECK(text(1234.5, 171.9) == "1234 +- 172");
  CHECK(text(1, 0) == "1 +- 0");
  CHECK(figure_text(Estimate{2.571737648144365, {}}) == "2.572");
  CHECK(figure_text(2.571737648144365, 2) == "2.6");
  CHECK(figure_text(0.000123456) == "0.0001235");
  CHECK(figure_text(Estimate{}) == "?");
}

TEST_CASE("running moments give the estimate of their numbers") {
  const std::vector<double> numbers = {3, -1, 4, 1.5, 9};
  Moments moments;
  CHECK(!estimate(moments).mean);
  for (const double x : numbers) {
    moments.add(x);
    if (moments.count() == 1) CHECK(!estimate(moments).standard_error);
  }
  const Estimate of_numbers = estimate(std::span<const double>(numbers)), running = estimate(moments);
  CHECK(near(*running.mean, *of_numbers.mean, 1e-14));
  CHECK(near(*running.standard_error, *of_numbers.standard_error, 1e-14));
}
