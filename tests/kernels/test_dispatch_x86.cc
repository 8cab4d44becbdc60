// The choice of a level, on x86-64.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "tests/kernels/dispatch_tools.h"
#include "tests/kernels/row_tools.h"

#if defined(__x86_64__)

using namespace nudge;
using namespace nudge::test;

namespace {

constexpr ProcessorLevels kNothing = {}, kAvx2 = {.v3 = true};
constexpr ProcessorLevels kBoth = {.v3 = true, .v4 = true};
constexpr ProcessorLevels kDots = {.v3 = true, .v4 = true, .v4bf16 = true};
constexpr ProcessorLevels kTiles = {.v3 = true, .v4 = true, .amx = true};
constexpr ProcessorLevels kAll = {.v3 = true, .v4 = true, .v4bf16 = true, .amx = true};

}  // namespace

TEST_CASE("x86-64: the best level that the processor has is chosen") {
  CHECK(name_of(nullptr, kAvx2) == "v3");
  CHECK(name_of(nullptr, kBoth) == "v4");
  CHECK(name_of("", kBoth) == "v4");
  CHECK(name_of("", kDots) == "v4bf16");
  CHECK(name_of("", kTiles) == "amx");
  CHECK(name_of(nullptr, kAll) == "amx");
  CHECK(name_of("", kAll) == "amx");
}

TEST_CASE("x86-64: a level can be asked for by name") {
  CHECK(name_of("v3", kBoth) == "v3");
  CHECK(name_of("v3", kAvx2) == "v3");
  CHECK(name_of("v4", kBoth) == "v4");
  CHECK(name_of("v4", kAll) == "v4");
  CHECK(name_of("v4bf16", kDots) == "v4bf16");
  CHECK(name_of("v4bf16", kAll) == "v4bf16");
  CHECK(name_of("amx", kAll) == "amx");
}

TEST_CASE("x86-64: a level that does not exist is misuse, and is named") {
  for (const char* wrong : {"v5", "V4", "avx2", "v3 "}) {
    const Refusal r = refusal_of(wrong, kBoth);
    CHECK(r.status == Exit::kUsage);
    CHECK(r.message == "NUDGE_KERNELS: there is no level '" + std::string(wrong) + "'");
    CHECK(r.advice == "use v4, v3, or unset it");
  }
}

TEST_CASE("x86-64: a level that the processor lacks is misuse, and is named") {
  const Refusal r = refusal_of("v4", kAvx2);
  CHECK(r.status == Exit::kUsage);
  CHECK(r.message == "NUDGE_KERNELS: this processor lacks level v4 (AVX-512)");
  CHECK(r.advice == "use v3, or unset it");
  CHECK(refusal_of("v4bf16", kTiles).status == Exit::kUsage);
  CHECK(refusal_of("v4bf16", kTiles).message == "NUDGE_KERNELS: this processor lacks level v4bf16 (AVX512_BF16)");
  CHECK(refusal_of("v4bf16", kTiles).advice == "use amx, v4, v3, or unset it");
  CHECK(refusal_of("amx", kBoth).status == Exit::kUsage);
  CHECK(refusal_of("amx", kBoth).message == "NUDGE_KERNELS: this processor lacks level amx");
}

TEST_CASE("x86-64: a processor below the lowest level is refused, whatever is asked for") {
  for (const char* wanted : {static_cast<const char*>(nullptr), "v3", "v4", "v5"}) {
    const Refusal r = refusal_of(wanted, kNothing);
    CHECK(r.status == Exit::kInternal);
    CHECK(r.message == "this processor lacks AVX2/FMA; nudge needs x86-64-v3");
  }
}

TEST_CASE("x86-64: kernels() follows NUDGE_KERNELS, and the processor where that is unset") {
  const bool v4 = kernels_of_level("v4") != nullptr, amx = kernels_of_level("amx") != nullptr;
  const bool v4bf16 = kernels_of_level("v4bf16") != nullptr;
  const char* best = amx ? "amx" : v4bf16 ? "v4bf16" : v4 ? "v4" : "v3";
  CHECK(agrees("v3", "v3"));
  CHECK(agrees(nullptr, best));
  CHECK(agrees("", best));
  CHECK(agrees("amx", amx ? "amx" : "NUDGE_KERNELS: this processor lacks level amx"));
  CHECK(agrees("v4bf16", v4bf16 ? "v4bf16" : "NUDGE_KERNELS: this processor lacks level v4bf16 (AVX512_BF16)"));
  CHECK(agrees("v4", v4 ? "v4" : "NUDGE_KERNELS: this processor lacks level v4 (AVX-512)"));
}

TEST_CASE("x86-64: levels are found by name where the processor has them") {
  const ProcessorLevels has = processor_levels();
  CHECK((kernels_of_level("v3") != nullptr) == has.v3);
  CHECK((kernels_of_level("v4") != nullptr) == has.v4);
  CHECK((kernels_of_level("v4bf16") != nullptr) == has.v4bf16);
  CHECK((kernels_of_level("amx") != nullptr) == has.amx);
}

TEST_CASE("x86-64: a level is there only with every feature that its objects may use") {
  std::ifstream info("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; flags.empty() && std::getline(info, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "flags") flags.insert(std::istream_iterator<std::string>(words), {});
  }
  const auto all = [&](std::initializer_list<const char*> names) {
    return std::all_of(names.begin(), names.end(), [&](const char* name) { return flags.contains(name); });
  };
  // Some systems leave lzcnt ("abm") out of the flags. Where the processor lacks it, the same bytes are bsr, from the
  // other end.
  std::uint32_t zeros = 99;
  asm("lzcntl %1, %0" : "=r"(zeros) : "r"(0x80000000u) : "cc");
  const bool v3 = all({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}) && zeros == 0;
  CHECK(processor_levels().v3 == v3);
  CHECK(processor_levels().v4 == (v3 && all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})));
  // A processor whose dot product rounds otherwise lacks that level, and tests of this level's bits tell the other case.
  if (processor_levels().v4bf16) CHECK((processor_levels().v4 && all({"avx512_bf16"})));
  // The system may keep the tiles from us, not the other way round.
  if (processor_levels().amx) CHECK((processor_levels().v4 && all({"amx_tile", "amx_bf16"})));
}

#endif
