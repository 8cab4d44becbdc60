#include "lib/rl/schedule.h"

#include <cmath>
#include <string>

#include "lib/base/error.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {
std::string refusal(const Schedule& schedule) {
  try {
    schedule.check();
  } catch (const Error& error) {
    CHECK(error.status() == Exit::kUsage);
    return error.what();
  }
  return "";
}
}  // namespace

TEST_CASE("a constant rate is the peak at every step") {
  const Schedule s{Decay::kConstant, 3e-6, 10, 0, 0};
  CHECK(s.rate(0) == 3e-6f);
  CHECK(s.rate(9) == 3e-6f);
  CHECK(s.rate(1000) == 3e-6f);
}

TEST_CASE("the warm-up rises in equal parts and its first step is not 0") {
  const Schedule s{Decay::kConstant, 1, 10, 3, 0};
  CHECK(s.rate(0) == 0.25f);
  CHECK(s.rate(1) == 0.5f);
  CHECK(s.rate(2) == 0.75f);
  CHECK(s.rate(3) == 1.0f);
  CHECK(s.rate(4) == 1.0f);
}

TEST_CASE("a linear rate falls from the peak to 0 one step after the last") {
  const Schedule s{Decay::kLinear, 8, 4, 0, 0};
  CHECK(s.rate(0) == 8.0f);
  CHECK(s.rate(1) == 6.0f);
  CHECK(s.rate(3) == 2.0f);
  CHECK(s.rate(4) == 0.0f);
  CHECK(s.rate(5) == 0.0f);
}

TEST_CASE("a linear rate ends at its least fraction of the peak") {
  const Schedule s{Decay::kLinear, 8, 4, 0, 0.5};
  CHECK(s.rate(0) == 8.0f);
  CHECK(s.rate(2) == 6.0f);
  CHECK(s.rate(4) == 4.0f);
  CHECK(s.rate(99) == 4.0f);
}

TEST_CASE("the decay spans the steps after the warm-up") {
  const Schedule s{Decay::kLinear, 8, 6, 2, 0};
  CHECK(s.rate(1) == doctest::Approx(8.0 * 2 / 3));
  CHECK(s.rate(2) == 8.0f);
  CHECK(s.rate(4) == 4.0f);
  CHECK(s.rate(6) == 0.0f);
}

TEST_CASE("a cosine rate is half a turn of libm's cosine, to a rounding") {
  const Schedule s{Decay::kCosine, 2, 12, 2, 0.1};
  CHECK(s.rate(2) == 2.0f);
  CHECK(s.rate(7) == doctest::Approx(2 * 0.55).epsilon(1e-7));
  CHECK(s.rate(12) == doctest::Approx(0.2).epsilon(1e-7));
  for (std::uint64_t step = 2; step <= 12; ++step) {
    const double p = static_cast<double>(step - 2) / 10;
    CHECK(s.rate(step) == doctest::Approx(2 * (0.1 + 0.9 * 0.5 * (1 + std::cos(M_PI * p)))).epsilon(2e-7));
  }
}

TEST_CASE("a warm-up as long as the plan never divides by 0") {
  const Schedule s{Decay::kLinear, 4, 3, 3, 0.25};
  CHECK(s.rate(2) == 3.0f);
  CHECK(s.rate(3) == 1.0f);
}

TEST_CASE("schedules out of bounds are refused") {
  CHECK(refusal({Decay::kLinear, -1, 4, 0, 0}) == "the learning rate must be a number of 0 or more");
  CHECK(refusal({Decay::kLinear, 1, 4, 0, 1.5}) ==
        "the minimum learning rate must be a fraction of the peak, from 0 to 1");
  CHECK(refusal({Decay::kLinear, 1, 4, 0, -0.5}) ==
        "the minimum learning rate must be a fraction of the peak, from 0 to 1");
  CHECK(refusal({Decay::kLinear, 1, 4, 5, 0}) == "the warm-up is longer than the steps planned");
  CHECK(refusal({Decay::kConstant, 1, 4, 5, 0}) == "");
  CHECK(refusal({Decay::kCosine, 1, 4, 4, 1}) == "");
}
