// Loops that keep a processor's multipliers busy, to measure its limit: 64-bit Arm. Internal to limits.cc.
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

constexpr int kChains = 24, kRounds = 1000000;  // some milliseconds, so that waking threads does not matter

// Twenty-four chains x = x + 0 0 in registers, in assembly because a compiler may keep them elsewhere.
// clang-format off
#define NUDGE_CHAIN(op, to, from, n) op " v" #n "." to ", v31." from ", v31." from "\n\t"
#define NUDGE_CHAINS(op, to, from)                                                                              \
  NUDGE_CHAIN(op, to, from, 0) NUDGE_CHAIN(op, to, from, 1) NUDGE_CHAIN(op, to, from, 2)                        \
  NUDGE_CHAIN(op, to, from, 3) NUDGE_CHAIN(op, to, from, 4) NUDGE_CHAIN(op, to, from, 5)                        \
  NUDGE_CHAIN(op, to, from, 6) NUDGE_CHAIN(op, to, from, 7) NUDGE_CHAIN(op, to, from, 16)                       \
  NUDGE_CHAIN(op, to, from, 17) NUDGE_CHAIN(op, to, from, 18) NUDGE_CHAIN(op, to, from, 19)                     \
  NUDGE_CHAIN(op, to, from, 20) NUDGE_CHAIN(op, to, from, 21) NUDGE_CHAIN(op, to, from, 22)                     \
  NUDGE_CHAIN(op, to, from, 23) NUDGE_CHAIN(op, to, from, 24) NUDGE_CHAIN(op, to, from, 25)                     \
  NUDGE_CHAIN(op, to, from, 26) NUDGE_CHAIN(op, to, from, 27) NUDGE_CHAIN(op, to, from, 28)                     \
  NUDGE_CHAIN(op, to, from, 29) NUDGE_CHAIN(op, to, from, 30) NUDGE_CHAIN(op, to, from, 15)
#define NUDGE_LOOP(op, to, from)                                                                                \
  "movi v31.4s, #0\n\t.p2align 5\n\t1:\n\t" NUDGE_CHAINS(op, to, from) "subs %0, %0, #1\n\tb.ne 1b"
#define NUDGE_CLOBBERS "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v15", "v16", "v17", "v18", "v19", "v20", \
                       "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc"
// clang-format on

void fma_of_4() {
  std::int64_t rounds = kRounds;
  asm volatile(NUDGE_LOOP("fmla", "4s", "4s") : "+r"(rounds) : : NUDGE_CLOBBERS);
}
// Of the low halves of four pairs.
void bf16_fma_of_4() {
  std::int64_t rounds = kRounds;
  asm volatile(".arch_extension bf16\n\t" NUDGE_LOOP("bfmlalb", "4s", "8h") : "+r"(rounds) : : NUDGE_CLOBBERS);
}

constexpr double kOperations = 2.0 * 4 * kChains * kRounds;
PeakLoop fma_loop(std::string_view) { return {fma_of_4, kOperations}; }
PeakLoop bf16_loop(std::string_view level) {
  if (level == "neonbf16") return {bf16_fma_of_4, kOperations};
  return {nullptr, 0};
}

}  // namespace
}  // namespace nudge
