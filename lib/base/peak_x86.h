// Loops that keep a processor's multipliers busy, to measure its limit: x86-64. Internal to limits.cc.
#pragma once

#include <cstdint>
#include <string_view>

namespace nudge {
namespace {

// Work that computes and touches no memory, and its operations; null where a level has no such instruction.
struct PeakLoop {
  void (*run)();
  double operations;
};

constexpr int kChains = 12, kRounds = 1000000;  // some milliseconds, so that waking threads does not matter

// Twelve chains x = 0 x + 0, or x = x + 0 0, in registers, in assembly because a compiler may keep them elsewhere.
// clang-format off
#define NUDGE_CHAIN(op, type, n) op " %%" type "mm12, %%" type "mm12, %%" type "mm" #n "\n\t"
#define NUDGE_CHAINS(op, type)                                                                          \
  NUDGE_CHAIN(op, type, 0) NUDGE_CHAIN(op, type, 1) NUDGE_CHAIN(op, type, 2) NUDGE_CHAIN(op, type, 3)   \
  NUDGE_CHAIN(op, type, 4) NUDGE_CHAIN(op, type, 5) NUDGE_CHAIN(op, type, 6) NUDGE_CHAIN(op, type, 7)   \
  NUDGE_CHAIN(op, type, 8) NUDGE_CHAIN(op, type, 9) NUDGE_CHAIN(op, type, 10) NUDGE_CHAIN(op, type, 11)
#define NUDGE_LOOP(op, type)                                                                            \
  "vzeroall\n\t.p2align 5\n\t1:\n\t" NUDGE_CHAINS(op, type) "dec %0\n\tjnz 1b\n\tvzeroupper"
#define NUDGE_CLOBBERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                       "xmm11", "xmm12", "cc"
// clang-format on

void fma_of_16() {
  std::int64_t rounds = kRounds;
  asm volatile(NUDGE_LOOP("vfmadd213ps", "z") : "+r"(rounds) : : NUDGE_CLOBBERS);
}
void fma_of_8() {
  std::int64_t rounds = kRounds;
  asm volatile(NUDGE_LOOP("vfmadd213ps", "y") : "+r"(rounds) : : NUDGE_CLOBBERS);
}
// Dot products of pairs: 16 lanes of two products.
void dots_of_16() {
  std::int64_t rounds = kRounds;
  asm volatile(NUDGE_LOOP("vdpbf16ps", "z") : "+r"(rounds) : : NUDGE_CLOBBERS);
}

// Four chains of tile products, of zeros: 16 rows by 16 columns by 32 k each.
constexpr std::int64_t kTileRounds = 100000, kTileChains = 4, kTileOperations = 2 * 16 * 16 * 32;
void multiply_tiles() {
  alignas(64) std::uint8_t config[64] = {1};
  for (int tile = 0; tile < 8; ++tile) config[16 + 2 * tile] = 64, config[48 + tile] = 16;
  std::int64_t rounds = kTileRounds;
  asm volatile(
      "ldtilecfg %1\n\t"
      "tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n\t"
      "tilezero %%tmm4\n\ttilezero %%tmm5\n\t"
      ".p2align 5\n\t1:\n\t"
      "tdpbf16ps %%tmm4, %%tmm5, %%tmm0\n\ttdpbf16ps %%tmm4, %%tmm5, %%tmm1\n\t"
      "tdpbf16ps %%tmm4, %%tmm5, %%tmm2\n\ttdpbf16ps %%tmm4, %%tmm5, %%tmm3\n\t"
      "dec %0\n\tjnz 1b\n\ttilerelease"
      : "+r"(rounds)
      : "m"(config)
      : "cc");
}

PeakLoop fma_loop(std::string_view level) {
  if (level == "v3") return {fma_of_8, 2.0 * 8 * kChains * kRounds};
  return {fma_of_16, 2.0 * 16 * kChains * kRounds};
}
PeakLoop bf16_loop(std::string_view level) {
  if (level == "amx") return {multiply_tiles, static_cast<double>(kTileOperations * kTileChains * kTileRounds)};
  if (level == "v4bf16") return {dots_of_16, 2.0 * 32 * kChains * kRounds};
  return {nullptr, 0};
}

}  // namespace
}  // namespace nudge
