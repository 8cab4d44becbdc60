// C = A B in one fixed order, as fast as a library. B is packed in panels of 32 columns; A is copied into strips
// of at most kTileRows rows that stay in the second-level cache while panels pass by; K is cut into blocks of
// kStripBlock so that a panel's block (32 KiB) stays in the first level for all strips. Between two
// blocks the chains pause in C, which loses no bits.
#include "lib/kernels/level.h"
#include "lib/kernels/tile.h"

namespace nudge::NUDGE_LEVEL {
namespace {

constexpr int64_t kPanel = kPanelColumns;
constexpr int64_t kSlot = kTileRows * kStripStep;  // floats of one strip's block of k
constexpr int64_t kSlots = gemm_scratch / kSlot;   // that fit into the scratch
static_assert(kSlots >= 4);
constexpr int64_t kDeep = 4;                       // blocks of k per copy of A while there are many rows
constexpr int64_t kFetch = 512;                    // floats: 2 KiB

int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct Job {
  const float* a;
  int64_t row, column;
  const float* packed;
  const float* bias;
  float* c;
  int64_t ldc, M, N, K;
  bool accumulate;
  float* strips;
};

// Vectors of 16 columns beside each other in a tile of R rows: enough chains to hide an FMA's latency,
// and for few rows several panels at once, which the memory delivers faster than one.
constexpr int wide_of(int R) {
  if (kTileWide == 2) return R <= 3 ? 8 : R <= 6 ? 4 : 2;
  return R == 1 ? 4 : R <= 3 ? 2 : 1;
}

// Writes a block of at most 16 rows and 16 columns at `from` as its transpose. Missing rows count as 0 in all 16
// columns that are written; `columns` rows are.
NUDGE_INLINE void transpose_block(const float* from, int64_t from_step, int64_t rows, int64_t columns, float* to,
                                  int64_t to_step) {
  f32x16 r[16];
  for (int64_t i = 0; i < 16; ++i) r[i] = i < rows ? load_first(from + i * from_step, columns) : broadcast(0.0f);
  transpose(r);
  for (int64_t i = 0; i < columns; ++i) store(to + i * to_step, r[i]);
}

// One tile: R rows from m on, W vectors from column n on, k in [k, k + steps).
template <int R, int W, bool by_column, bool stream>
void run_tile(const Job& j, const float* strip, int64_t m, int64_t n, int64_t k, int64_t steps) {
  float* c = j.c + m * j.ldc + n;
  const int64_t columns = j.N - n;
  Tile<R, W> t;
  if (k > 0 || j.accumulate) load_tile(t, c, j.ldc, columns);
  else clear(t);
  const RightFactor b = {j.packed + n / kPanel * (kPanel * j.K) + k * kPanel + n % kPanel, kPanel, 16, kPanel * j.K};
  multiply<stream ? kFetch : 0>(t, strip, by_column ? 1 : kStripStep, by_column ? kTileRows : 1, b, steps);
  if (j.bias != nullptr && k + steps == j.K) {
    Tile<1, W> bias;
    load_tile(bias, j.bias + n, 0, columns);
    each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { t.at[r][w] = t.at[r][w] + bias.at[0][w]; });
  }
  store_tile(t, c, j.ldc, columns);
}

// A strip of R <= kTileRows rows against `panels` panels from panel p on.
template <int R, bool by_column>
void run_strip(int rows, const Job& j, const float* strip, int64_t m, int64_t p, int64_t panels, int64_t k,
               int64_t steps, bool stream) {
  if constexpr (R > 1) {
    if (rows < R) return run_strip<R - 1, by_column>(rows, j, strip, m, p, panels, k, steps, stream);
  }
  constexpr int W = wide_of(R), one = W < 2 ? W : 2;
  int64_t n = p * kPanel;
  const int64_t end = least((p + panels) * kPanel, j.N);
  if constexpr (W > 2) {
    for (; n + W * 16 <= (p + panels) * kPanel; n += W * 16) {
      if (R > 1 && stream) run_tile<R, W, by_column, (R > 1)>(j, strip, m, n, k, steps);
      else run_tile<R, W, by_column, false>(j, strip, m, n, k, steps);
    }
  }
  for (; n < end; n += one * 16) {
    if (stream) run_tile<R, one, by_column, true>(j, strip, m, n, k, steps);
    else run_tile<R, one, by_column, false>(j, strip, m, n, k, steps);
  }
}

// Rows m .. m + rows - 1, k .. k + steps - 1 of A, in the strip's form: rows kStripStep apart, or, where A's
// rows are neighbours in memory (a transposed A), steps kTileRows apart.
void copy_strip(const Job& j, int64_t m, int64_t rows, int64_t k, int64_t steps, float* strip) {
  const float* a = j.a + m * j.row + k * j.column;
  if (j.row == 1) {
    for (int64_t i = 0; i < steps; ++i) store_first(strip + i * kTileRows, load_first(a + i * j.column, rows), rows);
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = a + r * j.row;
    float* to = strip + r * kStripStep;
    if (j.column == 1) {
      int64_t i = 0;
      for (; i + 16 <= steps; i += 16) store(to + i, load(from + i));
      store_first(to + i, load_first(from + i, steps - i), steps - i);
    } else {
      for (int64_t i = 0; i < steps; ++i) to[i] = from[i * j.column];
    }
  }
}

// Strips [first, last) of `count` equal shares of M rows against all panels, k in [k, end): at most kSlots slots.
void run_block(const Job& j, int64_t count, int64_t first, int64_t last, int64_t k, int64_t end, int64_t panel_begin,
               int64_t panel_end) {
  const int64_t blocks = most(1, ceiling(end - k, kStripBlock)), strips = last - first;
  for (int64_t s = 0; s < strips; ++s) {
    const int64_t m = (first + s) * j.M / count, rows = (first + s + 1) * j.M / count - m;
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t from = k + b * kStripBlock;
      copy_strip(j, m, rows, from, least(kStripBlock, end - from), j.strips + (b * strips + s) * kSlot);
    }
  }
  const int64_t group = strips == 1 ? 4 : 1;
  for (int64_t p = panel_begin; p < panel_end; p += group) {
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t from = k + b * kStripBlock, steps = least(kStripBlock, end - from);
      for (int64_t s = 0; s < strips; ++s) {
        const int64_t m = (first + s) * j.M / count, rows = (first + s + 1) * j.M / count - m;
        const float* strip = j.strips + (b * strips + s) * kSlot;
        const int64_t panels = least(group, panel_end - p);
        if (j.row == 1) run_strip<kTileRows, true>(static_cast<int>(rows), j, strip, m, p, panels, from, steps, s == 0);
        else run_strip<kTileRows, false>(static_cast<int>(rows), j, strip, m, p, panels, from, steps, s == 0);
      }
    }
  }
}

}  // namespace

int64_t packed_size(int64_t K, int64_t N) { return ceiling(N, kPanel) * kPanel * K; }

void pack(const float* b, int64_t row, int64_t column, int64_t K, int64_t N, int64_t panel_begin, int64_t panel_end,
          float* packed) {
  for (int64_t p = panel_begin; p < panel_end; ++p) {
    const float* from = b + p * kPanel * column;
    float* to = packed + p * kPanel * K;
    const int64_t columns = least(kPanel, N - p * kPanel);
    // Sixteen k at a time, so that a transposed B is read by whole cache lines.
    for (int64_t k = 0; k < K; k += 16) {
      const int64_t end = least(k + 16, K);
      if (column == 1) {
        for (int64_t i = k; i < end; ++i) {
          store(to + i * kPanel, load_first(from + i * row, least(16, columns)));
          store(to + i * kPanel + 16, load_first(from + i * row + 16, most(0, columns - 16)));
        }
      } else if (row == 1) {
        for (int64_t n = 0; n < kPanel; n += 16) {
          transpose_block(from + k + n * column, column, most(0, least(16, columns - n)), end - k, to + k * kPanel + n,
                          kPanel);
        }
      } else {
        for (int64_t n = 0; n < kPanel; ++n) {
          for (int64_t i = k; i < end; ++i) to[i * kPanel + n] = n < columns ? from[i * row + n * column] : 0;
        }
      }
    }
  }
}

void pack_transpose(const float* packed, int64_t K, int64_t n_begin, int64_t n_end, int64_t panel_begin,
                    int64_t panel_end, float* out) {
  for (int64_t q = panel_begin; q < panel_end; ++q) {
    float* to = out + (q - panel_begin) * kPanel * (n_end - n_begin);
    for (int64_t n = n_begin; n < n_end; n += 16) {
      const float* from = packed + n / kPanel * kPanel * K + n % kPanel + q * kPanel * kPanel;
      for (int64_t k = 0; k < kPanel; k += 16) {
        transpose_block(from + k * kPanel, kPanel, most(0, least(16, K - q * kPanel - k)), least(16, n_end - n),
                        to + (n - n_begin) * kPanel + k, kPanel);
      }
    }
  }
}

void gemm(const float* a, int64_t row, int64_t column, const float* packed, const float* bias, float* c, int64_t ldc,
          int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end, bool accumulate, float* scratch) {
  const Job j = {a, row, column, packed, bias, c, ldc, M, N, K, accumulate, scratch};
  const int64_t strips = ceiling(M, kTileRows), blocks = most(1, ceiling(K, kStripBlock));
  if (strips == 0) return;
  const int64_t deep = least(blocks, most(kDeep, kSlots / strips));
  const int64_t parts = ceiling(strips, kSlots / deep);
  for (int64_t b = 0; b < blocks; b += deep) {
    const int64_t k = b * kStripBlock, end = least(K, (b + deep) * kStripBlock);
    for (int64_t part = 0; part < parts; ++part) {
      run_block(j, strips, part * strips / parts, (part + 1) * strips / parts, k, end, panel_begin, panel_end);
    }
  }
}

}  // namespace nudge::NUDGE_LEVEL
