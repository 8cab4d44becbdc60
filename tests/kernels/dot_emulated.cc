// The product by dot products of pairs with that instruction computed in software, as amx_emulated.cc has the tiles', and
// instructions that round otherwise.
#define NUDGE_LEVEL emulated_dot
#include "lib/kernels/dot_bf16.cc"

namespace nudge::emulated_dot {

// Whether an instruction is found out that adds the two products first, one that begins with the low halves, and
// roundings that take numbers halfway away from 0, keep denormal numbers, or have the other half first.
bool others_are_found_out() {
  const auto high = [](i32x16 x) NUDGE_LAMBDA { return float_of_bits(x & broadcast_int(kHighHalf)); };
  const auto low = [](i32x16 x) NUDGE_LAMBDA { return float_of_bits(shift_left<16>(x)); };
  const auto both_first = [&](i32x16 a, i32x16 b, f32x16 sum) { return sum + fma(low(a), low(b), high(a) * high(b)); };
  const auto low_first = [&](i32x16 a, i32x16 b, f32x16 sum) {
    return fma(high(a), high(b), fma(low(a), low(b), sum));
  };
  const auto away = [](f32x16 x) NUDGE_LAMBDA { return float_of_bits(bits_of(x) | broadcast_int(1)); };
  const auto halves_away = [&](f32x16 a, f32x16 b) { return rounded_pairs(away(a), away(b)); };
  const auto denormal = [](f32x16 x) NUDGE_LAMBDA {
    const f32x16 magnitude = float_of_bits(bits_of(x) & broadcast_int(INT32_MAX));
    return bits_of(select(magnitude < broadcast(1.17549435e-38f), x, broadcast(0)));
  };
  const auto denormals_kept = [&](f32x16 a, f32x16 b) {
    return rounded_pairs(a, b) | shift_right<16>(denormal(a)) | (denormal(b) & broadcast_int(kHighHalf));
  };
  const auto other_first = [](f32x16 a, f32x16 b) { return rounded_pairs(b, a); };
  return !is_two_fmas(both_first) && !is_two_fmas(low_first) && !is_rounded_pairs(halves_away) &&
         !is_rounded_pairs(denormals_kept) && !is_rounded_pairs(other_first);
}

}  // namespace nudge::emulated_dot
