#include "lib/rl/controller.h"

#include <cmath>
#include <limits>
#include <string>

#include "lib/base/error.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

std::string refusal(const KlController& controller) {
  try {
    controller.check();
  } catch (const Error& error) {
    CHECK(error.status() == Exit::kUsage);
    return error.what();
  }
  return "";
}

double after(KlController controller, double kl, std::uint64_t sequences) {
  controller.update(kl, sequences);
  return controller.beta;
}

constexpr KlController kZiegler{KlControl::kAdaptive, 0.15, 6, 10000};
constexpr KlController kHalving{KlControl::kHalving, 1, 0.01, 0};

}  // namespace

TEST_CASE("a fixed coefficient stays whatever the KL") {
  const KlController fixed{KlControl::kFixed, 0.07, 6, 10000};
  CHECK(after(fixed, 100, 512) == 0.07);
  CHECK(after(fixed, 0, 512) == 0.07);
}

TEST_CASE("the adaptive coefficient follows the relative error within the clip") {
  // kl 6.6 against 6: error 0.1; beta (1 + 0.1 * 512/10000)
  CHECK(after(kZiegler, 6.6, 512) == doctest::Approx(0.15 * 1.00512).epsilon(1e-14));
  CHECK(after(kZiegler, 5.4, 512) == doctest::Approx(0.15 * 0.99488).epsilon(1e-14));
  CHECK(after(kZiegler, 6, 512) == 0.15);
}

TEST_CASE("the adaptive coefficient's error is clipped at a fifth on both sides") {
  CHECK(after(kZiegler, 60, 512) == doctest::Approx(0.15 * 1.01024).epsilon(1e-14));
  CHECK(after(kZiegler, 0, 512) == doctest::Approx(0.15 * 0.98976).epsilon(1e-14));
  CHECK(after(kZiegler, -3, 512) == after(kZiegler, 0, 512));
}

TEST_CASE("the adaptive step is proportional to the sequences and to one over the horizon") {
  CHECK(after(kZiegler, 60, 1000) == doctest::Approx(0.15 * 1.02).epsilon(1e-14));
  KlController shorter = kZiegler;
  shorter.horizon = 1000;
  CHECK(after(shorter, 60, 1000) == doctest::Approx(0.15 * 1.2).epsilon(1e-14));
  CHECK(after(kZiegler, 60, 0) == 0.15);
}

TEST_CASE("the target is what the adaptive coefficient measures against") {
  KlController other = kZiegler;
  other.target = 3;
  CHECK(after(other, 3.3, 1000) == doctest::Approx(0.15 * 1.01).epsilon(1e-14));
}

TEST_CASE("adaptive steps compound") {
  KlController c = kZiegler;
  for (int i = 0; i < 10; ++i) c.update(12, 512);
  CHECK(c.beta == doctest::Approx(0.15 * std::pow(1.01024, 10)).epsilon(1e-13));
}

TEST_CASE("the halving coefficient moves by 2 outside a factor of 1.5 around the target") {
  CHECK(after(kHalving, 0.0066, 8) == 0.5);
  CHECK(after(kHalving, 0.0067, 8) == 1.0);
  CHECK(after(kHalving, 0.0149, 8) == 1.0);
  CHECK(after(kHalving, 0.0151, 8) == 2.0);
  KlController wider = kHalving;
  wider.target = 0.02;
  CHECK(after(wider, 0.0151, 8) == 1.0);
}

TEST_CASE("the halving coefficient stays within bounds that it can come back from") {
  KlController c = kHalving;
  for (int i = 0; i < 2000; ++i) c.update(0, 1);
  CHECK(c.beta == KlController::kMinBeta);
  for (int i = 0; i < 2000; ++i) c.update(1, 1);
  CHECK(c.beta == KlController::kMaxBeta);
}

TEST_CASE("a KL that is not finite is an error and leaves the coefficient") {
  KlController c = kZiegler;
  CHECK_THROWS_WITH_AS(c.update(std::numeric_limits<double>::quiet_NaN(), 512),
                       "the KL of this iteration is not finite", Error);
  CHECK(c.beta == 0.15);
}

TEST_CASE("a batch of five horizons is refused, as beta could become 0") {
  KlController c = kZiegler;
  CHECK_THROWS_WITH_AS(c.update(6, 50000), "the KL horizon is too short for a batch of 50000 sequences", Error);
  CHECK_NOTHROW(c.update(6, 49999));
}

TEST_CASE("settings out of bounds are refused, where they are read") {
  CHECK(refusal({KlControl::kFixed, 0, -1, -1}) == "");
  CHECK(refusal({KlControl::kFixed, -0.1, 6, 1}) == "the KL coefficient must be a number of 0 or more");
  CHECK(refusal({KlControl::kAdaptive, 0, 6, 1}) == "a KL coefficient that adapts must start above 0");
  CHECK(refusal({KlControl::kHalving, 0, 6, 1}) == "a KL coefficient that adapts must start above 0");
  CHECK(refusal({KlControl::kAdaptive, 1, 0, 1}) == "the KL target must be above 0");
  CHECK(refusal({KlControl::kHalving, 1, -6, 1}) == "the KL target must be above 0");
  CHECK(refusal({KlControl::kAdaptive, 1, 6, 0}) == "the KL horizon must be above 0 sequences");
  CHECK(refusal({KlControl::kHalving, 1, 6, 0}) == "");
}
