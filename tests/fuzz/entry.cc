// What libFuzzer calls. NUDGE_FUZZ names the target.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "lib/base/parallel.h"
#include "tests/fuzz/fuzz.h"

namespace {

const nudge::fuzz::Target& chosen() {
  const char* name = std::getenv("NUDGE_FUZZ");
  for (const auto& target : nudge::fuzz::targets()) {
    if (name != nullptr && std::string(name) == target.name) return target;
  }
  std::fputs("NUDGE_FUZZ has to name one of:", stderr);
  for (const auto& target : nudge::fuzz::targets()) std::fprintf(stderr, " %s", target.name);
  std::fputs("\n", stderr);
  std::exit(64);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const nudge::fuzz::Target& target = (nudge::set_thread_count(1), chosen());
  target.run({reinterpret_cast<const char*>(data), size});
  return 0;
}
