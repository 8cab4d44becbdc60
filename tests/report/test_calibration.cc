#include "lib/report/calibration.h"

#include <simdjson.h>

#include <cmath>
#include <limits>
#include <random>

#include "lib/base/error.h"
#include "tests/harness/golden_batch.h"

using namespace nudge;
using namespace nudge::test;

namespace {
double sigma(double x) { return static_cast<double>(1 / (1 + std::exp(-static_cast<long double>(x)))); }
}  // namespace

TEST_CASE("accuracy and loss of the reward model's pairs are the oracle's") {
  for (const std::string& folder : golden_family_folders()) {
    CAPTURE(folder);
    const GoldenBatch g = read_golden_batch(folder);
    const Calibration c = calibrate(g.chosen, g.rejected);
    CHECK(near(*c.accuracy.mean, g.bt_accuracy, 1e-12));
    CHECK(near(*c.log_loss.mean, g.bt_loss, 1e-5));
  }
}

TEST_CASE("accuracy counts ties half and has the binomial error") {
  const std::vector<float> chosen = {1, 2, 0, 3}, rejected = {0, 0, 1, 3};  // right, right, wrong, tie
  const Calibration c = calibrate(chosen, rejected);
  CHECK(c.pairs == 4);
  CHECK(c.accuracy.mean == 0.625);
  CHECK(near(*c.accuracy.standard_error, std::sqrt(0.625 * 0.375 / 4), 1e-15));
}

TEST_CASE("accuracy leaves out pairs of identical answers, the other statistics don't") {
  const std::vector<float> chosen = {1, 2, 0, 3, 7}, rejected = {0, 0, 1, 3, 7};  // right, right, wrong, tie, identical
  const Calibration c = calibrate(chosen, rejected, 10, {false, false, false, false, true});
  CHECK(c.pairs == 5);
  CHECK(c.identical == 1);
  CHECK(c.accuracy.mean == 0.625);
  CHECK(near(*c.accuracy.standard_error, std::sqrt(0.625 * 0.375 / 4), 1e-15));
  CHECK(near(*c.margin.mean, 2.0 / 5, 1e-15));
  CHECK(c.log_loss.mean == calibrate(chosen, rejected).log_loss.mean);
  const std::vector<float> same = {1, 2};
  const Calibration none = calibrate(same, same, 10, {true, true});
  CHECK(none.identical == 2);
  CHECK_FALSE(none.accuracy.mean.has_value());
  CHECK_FALSE(none.accuracy.standard_error.has_value());
  CHECK_THROWS_WITH_AS(calibrate(same, same, 10, {true}), "2 pairs but 1 flags for identical answers", Error);
}

TEST_CASE("margin, loss and Brier score are means with the error of their spread") {
  const std::vector<float> chosen = {1, 2, 0}, rejected = {0, 0, 1};  // margins 1, 2, -1
  const Calibration c = calibrate(chosen, rejected);
  CHECK(near(*c.margin.mean, 2.0 / 3, 1e-15));
  CHECK(near(*c.margin.standard_error, std::sqrt((1.0 / 9 + 16.0 / 9 + 25.0 / 9) / 2 / 3), 1e-15));
  const double losses[] = {-std::log(sigma(1)), -std::log(sigma(2)), -std::log(sigma(-1))};
  const double loss = (losses[0] + losses[1] + losses[2]) / 3;
  CHECK(near(*c.log_loss.mean, loss, 1e-14));
  double squares = 0;
  for (const double l : losses) squares += (l - loss) * (l - loss);
  CHECK(near(*c.log_loss.standard_error, std::sqrt(squares / 2 / 3), 1e-14));
  const auto brier = [](double m) { return (1 - sigma(m)) * (1 - sigma(m)); };
  CHECK(near(*c.brier.mean, (brier(1) + brier(2) + brier(-1)) / 3, 1e-14));
}

TEST_CASE("a model that knows nothing loses log 2 and 1/4, and is calibrated") {
  const std::vector<float> same = {1, 2, 3};
  const Calibration c = calibrate(same, same);
  CHECK(near(*c.log_loss.mean, std::log(2.0), 1e-15));
  CHECK(c.brier.mean == 0.25);
  CHECK(c.accuracy.mean == 0.5);
  CHECK(c.expected_error == 0.0);
  CHECK(c.bins[5].count == 6);
  CHECK(c.bins[4].count == 0);
}

TEST_CASE("bins hold both orders of each pair: by hand with four") {
  // Margins log 9 (p 0.9, twice), log 1.5 (p 0.6), -log 9 (p 0.1).
  const float nine = static_cast<float>(std::log(9.0)), half_more = static_cast<float>(std::log(1.5));
  const std::vector<float> chosen = {nine, nine, half_more, 0}, rejected = {0, 0, 0, nine};
  const Calibration c = calibrate(chosen, rejected, 4);
  REQUIRE(c.bins.size() == 4);
  CHECK(c.bins[0].low == 0.0);
  CHECK(c.bins[1].low == 0.25);
  CHECK(c.bins[3].high == 1.0);
  CHECK(c.bins[0].count == 3);
  CHECK(c.bins[1].count == 1);
  CHECK(c.bins[2].count == 1);
  CHECK(c.bins[3].count == 3);
  CHECK(near(*c.bins[3].predicted, 0.9, 1e-7));
  CHECK(near(*c.bins[3].observed, 2.0 / 3, 1e-15));
  CHECK(near(*c.bins[0].predicted, 0.1, 1e-7));
  CHECK(near(*c.bins[0].observed, 1.0 / 3, 1e-15));
  CHECK(c.bins[2].observed == 1.0);
  CHECK(c.bins[1].observed == 0.0);
  // 3/8 |0.9 - 2/3| twice and 1/8 |0.6 - 1| twice
  CHECK(near(*c.expected_error, 0.75 * (0.9 - 2.0 / 3) + 0.25 * 0.4, 1e-7));
}

TEST_CASE("the table is symmetric, and the number of bins is the one asked for") {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<float> chosen, rejected;
  for (int i = 0; i < 200; ++i) chosen.push_back(normal(random) + 0.5f), rejected.push_back(normal(random));
  for (const std::size_t bins : {1, 3, 10}) {
    const Calibration c = calibrate(chosen, rejected, bins);
    REQUIRE(c.bins.size() == bins);
    for (std::size_t b = 0; b < bins; ++b) {
      const CalibrationBin &x = c.bins[b], &y = c.bins[bins - 1 - b];
      CHECK(x.count == y.count);
      if (x.count > 0) CHECK(near(*x.predicted + *y.predicted, 1, 1e-12));
      if (x.count > 0) CHECK(near(*x.observed + *y.observed, 1, 1e-12));
    }
  }
}

TEST_CASE("choices drawn from the model's own probabilities are calibrated, from half its margins not") {
  std::mt19937 random(8);
  std::normal_distribution<double> normal(0, 2);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<float> chosen, rejected, chosen_twice, rejected_twice;
  for (int i = 0; i < 20000; ++i) {
    const double margin = normal(random);
    const float won = static_cast<float>(uniform(random) < sigma(margin) ? margin : -margin);
    chosen.push_back(won), rejected.push_back(0);
    chosen_twice.push_back(2 * won), rejected_twice.push_back(0);
  }
  CHECK(*calibrate(chosen, rejected).expected_error < 0.015);
  CHECK(*calibrate(chosen_twice, rejected_twice).expected_error > 0.05);
}

TEST_CASE("margins beyond the exponential's range stay finite and in the last bins") {
  const std::vector<float> chosen = {2000, 0}, rejected = {0, 2000};
  const Calibration c = calibrate(chosen, rejected);
  CHECK(c.log_loss.mean == 1000.0);
  CHECK(c.brier.mean == 0.5);
  CHECK(c.bins[9].count == 2);
  CHECK(c.bins[0].count == 2);
  CHECK(c.expected_error == 0.5);
}

TEST_CASE("empty bins have no rates, no pairs no statistics, one pair no errors") {
  const Calibration none = calibrate({}, {});
  CHECK(none.pairs == 0);
  CHECK_FALSE(none.accuracy.mean.has_value());
  CHECK_FALSE(none.log_loss.mean.has_value());
  CHECK_FALSE(none.expected_error.has_value());
  CHECK(none.bins.size() == 10);
  CHECK_FALSE(none.bins[4].predicted.has_value());
  const std::vector<float> one = {1}, zero = {0};
  const Calibration single = calibrate(one, zero);
  CHECK(single.accuracy.mean == 1.0);
  CHECK_FALSE(single.accuracy.standard_error.has_value());
  CHECK_FALSE(single.margin.standard_error.has_value());
  CHECK_FALSE(single.bins[0].observed.has_value());
}

TEST_CASE("pairs that don't fit together, rewards that are not finite and no bins are errors") {
  const std::vector<float> two = {1, 2}, one = {1}, bad = {1, std::numeric_limits<float>::infinity()};
  CHECK_THROWS_WITH_AS(calibrate(two, one), "2 chosen rewards for 1 rejected", Error);
  CHECK_THROWS_WITH_AS(calibrate(two, bad), "pair 1: a reward is not finite", Error);
  CHECK_THROWS_WITH_AS(calibrate(bad, two), "pair 1: a reward is not finite", Error);
  CHECK_THROWS_WITH_AS(calibrate(two, two, 0), "a calibration needs at least one bin", Error);
}

namespace {
void check_group(const AccuracyGroup& group, simdjson::dom::element wanted) {
  CHECK(static_cast<std::int64_t>(group.count) == std::int64_t(wanted["count"]));
  CHECK(near(*group.accuracy.mean, double(wanted["accuracy"]), 1e-12));
  CHECK(near(*group.accuracy.standard_error, double(wanted["error"]), 1e-12));
}
}  // namespace

// reward_models.py computes them by sorting, and the correlation over answers less the mean of their pair.
TEST_CASE("accuracy by length and margin and the correlation with length are those of an independent script") {
  simdjson::dom::parser parser;
  const simdjson::dom::element wanted = parser.load("tests/rl/reward_models.json").value()["lengths"];
  std::vector<JudgedPair> pairs;
  for (auto row : wanted["pairs"])
    pairs.push_back({.chosen = static_cast<float>(double(row["chosen"])),
                     .rejected = static_cast<float>(double(row["rejected"])),
                     .chosen_tokens = std::int64_t(row["tokens"].at(0)),
                     .rejected_tokens = std::int64_t(row["tokens"].at(1)),
                     .set = pairs.size()});
  const Calibration c = calibrate(pairs);
  CHECK(c.pairs == 61);
  check_group(c.chosen_longer, wanted["longer"]);
  check_group(c.same_length, wanted["same"]);
  check_group(c.chosen_shorter, wanted["shorter"]);
  CHECK(near(*c.length_correlation, double(wanted["correlation"]), 1e-12));
  for (std::size_t q = 0; q < 4; ++q) {
    check_group(c.by_margin[q], wanted["quarters"].at(q));
    CHECK(near(*c.by_margin[q].greatest, double(wanted["quarters"].at(q)["greatest"]), 1e-12));
  }
  // Turned round, a pair correlates as before.
  std::vector<JudgedPair> turned = pairs;
  for (JudgedPair& p : turned) std::swap(p.chosen, p.rejected), std::swap(p.chosen_tokens, p.rejected_tokens);
  CHECK(near(*calibrate(turned).length_correlation, *c.length_correlation, 1e-12));
  const std::vector<std::string> table = accuracy_table(c);
  CHECK(table.size() == 9);
  CHECK(table[0] == "correlation of reward with length within pairs 0.73; accuracy by length and margin:");
  CHECK(table[2] == "  chosen answer longer        0.882 +- 0.055      34");
}

TEST_CASE("identical answers are in no group, equal lengths have no correlation, and sets share an error") {
  const std::vector<JudgedPair> same = {{.chosen = 1, .rejected = 0, .set = 0},
                                        {.chosen = 1, .rejected = 1, .identical = true, .set = 1}};
  const Calibration c = calibrate(same);
  CHECK(c.same_length.count == 1);
  CHECK_FALSE(c.length_correlation.has_value());
  CHECK(c.by_margin[0].count == 1);
  CHECK(c.by_margin[3].count == 0);
  CHECK(accuracy_table(calibrate(std::span<const JudgedPair>())).empty());
  // A set of 3 pairs, 2 of them right, and one of 1, wrong: m = 1/2, residuals 1/2 and -1/2, error sqrt(2/1 (1/4 + 1/4))/4.
  std::vector<JudgedPair> sets(4);
  sets[0].chosen = sets[1].chosen = 1, sets[2].chosen = sets[3].chosen = -1;
  for (JudgedPair& p : sets) p.chosen_tokens = 1;
  sets[3].set = 1;
  CHECK(near(*calibrate(sets).chosen_longer.accuracy.mean, 0.5, 1e-15));
  CHECK(near(*calibrate(sets).chosen_longer.accuracy.standard_error, 0.25, 1e-12));
}

TEST_CASE("sigmoid and softplus agree with libm in long double over the whole range") {
  for (double x = -800; x <= 800; x += 0.37) {
    CAPTURE(x);
    const long double l = x;
    const double soft = static_cast<double>(x > 0 ? l + std::log1p(std::exp(-l)) : std::log1p(std::exp(l)));
    CHECK(sigmoid(x) == doctest::Approx(sigma(x)).epsilon(2e-15));
    CHECK(near(softplus(x), soft, 2e-15 * soft + 1e-300));
  }
  CHECK(sigmoid(0) == 0.5);
  CHECK(sigmoid(1000) == 1.0);
  CHECK(sigmoid(-1000) == 0.0);
}
