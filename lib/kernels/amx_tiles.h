// The tile instructions of the product, by tile number. A file compiled without them gets emulations: tests compare
// results on processors that lack them.
#pragma once

#include "lib/kernels/simd.h"

namespace nudge::NUDGE_LEVEL {

#if defined(__AMX_BF16__)

// All eight tiles: 16 rows of 64 bytes.
NUDGE_INLINE void begin_tiles() {
  alignas(64) static const struct {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  static_assert(sizeof config == 64);
  _tile_loadconfig(&config);
}
NUDGE_INLINE void end_tiles() { _tile_release(); }
#define NUDGE_TILE_ZERO(t) _tile_zero(t)
#define NUDGE_TILE_LOAD(t, from, step) _tile_loadd(t, from, step)  // step: bytes between rows
#define NUDGE_TILE_STORE(t, to, step) _tile_stored(t, to, step)
#define NUDGE_TILE_MULTIPLY(c, a, b) _tile_dpbf16ps(c, a, b)

#else

struct TileBytes {
  uint32_t at[16][16];
};
inline thread_local TileBytes emulated_tiles[8];
NUDGE_INLINE void begin_tiles() {
  // Nothing of an earlier product may be used: not-a-numbers would show it.
  __builtin_memset(emulated_tiles, 0xff, sizeof emulated_tiles);
}
NUDGE_INLINE void end_tiles() {}
inline void multiply_tiles(int c, int a, int b) {
  const auto number = [](uint32_t bits) { return __builtin_bit_cast(float, bits); };
  for (int m = 0; m < 16; ++m) {
    for (int n = 0; n < 16; ++n) {
      float even = 0, odd = 0;
      for (int k = 0; k < 16; ++k) {
        const uint32_t x = emulated_tiles[a].at[m][k], y = emulated_tiles[b].at[k][n];
        even = __builtin_fmaf(number(x << 16), number(y << 16), even);
        odd = __builtin_fmaf(number(x & 0xffff0000u), number(y & 0xffff0000u), odd);
      }
      uint32_t& sum = emulated_tiles[c].at[m][n];
      sum = __builtin_bit_cast(uint32_t, number(sum) + (even + odd));
    }
  }
}
inline void copy_tile(char* to, int64_t to_step, const char* from, int64_t from_step) {
  for (int r = 0; r < 16; ++r) __builtin_memcpy(to + r * to_step, from + r * from_step, 64);
}
#define NUDGE_TILE_ZERO(t) __builtin_memset(&emulated_tiles[t], 0, sizeof(TileBytes))
#define NUDGE_TILE_LOAD(t, from, step) \
  copy_tile(reinterpret_cast<char*>(&emulated_tiles[t]), 64, reinterpret_cast<const char*>(from), step)
#define NUDGE_TILE_STORE(t, to, step) \
  copy_tile(reinterpret_cast<char*>(to), step, reinterpret_cast<const char*>(&emulated_tiles[t]), 64)
#define NUDGE_TILE_MULTIPLY(c, a, b) multiply_tiles(c, a, b)

#endif

}  // namespace nudge::NUDGE_LEVEL
