// Bradley-Terry with its gradient.
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Pairs {
  Floats loss, dchosen;
};

Pairs pairs_of(const Kernels& k, const Floats& chosen, const Floats& rejected, const Floats& margin) {
  FlushDenormals flush;
  const std::int64_t n = std::int64_t(chosen.size());
  Guarded loss(n, 1), dchosen(n, 2);
  k.bradley_terry(chosen.data(), rejected.data(), margin.empty() ? nullptr : margin.data(), n, loss.data(),
                  dchosen.data());
  CHECK((loss.intact() && dchosen.intact()));
  return {loss.values(), dchosen.values()};
}

double bradley_terry(double difference) {
  return difference > 0 ? std::log1p(std::exp(-difference)) : std::log1p(std::exp(difference)) - difference;
}

}  // namespace

TEST_CASE("Bradley-Terry's loss and gradient agree with central differences at every size") {
  for (const Kernels* k : levels()) {
    for (std::int64_t n : sizes()) {
      const Floats w = normals(n, 51, 3), l = normals(n, 52, 3), m = normals(n, 53);
      const Pairs with = pairs_of(*k, w, l, m), without = pairs_of(*k, w, l, {});
      for (std::size_t i = 0; i < w.size(); ++i) {
        const double d = double(w[i]) - l[i], h = 1e-5;
        const double slope_with = (bradley_terry(d - m[i] + h) - bradley_terry(d - m[i] - h)) / (2 * h);
        const double slope_without = (bradley_terry(d + h) - bradley_terry(d - h)) / (2 * h);
        REQUIRE(near(with.loss[i], bradley_terry(d - m[i]), 2e-6, 1e-7));
        REQUIRE(near(without.loss[i], bradley_terry(d), 2e-6, 1e-7));
        REQUIRE(near(with.dchosen[i], slope_with, 2e-6, 1e-7));
        REQUIRE(near(without.dchosen[i], slope_without, 2e-6, 1e-7));
      }
    }
  }
}

TEST_CASE("Bradley-Terry's loss is finite where the sigmoid is 0 and keeps its digits where it is 1") {
  for (const Kernels* k : levels()) {
    const Pairs p = pairs_of(*k, {-500, 30, 0}, {500, 0, 0}, {});
    CHECK((p.loss[0] == 1000.0f && p.dchosen[0] == -1.0f));
    CHECK(near(p.loss[1], std::exp(-30.0), 1e-6, 0));
    CHECK(near(p.dchosen[1], -std::exp(-30.0), 1e-6, 0));
    CHECK((p.dchosen[2] == -0.5f && near(p.loss[2], std::log(2.0), 1e-7, 0)));
  }
}
