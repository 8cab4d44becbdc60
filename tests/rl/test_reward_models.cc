// Losses, combinations and bounds of reward models against reward_models.json, which reward_models.py made in double
// precision, and openrlhf_pairs.json, which OpenRLHF's classes made in float64.
#include <simdjson.h>

#include <cmath>
#include <vector>

#include "lib/rl/kl_estimators.h"
#include "lib/rl/pair_loss.h"
#include "lib/rl/reward_ensemble.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

simdjson::dom::element numbers(simdjson::dom::parser& parser, const char* file = "tests/rl/reward_models.json") {
  return parser.load(file).value();
}

std::vector<float> list(simdjson::dom::element from) {
  std::vector<float> all;
  for (auto x : from) all.push_back(static_cast<float>(double(x)));
  return all;
}

}  // namespace

TEST_CASE("the loss of a pair and its derivative are those of smoothed labels, margin included") {
  for (const char* file : {"tests/rl/reward_models.json", "tests/rl/openrlhf_pairs.json"}) {
    CAPTURE(file);
    simdjson::dom::parser parser;
    int rows = 0;
    for (auto row : numbers(parser, file)["pairs"]) {
      PairLosses pairs(static_cast<float>(double(row["smoothing"])));
      // Among others, to see that each has its own.
      for (const double shift : {5.0, 0.0, -3.0})
        pairs.add(static_cast<float>(double(row["better"]) + shift), static_cast<float>(double(row["worse"])),
                  static_cast<float>(double(row["margin"]) + (shift > 0 ? 1 : 0)));
      pairs.evaluate();
      CHECK(pairs.loss()[1] == doctest::Approx(double(row["loss"])).epsilon(1e-6));
      CHECK(std::abs(double(pairs.slope()[1]) - double(row["slope"])) < 2e-7);
      ++rows;
    }
    CHECK(rows == 24);
  }
}

TEST_CASE("without smoothing the loss is Bradley and Terry's to the last bit, and a pair turned round has the rest") {
  PairLosses plain(0), smoothed(0.25f), turned(0);
  for (const float d : {0.3f, -1.7f, 4.1f}) {
    plain.add(d, 0.1f, 0.5f), smoothed.add(d, 0.1f, 0.5f), turned.add(0.1f, d, -0.5f);
  }
  plain.evaluate(), smoothed.evaluate(), turned.evaluate();
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(plain.loss()[i] == double(static_cast<float>(plain.loss()[i])));
    CHECK(smoothed.loss()[i] == 0.75 * plain.loss()[i] + 0.25 * turned.loss()[i]);
  }
}

TEST_CASE("rewards are combined by mean, least, and mean less the weighted variance") {
  simdjson::dom::parser parser;
  int rows = 0;
  for (auto row : numbers(parser)["combinations"]) {
    const std::vector<float> rewards = list(row["rewards"]);
    const float weight = static_cast<float>(double(row["weight"]));
    const auto found = [&](Combine how) { return double(combined_reward(rewards, {how, weight})); };
    CHECK(found(Combine::kMean) == doctest::Approx(double(row["mean"])).epsilon(1e-7));
    CHECK(found(Combine::kLeast) == double(row["least"]));
    CHECK(found(Combine::kUncertainty) == doctest::Approx(double(row["uncertainty"])).epsilon(1e-7));
    ++rows;
  }
  CHECK(rows == 15);
}

TEST_CASE("the bound of best-of-n is the integral over continuous rewards, and above the KL of discrete ones") {
  simdjson::dom::parser parser;
  int rows = 0;
  for (auto row : numbers(parser)["best_of"]) {
    const double bound = best_of_kl_bound(std::int64_t(row["n"]));
    CHECK(std::abs(bound - double(row["bound"])) < 1e-7);
    for (const char* below : {"few", "many", "others"}) CHECK(double(row[below]) <= bound + 1e-9);
    ++rows;
  }
  CHECK(rows == 7);
  CHECK(best_of_kl_bound(1) == 0);
}
