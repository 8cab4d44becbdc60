#include "lib/rl/step_metrics.h"

#include "lib/io/json.h"

#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "lib/base/error.h"
#include "tests/harness/golden_batch.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("metrics are one JSON line in the order in which they were set") {
  Metrics m;
  m.set("objective/kl", 0.25);
  m.set("policy/approxkl_avg", 1e-7);
  m.set("episode", 512);
  CHECK(m.json() == R"({"objective/kl":0.25,"policy/approxkl_avg":1e-07,"episode":512})");
}

TEST_CASE("no metrics are an empty object") { CHECK(Metrics{}.json() == "{}"); }

TEST_CASE("setting a metric again replaces its value in its place") {
  Metrics m;
  m.set("a", 1), m.set("b", 2), m.set("a", 3);
  CHECK(m.json() == R"({"a":3,"b":2})");
  CHECK(m.get("a") == 3.0);
}

TEST_CASE("an undefined metric is null") {
  Metrics m;
  m.set("critic/vf_explained_var", std::optional<double>{});
  m.set("b", std::optional<double>{0.5});
  CHECK(m.json() == R"({"critic/vf_explained_var":null,"b":0.5})");
  CHECK_FALSE(m.get("critic/vf_explained_var").has_value());
  CHECK_FALSE(m.get("absent").has_value());
}

TEST_CASE("a metric that is not finite is an error that names it") {
  Metrics m;
  CHECK_THROWS_WITH_AS(m.set("loss/value_avg", std::numeric_limits<double>::quiet_NaN()),
                       "metric loss/value_avg is not finite", Error);
  CHECK_THROWS_WITH_AS(m.set("loss/value_avg", -std::numeric_limits<double>::infinity()),
                       "metric loss/value_avg is not finite", Error);
  CHECK_THROWS_WITH_AS(m.set("lr", std::optional<double>(std::numeric_limits<double>::infinity())),
                       "metric lr is not finite", Error);
  CHECK(m.json() == "{}");
}

TEST_CASE("a name that would need escapes is refused") {
  Metrics m;
  for (const char* name : {"a\"b", "a\\b", "a\nb", "\xc3\xa4"}) CHECK_THROWS_AS(m.set(name, 1.0), Error);
  CHECK_NOTHROW(m.set("a b/c", 1.0));
}

TEST_CASE("numbers are the shortest that read back, and whole ones have no exponent") {
  CHECK(json_number(0.1) == "0.1");
  CHECK(json_number(1.0 / 3) == "0.3333333333333333");
  CHECK(json_number(100000.0) == "100000");
  CHECK(json_number(-123456789.0) == "-123456789");
  CHECK(json_number(9007199254740991.0) == "9007199254740991");
  CHECK(json_number(9007199254740992.0) == "9.007199254740992e+15");
  CHECK(json_number(123456789012345683968.0) == "1.2345678901234568e+20");
  CHECK(json_number(1e300) == "1e+300");
  CHECK(json_number(0.0) == "0");
  CHECK(json_number(-0.0) == "-0");
  CHECK(json_number(5e-324) == "5e-324");
}

TEST_CASE("a JSON reader gets every number back to the bit") {
  std::mt19937_64 random(1);
  simdjson::dom::parser parser;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t bits = random();
    double value;
    static_assert(sizeof value == sizeof bits);
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    Metrics m;
    m.set("x", value);
    CHECK(double(parser.parse(m.json())["x"]) == value);
  }
}

TEST_CASE("moments are those of the numbers") {
  Moments m;
  for (const double x : {1.0, 2.0, 6.0}) m.add(x);
  CHECK(m.count() == 3);
  CHECK(near(*m.mean(), 3, 1e-15));
  CHECK(near(*m.variance(), 14.0 / 3, 1e-14));
}

TEST_CASE("moments follow weights as if a number came that many times") {
  Moments weighted, repeated;
  weighted.add(2, 3), weighted.add(-1, 1), weighted.add(5, 2);
  for (const double x : {2.0, 2.0, 2.0, -1.0, 5.0, 5.0}) repeated.add(x);
  CHECK(near(*weighted.mean(), *repeated.mean(), 1e-15));
  CHECK(near(*weighted.variance(), *repeated.variance(), 1e-14));
  CHECK(weighted.count() == 3);
}

TEST_CASE("moments keep a small variance beside a large mean") {
  Moments m;
  for (const double x : {1e9 + 1, 1e9 + 2, 1e9 + 6}) m.add(x);
  CHECK(near(*m.variance(), 14.0 / 3, 1e-6));
}

TEST_CASE("moments of nothing are absent") {
  const Moments m;
  CHECK_FALSE(m.mean().has_value());
  CHECK_FALSE(m.variance().has_value());
}

TEST_CASE("explained variance: 1 for the returns, 0 for their mean, below 0 for worse") {
  const std::vector<float> returns = {1, 2, 6}, mean = {3, 3, 3}, shifted = {11, 12, 16}, worse = {6, 2, 1};
  CHECK(explained_variance(returns, returns) == 1.0);
  CHECK(near(*explained_variance(mean, returns), 0, 1e-15));
  CHECK(near(*explained_variance(shifted, returns), 1, 1e-15));
  CHECK(near(*explained_variance(worse, returns), 1 - 50.0 / 14, 1e-14));  // errors -5, 0, 5
}

TEST_CASE("explained variance of constant or no returns is absent, of unequal numbers an error") {
  const std::vector<float> values = {1, 2}, constant = {4, 4}, one = {1};
  CHECK_FALSE(explained_variance(values, constant).has_value());
  CHECK_FALSE(explained_variance({}, {}).has_value());
  CHECK_THROWS_AS(explained_variance(values, one), Error);
}

TEST_CASE("explained variance of the old values is the oracle's") {
  for (const std::string& folder : golden_family_folders()) {
    CAPTURE(folder);
    const GoldenBatch g = read_golden_batch(folder);
    std::vector<float> values, returns;
    for (const GoldenSample& s : g.samples) {
      values.insert(values.end(), s.old_values.begin(), s.old_values.end());
      for (const double r : s.returns) returns.push_back(static_cast<float>(r));
    }
    CHECK(near(*explained_variance(values, returns), g.explained_variance, 1e-5));
  }
}
