// gemm_bf16 by the processor's tile instructions, for packed B as v4 has it. A is copied into tiles of 16 rows by 32 k;
// two of them against a panel's two tiles make four tiles of C, which stay in the tile registers for a block of k. All
// other kernels of this level are v4's.
#include "lib/kernels/amx_tiles.h"
#include "lib/kernels/packed_bf16.h"

namespace nudge::NUDGE_LEVEL {

GemmBf16 gemm_bf16;
extern const LeftKernels left_bf16;

namespace {

constexpr int64_t kRows = 16;    // of a tile of A
constexpr int64_t kBlock = 512;  // k of a panel that stay in the first-level cache: 32 KiB
constexpr int64_t kMostRows = strip_scratch * 2 / kBlock / 32 * 32;  // of A's copy, in numbers of 16 bits

// Rows m .. m + 15 (those from `rows` on are zeros) and k .. k + steps - 1 of A as tiles, one for every 32 k.
void copy_tiles(const Job& j, int64_t m, int64_t rows, int64_t k, int64_t steps, uint16_t* to) {
  for (int64_t i = 0; i < ceiling(steps, kDepth) * kDepth; i += 16) {
    const int64_t n = most(0, least(16, steps - i));
    f32x16 r[kRows];
    if (j.row == 1) {
      for (int64_t l = 0; l < 16; ++l) r[l] = l < n ? load_first(j.a + m + (k + i + l) * j.column, rows) : broadcast(0);
      transpose(r);
    } else {
      for (int64_t l = 0; l < kRows; ++l)
        r[l] = l < rows ? load_of_row(j, j.a + (m + l) * j.row + (k + i) * j.column, n) : broadcast(0);
    }
    uint16_t* tile = to + i / kDepth * kTileNumbers + i % kDepth;
    for (int64_t l = 0; l < kRows; ++l) store_bf16(tile + l * kDepth, r[l]);
  }
}

// Up to 32 rows by 32 columns of C: at `c` where they are whole tiles, else in `buffer`, [32, 32].
struct Corner {
  Corner(const Job& job, float* at, int64_t r, int64_t n) : j(job), c(at), rows(r), columns(n) {}
  const Job& j;
  float* c;
  int64_t rows, columns;
  float buffer[32 * 32];  // not filled: fetch or a product does that

  bool whole() const { return rows == 32 && columns == 32; }
  float* at() { return whole() ? c : buffer; }
  int64_t step() const { return (whole() ? j.ldc : 32) * 4; }
  void fetch() {
    if (whole()) return;
    for (int64_t r = 0; r < 32; ++r) {
      for (int64_t n = 0; n < 32; n += 16) {
        const int64_t lanes = r < rows ? most(0, least(16, columns - n)) : 0;
        store(buffer + 32 * r + n, load_first(c + (lanes > 0 ? r * j.ldc + n : 0), lanes));
      }
    }
  }
  void put(const float* bias) {
    if (whole() && bias == nullptr) return;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t n = 0; n < columns; n += 16) {
        const int64_t lanes = least(16, columns - n);
        float* from = whole() ? c + r * j.ldc + n : buffer + 32 * r + n;
        const f32x16 y = load(from);
        store_first(c + r * j.ldc + n, bias == nullptr ? y : y + load_first(bias + n, lanes), lanes);
      }
    }
  }
};

// Rows of two (with `pair`) tiles of A against a panel: `tiles` tiles along k.
template <bool pair>
NUDGE_INLINE void multiply_panel(const uint16_t* a, int64_t a_step, const uint16_t* b, int64_t tiles, bool from_zero,
                                 Corner& corner) {
  float* low = corner.at() + corner.step() / 4 * 16;
  const int64_t step = corner.step();
  if (from_zero) {
    NUDGE_TILE_ZERO(0);
    NUDGE_TILE_ZERO(1);
    if (pair) NUDGE_TILE_ZERO(2);
    if (pair) NUDGE_TILE_ZERO(3);
  } else {
    NUDGE_TILE_LOAD(0, corner.at(), step);
    NUDGE_TILE_LOAD(1, corner.at() + 16, step);
    if (pair) NUDGE_TILE_LOAD(2, low, step);
    if (pair) NUDGE_TILE_LOAD(3, low + 16, step);
  }
  for (int64_t t = 0; t < tiles; ++t, a += kTileNumbers, b += 2 * kTileNumbers) {
    if (!pair) {  // few rows: B comes from memory
      for (int64_t line = 0; line < 2 * kTileNumbers; line += 32)
        fetch(reinterpret_cast<const char*>(b + 4 * kTileNumbers + line));
    }
    NUDGE_TILE_LOAD(4, a, 64);
    NUDGE_TILE_LOAD(6, b, 64);
    NUDGE_TILE_LOAD(7, b + kTileNumbers, 64);
    NUDGE_TILE_MULTIPLY(0, 4, 6);
    NUDGE_TILE_MULTIPLY(1, 4, 7);
    if (pair) {
      NUDGE_TILE_LOAD(5, a + a_step, 64);
      NUDGE_TILE_MULTIPLY(2, 5, 6);
      NUDGE_TILE_MULTIPLY(3, 5, 7);
    }
  }
  NUDGE_TILE_STORE(0, corner.at(), step);
  NUDGE_TILE_STORE(1, corner.at() + 16, step);
  if (pair) NUDGE_TILE_STORE(2, low, step);
  if (pair) NUDGE_TILE_STORE(3, low + 16, step);
}

}  // namespace

void gemm_bf16(const float* a, int64_t row, int64_t column, const uint16_t* packed, const Epilogue& epilogue, float* c,
               int64_t ldc, int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end, bool accumulate,
               GemmScratch scratch) {
  const Job j = {a, row, column, epilogue, c, ldc, M, N, K, accumulate, scratch.at, scratch.holds_a};
  auto* tiles_of_a = reinterpret_cast<uint16_t*>(scratch.at);
  const int64_t blocks = most(1, ceiling(K, kBlock));
  const int64_t block = most(1, ceiling(ceiling(K, blocks), kDepth)) * kDepth;  // equal shares
  begin_tiles();
  for (int64_t k = 0; k < most(K, 1); k += block) {
    const int64_t steps = least(block, K - k), tiles = ceiling(steps, kDepth), strip = tiles * kTileNumbers;
    for (int64_t first = 0; first < M; first += kMostRows) {
      const int64_t part = least(kMostRows, M - first);
      const bool copied = scratch.holds_a && blocks == 1 && part == M;
      for (int64_t m = 0; m < part && !copied; m += kRows)
        copy_tiles(j, first + m, least(kRows, part - m), k, steps, tiles_of_a + m / kRows * strip);
      int64_t ended = panel_begin;
      for (int64_t p = panel_begin; p < panel_end; ++p) {
        const uint16_t* b = packed + p * kPanel * padded(K) + k * kPanel;
        const bool last = k + block >= K;
        const float* bias = epilogue.bias != nullptr && last ? epilogue.bias + p * kPanel : nullptr;
        for (int64_t m = 0; m < part; m += 2 * kRows) {
          const int64_t rows = least(2 * kRows, part - m);
          Corner corner(j, c + (first + m) * ldc + p * kPanel, rows, least(kPanel, N - p * kPanel));
          const bool from_zero = k == 0 && !accumulate;
          if (!from_zero) corner.fetch();
          const uint16_t* strips = tiles_of_a + m / kRows * strip;
          if (rows > kRows) multiply_panel<true>(strips, strip, b, tiles, from_zero, corner);
          else multiply_panel<false>(strips, strip, b, tiles, from_zero, corner);
          corner.put(bias);
        }
        if (last) ended = run_epilogue(j, first, part, ended, p + 1, panel_end);
      }
    }
  }
  end_tiles();
}

namespace {

// --- many rows: a strip of A's copy is two rows of tiles ---

constexpr int64_t kStripRows = 2 * kRows;
// Panels, and k of them, that stay in the second-level cache while A's strips pass by: 768 KiB. A strip meets them one
// after the other, so whole lines of C, several in a row, are written at a time.
constexpr int64_t kPanelsHeld = 8, kDeepBlock = 1536;

int64_t strips_of_tiles(int64_t M) { return ceiling(M, kStripRows); }
int64_t size_of_tiles(int64_t M, int64_t K) { return strips_of_tiles(M) * kStripRows * padded(K) / 2; }

// Rows m .. m + 15 (those from `rows` on are zeros) and 32 k from k on, of which `steps` count, of an A whose rows are
// neighbours, as a tile.
void copy_transposed_tile(const Job& j, int64_t m, int64_t rows, int64_t k, int64_t steps, uint16_t* tile) {
  const auto step = [&](int64_t i) NUDGE_LAMBDA {
    return i < steps ? load_first(j.a + m + (k + i) * j.column, rows) : broadcast(0);
  };
  f32x16 r[16];
  for (int64_t i = 0; i < 16; ++i) r[i] = float_of_bits(pairs_of(step(2 * i), step(2 * i + 1)));
  transpose(r);
  for (int64_t i = 0; i < 16; ++i) store(reinterpret_cast<float*>(tile + i * kDepth), r[i]);
}

void copy_left_tiles(const float* a, int64_t row, int64_t column, int64_t M, int64_t K, int64_t begin, int64_t end,
                     int64_t first, int64_t K_all, float* to) {
  const Epilogue none;
  const Job j = {a, row, column, none, nullptr, 0, M, 0, K, false, nullptr, false};
  auto* tiles = reinterpret_cast<uint16_t*>(to) + first / kDepth * kTileNumbers;
  const int64_t end_row = least(M, end * kStripRows), step = padded(K_all) * kRows;
  if (row == 1) {  // some lines of each row of A's transpose at a time
    for (int64_t k = 0; k < K; k += kDepth)
      for (int64_t m = begin * kStripRows; m < end_row; m += kRows)
        copy_transposed_tile(j, m, least(kRows, M - m), k, least(kDepth, K - k),
                             tiles + m / kRows * step + k / kDepth * kTileNumbers);
    return;
  }
  for (int64_t m = begin * kStripRows; m < end_row; m += kRows)
    copy_tiles(j, m, least(kRows, M - m), 0, K, tiles + m / kRows * step);
}

void gemm_left_tiles(LeftStrips a, const uint16_t* packed, const Epilogue& epilogue, float* c, int64_t ldc, int64_t N,
                     int64_t panel_begin, int64_t panel_end, bool accumulate, float*) {
  const Job j = {nullptr, 0, 0, epilogue, c, ldc, a.M, N, a.K, accumulate, nullptr, true};
  const auto* tiles_of_a = reinterpret_cast<const uint16_t*>(a.copy);
  const int64_t K = padded(a.K), step = K * kRows, blocks = most(1, ceiling(K, kDeepBlock));
  const int64_t block = most(1, ceiling(ceiling(K, blocks), kDepth)) * kDepth;  // equal shares
  begin_tiles();
  for (int64_t first = panel_begin; first < panel_end; first += kPanelsHeld) {
    const int64_t behind = least(first + kPanelsHeld, panel_end);
    for (int64_t k = 0; k < most(K, 1); k += block) {
      const int64_t tiles = least(block, K - k) / kDepth;
      for (int64_t m = a.begin * kStripRows; m < least(a.M, a.end * kStripRows); m += kStripRows) {
        const int64_t rows = least(kStripRows, a.M - m);
        const uint16_t* strip = tiles_of_a + m / kRows * step + k * kRows;
        for (int64_t p = first; p < behind; ++p) {
          const uint16_t* b = packed + p * kPanel * K + k * kPanel;
          Corner corner(j, c + m * ldc + p * kPanel, rows, least(kPanel, N - p * kPanel));
          const bool from_zero = k == 0 && !accumulate;
          if (!from_zero) corner.fetch();
          if (rows > kRows) multiply_panel<true>(strip, step, b, tiles, from_zero, corner);
          else multiply_panel<false>(strip, step, b, tiles, from_zero, corner);
          corner.put(epilogue.bias != nullptr && k + block >= K ? epilogue.bias + p * kPanel : nullptr);
        }
        if (k + block >= K) run_epilogue(j, m, rows, first, behind, behind);
      }
    }
  }
  end_tiles();
}

}  // namespace

constinit const LeftKernels left_bf16 = {strips_of_tiles, size_of_tiles, copy_left_tiles, gemm_left_tiles, kPanelsHeld};

}  // namespace nudge::NUDGE_LEVEL
