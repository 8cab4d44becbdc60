// The choice of a level, on 64-bit Arm.
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "tests/kernels/dispatch_tools.h"
#include "tests/kernels/row_tools.h"

#if defined(__aarch64__)

using namespace nudge;
using namespace nudge::test;

namespace {

constexpr ProcessorLevels kNothing = {}, kNeon = {.neon = true}, kBf16 = {.neon = true, .neonbf16 = true};

}  // namespace

TEST_CASE("Arm: the best level that the processor has is chosen") {
  CHECK(name_of(nullptr, kNeon) == "neon");
  CHECK(name_of("", kNeon) == "neon");
  CHECK(name_of(nullptr, kBf16) == "neonbf16");
}

TEST_CASE("Arm: a level can be asked for by name") {
  CHECK(name_of("neon", kNeon) == "neon");
  CHECK(name_of("neon", kBf16) == "neon");
  CHECK(name_of("neonbf16", kBf16) == "neonbf16");
}

TEST_CASE("Arm: a level that does not exist or that the processor lacks is misuse, and is named") {
  for (const char* wrong : {"v3", "v4", "amx", "NEON", "neon "}) {
    const Refusal r = refusal_of(wrong, kBf16);
    CHECK(r.status == Exit::kUsage);
    CHECK(r.message == "NUDGE_KERNELS: there is no level '" + std::string(wrong) + "'");
    CHECK(r.advice == "use neonbf16, neon, or unset it");
  }
  const Refusal r = refusal_of("neonbf16", kNeon);
  CHECK(r.status == Exit::kUsage);
  CHECK(r.message == "NUDGE_KERNELS: this processor lacks level neonbf16 (FEAT_BF16)");
  CHECK(r.advice == "use neon, or unset it");
}

TEST_CASE("Arm: a processor below the lowest level is refused, whatever is asked for") {
  for (const char* wanted : {static_cast<const char*>(nullptr), "neon", "neonbf16", "v3"}) {
    const Refusal r = refusal_of(wanted, kNothing);
    CHECK(r.status == Exit::kInternal);
    CHECK(r.message == "this processor lacks Armv8.2; nudge needs it");
  }
}

TEST_CASE("Arm: levels are there where the processor has them") {
  CHECK((kernels_of_level("neon") != nullptr) == processor_levels().neon);
  CHECK((kernels_of_level("neonbf16") != nullptr) == processor_levels().neonbf16);
  CHECK(kernels_of_level("v3") == nullptr);
}

#endif
