// Which level runs: the environment's, or the best that the processor has. The one file of lib/kernels
// that is compiled for every x86-64.
#include "lib/kernels/dispatch.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

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

namespace amx {
void gemm_bf16(const float* a, std::int64_t row, std::int64_t column, const std::uint16_t* packed, const Ending& ending,
               float* c, std::int64_t ldc, std::int64_t M, std::int64_t N, std::int64_t K, std::int64_t panel_begin,
               std::int64_t panel_end, bool accumulate, float* scratch);
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

// The tiles' state is large: the system hands it out on request, to the whole process.
bool has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kBf16) == 0 || (d & kTile) == 0) return false;
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}

const Kernels& amx_table() {
  static const Kernels table = [] {
    Kernels k = v4::table;
    k.name = "amx";
    k.gemm_bf16 = amx::gemm_bf16;
    return k;
  }();
  return table;
}
}  // namespace

ProcessorLevels processor_levels() {
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2") && has_movbe_f16c_lzcnt();
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return {v3, v3 && v4, v3 && v4 && has_tiles()};
}

const Kernels& choose_kernels(const char* wanted, ProcessorLevels has) {
  if (!has.v3)
    throw Error(Exit::kInternal, "this processor lacks AVX2/FMA; nudge needs x86-64-v3",
                "those of Intel since Haswell and of AMD since Excavator have them");
  const std::string name = wanted != nullptr ? wanted : "";
  if (name.empty()) return has.amx ? amx_table() : has.v4 ? v4::table : v3::table;
  if (name == "v3") return v3::table;
  if (name != "v4" && name != "amx")
    usage_error("NUDGE_KERNELS: there is no level '" + name + "'", "use v3, v4 or amx, or unset it");
  if (name == "amx" && !has.amx)
    usage_error("NUDGE_KERNELS: this processor lacks level amx", "use v3 or v4, or unset it");
  if (name == "amx") return amx_table();
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
  if (level == "amx" && has.amx) return &amx_table();
  return nullptr;
}

void use_kernels(const Kernels& k) { in_use.store(&k, std::memory_order_release); }

}  // namespace nudge
