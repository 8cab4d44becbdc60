// Kappas and their errors against agreement.json, which agreement.py made in double precision by the definitions.
#include <simdjson.h>

#include <string>
#include <vector>

#include "lib/label/agreement.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

RatedPair rated(const std::string& cluster, const std::vector<int>& verdicts) {
  RatedPair pair{.cluster = cluster, .verdicts = {}};
  for (const int verdict : verdicts) {
    auto& row = pair.verdicts.emplace_back();
    row = {};
    if (verdict >= 0) row[static_cast<std::size_t>(verdict)] = 1;
  }
  return pair;
}

void check_near(const std::optional<double>& got, simdjson::dom::element wanted) {
  CHECK(got.has_value() == !wanted.is_null());
  if (got && !wanted.is_null()) CHECK(*got == doctest::Approx(double(wanted)).epsilon(1e-9));
}

}  // namespace

TEST_CASE("kappas and their jackknife errors are the oracle's") {
  simdjson::dom::parser parser;
  int cases = 0;
  const simdjson::dom::element all = parser.load("tests/label/agreement.json");
  for (const simdjson::dom::element row : simdjson::dom::array(all)) {
    CAPTURE(cases);
    std::vector<RatedPair> pairs;
    for (const simdjson::dom::element pair : simdjson::dom::array(row["pairs"])) {
      std::vector<int> verdicts;
      for (const simdjson::dom::element verdict : simdjson::dom::array(pair.at(1)))
        verdicts.push_back(static_cast<int>(std::int64_t(verdict)));
      pairs.push_back(rated(std::string(std::string_view(pair.at(0))), verdicts));
    }
    const Agreement a = std::int64_t(row["judges"]) == 2 ? cohens_kappa(pairs) : fleiss_kappa(pairs);
    check_near(a.kappa, row["kappa"]);
    check_near(a.standard_error, row["error"]);
    ++cases;
  }
  CHECK(cases == 10);
}

TEST_CASE("agreement counts the pairs that two judged, and says nothing of none") {
  const std::vector<RatedPair> pairs = {rated("a", {0, 0, 1}), rated("b", {2, 2, -1}), rated("c", {-1, 1, -1})};
  const Agreement a = fleiss_kappa(pairs);
  CHECK(a.pairs == 2);
  CHECK(*a.observed == doctest::Approx((1.0 / 3 + 1) / 2));
  const Agreement none = cohens_kappa(std::vector<RatedPair>{rated("a", {0, -1})});
  CHECK(none.pairs == 0);
  CHECK(!none.observed);
  CHECK(!none.kappa);
}
