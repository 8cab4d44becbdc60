// Chooses the level: the environment's, or the best the processor has. Of lib/kernels, only this file is compiled for
// every processor of an architecture.
#include "lib/kernels/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace nudge {
namespace {

std::atomic<const Kernels*> in_use{nullptr};

struct Level {
  const char* name;
  const char* needs;  // for whom the name says too little
  bool ProcessorLevels::*here;
  const Kernels& (*table)();
};

// A level's kernels with another product of bf16.
Kernels with_products(const Kernels& level, const char* name, PackBf16* pack, PackTransposeBf16* pack_transpose,
                      GemmBf16* gemm, const LeftKernels& left) {
  Kernels k = level;
  k.name = name;
  k.pack_bf16 = pack, k.pack_transpose_bf16 = pack_transpose, k.gemm_bf16 = gemm, k.left_bf16 = left;
  return k;
}

}  // namespace
}  // namespace nudge

#if defined(__aarch64__)
#include "lib/kernels/dispatch_arm.h"
#else
#include "lib/kernels/dispatch_x86.h"
#endif

namespace nudge {

const Kernels& choose_kernels(const char* wanted, ProcessorLevels has) {
  if (!(has.*std::end(kLevels)[-1].here)) throw Error(Exit::kInternal, kTooOld, kOldEnough);
  const std::string name = wanted != nullptr ? wanted : "";
  const Level* lacking = nullptr;
  std::string usable;
  for (const Level& level : kLevels) {
    const bool here = has.*level.here;
    if (here && (name.empty() || name == level.name)) return level.table();
    if (name == level.name) lacking = &level;
    if (here) usable += level.name + std::string(", ");
  }
  const std::string advice = "use " + usable + "or unset it";
  if (lacking == nullptr) usage_error("NUDGE_KERNELS: there is no level '" + name + "'", advice);
  usage_error("NUDGE_KERNELS: this processor lacks level " + name + lacking->needs, advice);
}

const Kernels& kernels() {
  const Kernels* k = in_use.load(std::memory_order_acquire);
  if (k != nullptr) return *k;
  const Kernels& chosen = choose_kernels(std::getenv("NUDGE_KERNELS"), processor_levels());
  in_use.store(&chosen, std::memory_order_release);
  return chosen;
}

const Kernels* kernels_of_level(const char* name) {
  const ProcessorLevels has = processor_levels();
  for (const Level& level : kLevels)
    if (std::string_view(level.name) == name && has.*level.here) return &level.table();
  return nullptr;
}

void use_kernels(const Kernels& k) { in_use.store(&k, std::memory_order_release); }

}  // namespace nudge
