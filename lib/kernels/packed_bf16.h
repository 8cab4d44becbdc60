// B of a bf16 product, packed: panels of 32 columns, each of blocks of kDepth k, each of two tiles of 16 columns, each of
// 16 rows of pairs. A pair is two k of a column, in the low and the high half of 32 bits; which k these are is up to the
// instruction that reads them.
#pragma once

#include "lib/kernels/dot_pairs.h"
#include "lib/kernels/matrix.h"

namespace nudge::NUDGE_LEVEL {

constexpr int64_t kDepth = 32;         // k whose chains are summed apart
constexpr int64_t kTileNumbers = 512;  // 16 pairs of k by 16 columns
constexpr int64_t kDepthNumbers = 2 * kTileNumbers;
NUDGE_INLINE int64_t padded(int64_t K) { return ceiling(K, kDepth) * kDepth; }

// An even k and the next one: the processors' tiles keep a chain of each half.
struct TilePairs {
  static constexpr int64_t low(int64_t row) { return 2 * row; }
  static constexpr int64_t high(int64_t row) { return 2 * row + 1; }
};
// k and k + 2, two steps of the chain of even or of odd k, for an instruction that takes the high half first. Rows of
// even and of odd k alternate.
struct ChainPairs {
  static constexpr int64_t low(int64_t row) { return high(row) + 2; }
  static constexpr int64_t high(int64_t row) { return row / 2 * 4 + row % 2; }
};

struct Halves {
  f32x16 low, high;
};
NUDGE_INLINE Halves load_pairs(const uint16_t* p) {
  const i32x16 both = bits_of(load(reinterpret_cast<const float*>(p)));
  return {float_of_bits(shift_left<16>(both)), float_of_bits(both & broadcast_int(INT32_MIN >> 15))};
}
NUDGE_INLINE void store_pairs(uint16_t* p, f32x16 low, f32x16 high) {
  store(reinterpret_cast<float*>(p), float_of_bits(pairs_of(low, high)));
}

// A block of a panel as floats [32 k][32 columns], and back.
template <class Order>
void unpack_block(const uint16_t* block, float* to) {
  for (int64_t i = 0; i < kPanel; ++i) {  // 16 rows of each of two tiles
    const Halves pairs = load_pairs(block + i * 32);
    float* tile = to + i / 16 * 16;
    store(tile + Order::low(i % 16) * kPanel, pairs.low), store(tile + Order::high(i % 16) * kPanel, pairs.high);
  }
}
template <class Order>
void pack_block(const float* from, uint16_t* block) {
  for (int64_t i = 0; i < kPanel; ++i) {
    const float* tile = from + i / 16 * 16;
    store_pairs(block + i * 32, load(tile + Order::low(i % 16) * kPanel), load(tile + Order::high(i % 16) * kPanel));
  }
}

// pack_bf16 and pack_transpose_bf16 (kernels.h) in such an order.
template <class Order>
void pack_pairs(const float* b, int64_t row, int64_t column, int64_t K, int64_t N, int64_t panel_begin,
                int64_t panel_end, uint16_t* packed) {
  float rows[kDepth * kPanel];
  for (int64_t p = panel_begin; p < panel_end; ++p) {
    uint16_t* to = packed + p * kPanel * padded(K);
    for (int64_t k = 0; k < K; k += kDepth, to += kDepthNumbers) {
      const int64_t end = least(K, k + kDepth);
      copy_panel(b + p * kPanel * column, row, column, least(kPanel, N - p * kPanel), k, end, rows);
      for (int64_t i = (end - k) * kPanel; i < kDepth * kPanel; i += 16) store(rows + i, broadcast(0));
      pack_block<Order>(rows, to);
    }
  }
}
template <class Order>
void pack_transposed_pairs(const uint16_t* packed, int64_t K, int64_t n_begin, int64_t n_end, int64_t panel_begin,
                           int64_t panel_end, uint16_t* out) {
  float rows[kDepth * kPanel], transposed[kDepth * kPanel];
  for (int64_t q = panel_begin; q < panel_end; ++q) {
    for (int64_t n = n_begin; n < n_end; n += kDepth, out += kDepthNumbers) {
      unpack_block<Order>(packed + n / kPanel * kPanel * padded(K) + q * kDepthNumbers, rows);
      for (int64_t i = 0; i < kDepth; i += 16) {
        for (int64_t k = 0; k < kPanel; k += 16)
          transpose_block(rows + k * kPanel + i, kPanel, 16, 16, transposed + i * kPanel + k, kPanel);
      }
      pack_block<Order>(transposed, out);
    }
  }
}

}  // namespace nudge::NUDGE_LEVEL
