// What the matrix products of both arithmetics share: A is copied into strips of at most kTileRows rows that stay
// in the second-level cache while panels pass by; K is cut into blocks of kStripBlock so that a panel's block (32 KiB
// of floats) stays in the first level for all strips. Between two blocks the chains pause in C, which loses no bits.
#pragma once

#include "lib/kernels/level.h"
#include "lib/kernels/tile.h"

namespace nudge::NUDGE_LEVEL {

constexpr int64_t kPanel = kPanelColumns;
constexpr int64_t kSlot = kTileRows * kStripStep;  // floats of one strip's block of k
constexpr int64_t kSlots = strip_scratch / kSlot;  // that fit into the scratch
static_assert(kSlots >= 4 && kSlots * kTileRows * kStripBlock >= kGemmCopy);
constexpr int64_t kDeep = 4;            // blocks of k per copy of A while there are many rows
constexpr int64_t kEpiloguePanels = 4;  // panels, or more, that an epilogue takes together: rows of some lines
// Panels that each strip of a transposed A meets one after the other. Its product adds few tokens up in a C that fits no cache, whose
// rows lie far apart: with some lines of each at a time memory moves C twice as fast, and B comes from the second level.
constexpr int64_t kPanelsInTurn = 8;

// How many bytes ahead each panel of a tile of W vectors is fetched: 8 KiB over all of them, which take about as long to
// compute with as memory takes to answer.
constexpr int64_t fetch_ahead(int W) { return 8192 / (W < 2 ? 1 : W / 2); }

NUDGE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
NUDGE_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
NUDGE_INLINE int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A product as the kernels are asked for it, but for the form of B.
struct Job {
  const float* a;
  int64_t row, column;
  const Epilogue& epilogue;
  float* c;
  int64_t ldc, M, N, K;
  bool accumulate;
  float* strips;
  bool copied;  // by an earlier product, if all of A fits
};

// Writes a block of at most 16 rows and 16 columns at `from` as its transpose. Missing rows count as 0 in all 16
// columns that are written; `columns` rows are.
NUDGE_INLINE void transpose_block(const float* from, int64_t from_step, int64_t rows, int64_t columns, float* to,
                                  int64_t to_step) {
  f32x16 r[16];
  for (int64_t i = 0; i < 16; ++i) r[i] = i < rows ? load_first(from + i * from_step, columns) : broadcast(0.0f);
  transpose(r);
  for (int64_t i = 0; i < columns; ++i) store(to + i * to_step, r[i]);
}

// Rows [begin, end) of a panel of `columns` columns that begins at `from`: B[k, n] at from[k * row + n * column]. The
// columns that are missing are 0.
static inline void copy_panel(const float* from, int64_t row, int64_t column, int64_t columns, int64_t begin,
                              int64_t end, float* to) {
  // Sixteen k at a time, so that a transposed B is read by whole cache lines.
  for (int64_t k = begin; k < end; k += 16, to += 16 * kPanel) {
    const int64_t rows = least(16, end - k);
    if (column == 1) {
      for (int64_t i = 0; i < rows; ++i) {
        store(to + i * kPanel, load_first(from + (k + i) * row, least(16, columns)));
        store(to + i * kPanel + 16, load_first(from + (k + i) * row + 16, most(0, columns - 16)));
      }
    } else if (row == 1) {
      for (int64_t n = 0; n < kPanel; n += 16)
        transpose_block(from + k + n * column, column, most(0, least(16, columns - n)), rows, to + n, kPanel);
    } else {
      for (int64_t n = 0; n < kPanel; ++n)
        for (int64_t i = 0; i < rows; ++i) to[i * kPanel + n] = n < columns ? from[(k + i) * row + n * column] : 0;
    }
  }
}

// The tile that C holds, or zeros where the chains begin; and back, with the bias where they end.
template <int R, int W>
NUDGE_INLINE void begin_tile(const Job& j, int64_t m, int64_t n, int64_t k, Tile<R, W>& t) {
  if (k > 0 || j.accumulate) load_tile(t, j.c + m * j.ldc + n, j.ldc, j.N - n);
  else clear(t);
}
// Fetches the next tile of as many rows, from row m on, where it isn't in a cache since an earlier block of k.
template <int R, int W>
NUDGE_INLINE void fetch_tile(const Job& j, int64_t m, int64_t n, int64_t k) {
  if (!j.accumulate || k > 0) return;
  each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { fetch(j.c + (m + r) * j.ldc + n + 16 * w); });
}
template <int R, int W>
NUDGE_INLINE void end_tile(const Job& j, int64_t m, int64_t n, bool last, Tile<R, W>& t) {
  if (j.epilogue.bias != nullptr && last) {
    Tile<1, W> bias;
    load_tile(bias, j.epilogue.bias + n, 0, j.N - n);
    each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { t.at[r][w] = t.at[r][w] + bias.at[0][w]; });
  }
  store_tile(t, j.c + m * j.ldc + n, j.ldc, j.N - n);
}

// The epilogue beyond the bias, for rows m .. m + rows - 1 and panels [begin, end), while a cache holds them: once there
// are kEpiloguePanels or the last before `last`. Returns the first panel not done.
static inline int64_t run_epilogue(const Job& j, int64_t m, int64_t rows, int64_t begin, int64_t end, int64_t last) {
  if (end - begin < kEpiloguePanels && end < last) return begin;
  const Epilogue& e = j.epilogue;
  const int64_t n = begin * kPanel, columns = least(end * kPanel, j.N) - n;
  for (int64_t at = m * j.ldc + n; at < (m + rows) * j.ldc + n; at += j.ldc) {
    for (int64_t i = 0; e.residual != nullptr && i < columns; i += 16) {
      const int64_t lanes = least(16, columns - i);
      store_first(j.c + at + i, load_first(e.residual + at + i, lanes) + load_first(j.c + at + i, lanes), lanes);
    }
    if (e.activation != nullptr) e.activation(j.c + at, e.active + at, columns);
    if (e.activation_backward != nullptr) e.activation_backward(e.slope_at + at, j.c + at, e.active + at, columns);
  }
  return end;
}

// Sixteen numbers of A from `from` on in a row, of which `lanes` count (at most 16, or none); the others are 0. Two rows
// further on is fetched.
NUDGE_INLINE f32x16 load_of_row(const Job& j, const float* from, int64_t lanes) {
  lanes = least(16, most(0, lanes));
  if (j.column == 1) {
    fetch(from + 2 * j.row);
    return load_first(from, lanes);
  }
  float at[16] = {};
  for (int64_t l = 0; l < lanes; ++l) at[l] = from[l * j.column];
  return load(at);
}

// Rows m .. m + rows - 1, k .. k + steps - 1 of A, in the strip's form: rows kStripStep apart, or, where A's
// rows are neighbours in memory (a transposed A), steps kTileRows apart. With `rounded` they become bf16, and 0 up to
// the next multiple of 32 steps.
template <bool rounded>
void copy_strip(const Job& j, int64_t m, int64_t rows, int64_t k, int64_t steps, float* strip) {
  const auto form = [](f32x16 x) NUDGE_LAMBDA { return rounded ? round_to_bf16(x) : x; };
  const float* a = j.a + m * j.row + k * j.column;
  const int64_t padded = rounded ? ceiling(steps, 32) * 32 : steps;
  if (j.row == 1) {
    for (int64_t i = 0; i < steps; ++i) {
      fetch(a + (i + 16) * j.column);
      store_first(strip + i * kTileRows, form(load_first(a + i * j.column, rows)), rows);
    }
    for (int64_t i = steps; i < padded; ++i) store_first(strip + i * kTileRows, broadcast(0), rows);
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = a + r * j.row;
    float* to = strip + r * kStripStep;
    for (int64_t i = 0; i < padded; i += 16)
      store_first(to + i, form(load_of_row(j, from + i * j.column, steps - i)), least(16, padded - i));
  }
}

// A strip as it was copied, `rows` rows from m on, and its number among those that a panel's block meets in a row.
struct Strip {
  const float* at;
  int rows;
  int64_t m, number, count;
};

// Each strip fetches its share of what lies behind the panel's block, of `bytes` bytes as this one, in `steps` steps of
// `lines` lines: where rows are few, computing and memory take as long as each other, and so they pass at the same time.
template <int lines = 1, bool first_level = false>
NUDGE_INLINE LinesNext<lines, first_level> share_of_next(const Strip& s, const void* block, int64_t bytes,
                                                         int64_t steps) {
  return {static_cast<const char*>(block) + bytes + s.number * bytes / s.count,
          ceiling(bytes, most(1, s.count * steps))};
}

// C's tiles, strip by strip for each panel: copy(j, m, rows, k, steps, strip) is to copy one, and run(strip, p, panels, k,
// steps) to multiply it by `panels` panels from p on, for k .. k + steps - 1. `group` panels are run together, as many as
// a tile reads at once, in whose order they lie in memory, where the next block is fetched before it is met, or
// kPanelsInTurn. But for the last, strips are some kRows rows.
template <int kRows, class Copy, class Run>
void for_strips(const Job& j, int64_t panel_begin, int64_t panel_end, int64_t group, const Copy& copy, const Run& run) {
  const int64_t count = ceiling(j.M, kTileRows), all_blocks = most(1, ceiling(j.K, kStripBlock));
  if (count == 0) return;
  const int64_t deep = least(all_blocks, most(kDeep, kSlots / count)), parts = ceiling(count, kSlots / deep);
  const bool copied = j.copied && deep == all_blocks && parts == 1;
  const auto row_of = [&](int64_t s) { return least(j.M, s * ceiling(j.M, kRows) / count * kRows); };  // equal shares
  // A part of the strips and of k at a time: at most kSlots slots.
  for (int64_t b0 = 0; b0 < all_blocks; b0 += deep) {
    const int64_t blocks = least(deep, all_blocks - b0);
    const auto steps_of = [&](int64_t b) { return least(kStripBlock, j.K - (b0 + b) * kStripBlock); };
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t first = part * count / parts, strips = (part + 1) * count / parts - first;
      for (int64_t b = 0; b < blocks && !copied; ++b) {
        for (int64_t s = 0; s < strips; ++s) {
          const int64_t m = row_of(first + s), rows = row_of(first + s + 1) - m;
          copy(j, m, rows, (b0 + b) * kStripBlock, steps_of(b), j.strips + (b * strips + s) * kSlot);
        }
      }
      int64_t ended = panel_begin;
      for (int64_t p = panel_begin, next; p < panel_end; p = next) {
        next = least(p + group, panel_end);
        for (int64_t b = 0; b < blocks; ++b) {
          for (int64_t s = 0; s < strips; ++s) {
            const int64_t m = row_of(first + s);
            const int rows = static_cast<int>(row_of(first + s + 1) - m);
            run(Strip{j.strips + (b * strips + s) * kSlot, rows, m, s, strips}, p, next - p, (b0 + b) * kStripBlock,
                steps_of(b));
          }
        }
        if (b0 + blocks == all_blocks)
          ended = run_epilogue(j, row_of(first), row_of(first + strips) - row_of(first), ended, next, panel_end);
      }
    }
  }
}

// --- many rows: A copied once for all tiles (LeftKernels) ---

// Strips in equal shares of M rows, each of kRows or a multiple but for the last; a strip's blocks of k one after the other.
NUDGE_INLINE int64_t strips_of(int64_t M) { return ceiling(M, kTileRows); }
template <int kRows>
NUDGE_INLINE int64_t row_of_strip(int64_t M, int64_t s) {
  return least(M, s * ceiling(M, kRows) / strips_of(M) * kRows);
}
NUDGE_INLINE int64_t blocks_of(int64_t K) { return most(1, ceiling(K, kStripBlock)); }

// LeftKernels::copy by `copy`, which takes what for_strips gives it; `numbers` of A make a word of the copy.
template <int kRows, int numbers, class Copy>
void copy_strips(const float* a, int64_t row, int64_t column, int64_t M, int64_t K, int64_t begin, int64_t end,
                 int64_t first, int64_t K_all, float* to, const Copy& copy) {
  const Epilogue none;
  const Job j = {a, row, column, none, nullptr, 0, M, 0, K, false, nullptr, false};
  for (int64_t s = begin; s < end; ++s) {
    const int64_t m = row_of_strip<kRows>(M, s), rows = row_of_strip<kRows>(M, s + 1) - m;
    for (int64_t k = 0, steps; k < K; k += steps) {
      const int64_t block = (first + k) / kStripBlock, at = (first + k) % kStripBlock;
      steps = least(kStripBlock - at, K - k);
      copy(j, m, rows, k, steps,
           to + (s * blocks_of(K_all) + block) * kSlot + at / numbers * (row == 1 ? kTileRows : 1));
    }
  }
}

// C's tiles of strips [a.begin, a.end), as for_strips has them.
template <int kRows, class Run>
void for_left(const Job& j, const LeftStrips& a, int64_t panel_begin, int64_t panel_end, int64_t group,
              const Run& run) {
  const int64_t blocks = blocks_of(j.K), count = a.end - a.begin;
  if (count == 0) return;
  const int64_t first = row_of_strip<kRows>(j.M, a.begin), rows = row_of_strip<kRows>(j.M, a.end) - first;
  int64_t ended = panel_begin;
  for (int64_t p = panel_begin, next; p < panel_end; p = next) {
    next = least(p + group, panel_end);
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t k = b * kStripBlock, steps = least(kStripBlock, j.K - k);
      for (int64_t s = a.begin; s < a.end; ++s) {
        const int64_t m = row_of_strip<kRows>(j.M, s);
        run(Strip{a.copy + (s * blocks + b) * kSlot, static_cast<int>(row_of_strip<kRows>(j.M, s + 1) - m), m,
                  s - a.begin, count},
            p, next - p, k, steps);
      }
    }
    ended = run_epilogue(j, first, rows, ended, next, panel_end);
  }
}

}  // namespace nudge::NUDGE_LEVEL
