// Which level runs: the environment's, or the best that the processor has. The one file of lib/kernels
// that is compiled for every x86-64.
#include "lib/kernels/dispatch.h"

#include <cpuid.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "lib/base/error.h"

namespace nudge {

namespace v3 {
extern const Kernels table;
}
namespace v4 {
extern const Kernels table;
}

namespace {
std::atomic<const Kernels*> in_use{nullptr};

// Of x86-64-v3, what clang 14's __builtin_cpu_supports doesn't know. -march=x86-64-v3 lets the compiler use it all,
// and virtual machines mask single features.
bool has_movbe_f16c_lzcnt() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_MOVBE) == 0 || (c & bit_F16C) == 0) return false;
  return __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c & bit_LZCNT) != 0;
}
}  // namespace

ProcessorLevels processor_levels() {
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2") && has_movbe_f16c_lzcnt();
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return {v3, v3 && v4};
}

const Kernels& choose_kernels(const char* wanted, ProcessorLevels has) {
  if (!has.v3) throw Error(Exit::kInternal, "this processor lacks AVX2/FMA; nudge needs x86-64-v3");
  const std::string name = wanted != nullptr ? wanted : "";
  if (name.empty()) return has.v4 ? v4::table : v3::table;
  if (name == "v3") return v3::table;
  if (name != "v4") usage_error("NUDGE_KERNELS: there is no level '" + name + "'", "use v3 or v4, or unset it");
  if (!has.v4) usage_error("NUDGE_KERNELS: this processor lacks level v4 (AVX-512)", "use v3, or unset it");
  return v4::table;
}

const Kernels& kernels() {
  const Kernels* k = in_use.load(std::memory_order_acquire);
  if (k != nullptr) return *k;
  const Kernels& chosen = choose_kernels(std::getenv("NUDGE_KERNELS"), processor_levels());
  in_use.store(&chosen, std::memory_order_release);
  return chosen;
}

const Kernels* kernels_of_level(const char* name) {
  const std::string level = name;
  const ProcessorLevels has = processor_levels();
  if (level == "v3" && has.v3) return &v3::table;
  if (level == "v4" && has.v4) return &v4::table;
  return nullptr;
}

void use_kernels(const Kernels& k) { in_use.store(&k, std::memory_order_release); }

}  // namespace nudge
