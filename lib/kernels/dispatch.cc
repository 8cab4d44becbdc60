// Chooses the level: the environment's, or the best the processor has. Of lib/kernels, only this file is compiled for
// every x86-64.
#include "lib/kernels/dispatch.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace nudge {

namespace v3 {
extern const Kernels table;
}
namespace v4 {
extern const Kernels table;
}

namespace v4bf16 {
PackBf16 pack_bf16;
PackTransposeBf16 pack_transpose_bf16;
GemmBf16 gemm_bf16;
extern const LeftKernels left_bf16;
bool instructions_are_known();
}  // namespace v4bf16
namespace amx {
GemmBf16 gemm_bf16;
extern const LeftKernels left_bf16;
}  // namespace amx

namespace {
std::atomic<const Kernels*> in_use{nullptr};

// Of x86-64-v3, what clang 14's __builtin_cpu_supports doesn't know. -march=x86-64-v3 lets the compiler use it all,
// and virtual machines mask single features.
bool has_movbe_f16c_lzcnt() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_MOVBE) == 0 || (c & bit_F16C) == 0) return false;
  return __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c & bit_LZCNT) != 0;
}

// The instructions, and that they round as our chains and our bf16 do.
bool has_dot() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAvx512Bf16 = 1u << 5;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) == 0 || (a & kAvx512Bf16) == 0) return false;
  static const bool known = v4bf16::instructions_are_known();
  return known;
}

// The tiles' state is large: the system hands it out on request, to the whole process.
bool has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kBf16) == 0 || (d & kTile) == 0) return false;
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}

// v4's with another product of bf16.
Kernels v4_with(const char* name, PackBf16* pack, PackTransposeBf16* pack_transpose, GemmBf16* gemm,
                const LeftKernels& left) {
  Kernels k = v4::table;
  k.name = name;
  k.pack_bf16 = pack, k.pack_transpose_bf16 = pack_transpose, k.gemm_bf16 = gemm, k.left_bf16 = left;
  return k;
}
const Kernels& v4bf16_table() {
  static const Kernels table =
      v4_with("v4bf16", v4bf16::pack_bf16, v4bf16::pack_transpose_bf16, v4bf16::gemm_bf16, v4bf16::left_bf16);
  return table;
}
const Kernels& amx_table() {
  const Kernels& v4 = v4::table;
  static const Kernels table = v4_with("amx", v4.pack_bf16, v4.pack_transpose_bf16, amx::gemm_bf16, amx::left_bf16);
  return table;
}

struct Level {
  const char* name;
  const char* needs;  // for whom the name says too little
  bool ProcessorLevels::*here;
  const Kernels& (*table)();
};
// From the best down.
constexpr Level kLevels[] = {
    {"amx", "", &ProcessorLevels::amx, amx_table},
    {"v4bf16", " (AVX512_BF16)", &ProcessorLevels::v4bf16, v4bf16_table},
    {"v4", " (AVX-512)", &ProcessorLevels::v4, []() -> const Kernels& { return v4::table; }},
    {"v3", "", &ProcessorLevels::v3, []() -> const Kernels& { return v3::table; }},
};
}  // namespace

ProcessorLevels processor_levels() {
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2") && has_movbe_f16c_lzcnt();
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return {v3, v3 && v4, v3 && v4 && has_dot(), v3 && v4 && has_tiles()};
}

const Kernels& choose_kernels(const char* wanted, ProcessorLevels has) {
  if (!has.v3)
    throw Error(Exit::kInternal, "this processor lacks AVX2/FMA; nudge needs x86-64-v3",
                "Intel's processors since Haswell and AMD's since Excavator have them");
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
