// The choice of a level.
#include <cstdlib>
#include <string>

#include "lib/base/error.h"
#include "lib/base/limits.h"
#include "tests/kernels/dispatch_tools.h"
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

// Run by `agrees` alone, because kernels() decides once a process.
TEST_CASE("child: kernels() gives the outcome that the parent expects" * doctest::skip()) {
  const char* expected = std::getenv("NUDGE_TEST_OUTCOME");
  REQUIRE(expected != nullptr);
  std::string outcome;
  try {
    outcome = kernels().name;
    CHECK(&kernels() == &kernels());
  } catch (const Error& e) {
    outcome = e.what();
  }
  CHECK(outcome == expected);
}

TEST_CASE("a level that does not exist is misuse, and is named") {
  CHECK(agrees("v9", "NUDGE_KERNELS: there is no level 'v9'"));
  CHECK(!agrees("v9", "NUDGE_KERNELS: there is no level 'v8'"));  // the child does compare
}

TEST_CASE("kernels() follows NUDGE_KERNELS, and the processor where that is unset") {
  for (const Kernels* k : levels()) {
    CHECK(agrees(k->name, k->name));
    CHECK(kernels_of_level(k->name) == k);
  }
  const std::string best = choose_kernels(nullptr, processor_levels()).name;
  CHECK(agrees(nullptr, best.c_str()));
  CHECK(agrees("", best.c_str()));
  CHECK(!agrees(levels().front()->name, "v9"));
  CHECK(kernels_of_level("v5") == nullptr);
}

TEST_CASE("the limits of a level have its instruction for bf16") {
  for (const Kernels* k : levels()) {
    const std::string name = k->name;
    CHECK((measure_limits(name, 1 << 20, 1).bf16 > 1e8) == (name == "v4bf16" || name == "amx" || name == "neonbf16"));
  }
}

TEST_CASE("the level in use can be replaced") {
  const Kernels& before = kernels();
  for (const Kernels* k : levels()) {
    use_kernels(*k);
    CHECK(&kernels() == k);
  }
  use_kernels(before);
}
