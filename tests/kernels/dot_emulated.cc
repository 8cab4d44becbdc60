// The product by dot products of pairs with that instruction computed in software, as amx_emulated.cc has the tiles', and
// instructions that round otherwise.
#define NUDGE_LEVEL emulated_dot
#include "lib/kernels/dot_bf16.cc"

namespace nudge::emulated_dot {

// Whether an instruction is found out that adds the two products first, and one that begins with the low halves.
bool others_are_found_out() {
  const auto high = [](i32x16 x) NUDGE_LAMBDA { return float_of_bits(x & broadcast_int(kHighHalf)); };
  const auto low = [](i32x16 x) NUDGE_LAMBDA { return float_of_bits(shift_left<16>(x)); };
  const auto both_first = [&](i32x16 a, i32x16 b, f32x16 sum) { return sum + fma(low(a), low(b), high(a) * high(b)); };
  const auto low_first = [&](i32x16 a, i32x16 b, f32x16 sum) {
    return fma(high(a), high(b), fma(low(a), low(b), sum));
  };
  return !is_two_fmas(both_first) && !is_two_fmas(low_first);
}

}  // namespace nudge::emulated_dot
