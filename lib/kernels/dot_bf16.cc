// The product of bf16 by AVX512_BF16's dot product of pairs. That instruction is two FMAs one after the other, rounded
// twice: of the pairs' high halves, then of the low ones. Here these are two steps of one chain, so k and k + 2, and B is
// packed that way. All other kernels of this level are v4's.
#include "lib/kernels/dot_pairs.h"
#include "lib/kernels/packed_bf16.h"

namespace nudge::NUDGE_LEVEL {

PackBf16 pack_bf16;
PackTransposeBf16 pack_transpose_bf16;
GemmBf16 gemm_bf16;
// Whether this processor's instruction is what the file takes it for.
bool dot_is_two_fmas();

namespace {

// A tile's rows: with two vectors of columns, C and the chains of even and of odd k take 24 registers. Up to kFewRows are
// one tile of fewer or more columns, so that B is read once, as it is packed.
constexpr int kRows = kTileRows / 3, kFewRows = 2 * kRows;
constexpr int wide_of(int R) { return R == 1 ? 8 : R == 2 ? 4 : R <= kRows ? 2 : 1; }

// copy_strip's form, but with pairs as B's, of half as many words: so more of A stays in the first-level cache.
void copy_pairs(const Job& j, int64_t m, int64_t rows, int64_t k, int64_t steps, float* strip) {
  copy_strip<true>(j, m, rows, k, steps, strip);
  if (j.row == 1) {
    for (int64_t i = 0; i < padded(steps); ++i) {
      if (i % 4 >= 2) continue;
      const i32x16 first = bits_of(load_first(strip + i * kTileRows, rows));
      const i32x16 second = bits_of(load_first(strip + (i + 2) * kTileRows, rows));
      store_first(strip + (i / 4 * 2 + i % 4) * kTileRows, float_of_bits(first | shift_right<16>(second)), rows);
    }
    return;
  }
  for (float* of_row = strip; of_row < strip + rows * kStripStep; of_row += kStripStep) {
    auto* to = reinterpret_cast<uint16_t*>(of_row);
    for (int64_t i = 0; i < padded(steps); i += 16)
      store_halves(to + i, shift_right<16>(chains_of_fours(bits_of(load(of_row + i)))));
  }
}

// R rows from m on, whose part of a strip begins at `pairs`, by W vectors from column n on, whose part of packed B
// begins at `b` and goes on `panel` numbers further. `ahead` fetches B that many floats ahead into the cache.
template <int R, int W, bool by_column, int64_t ahead, class Next = NothingNext>
void run_tile(const Job& j, const uint16_t* b, int64_t panel, const float* pairs, int64_t m, int64_t n, int64_t k,
              int64_t steps, Next next = {}) {
  constexpr int64_t row = by_column ? 1 : kStripStep, step = by_column ? kTileRows : 1;
  Tile<R, W> t;
  begin_tile(j, m, n, k, t);
  for (int64_t d = 0; d < steps; d += kDepth, b += kDepthNumbers) {
    Tile<R, W> even, odd;
    clear(even), clear(odd);
    const uint16_t* from = b;
    for (int64_t i = 0; i < kDepth; i += 4, from += 64, pairs += 2 * step) {
      i32x16 even_b[W], odd_b[W];
      each<W>([&](auto w) NUDGE_LAMBDA {
        const auto* at = reinterpret_cast<const float*>(from + (w / 2) * panel + (w % 2) * kTileNumbers);
        even_b[w] = bits_of(load(at)), odd_b[w] = bits_of(load(at + 16));
        if constexpr (ahead > 0) fetch(at + ahead), fetch(at + ahead + 16);
      });
      each<R>([&](auto r) NUDGE_LAMBDA {
        const i32x16 even_a = broadcast_bits(pairs + r * row), odd_a = broadcast_bits(pairs + r * row + step);
        each<W>([&](auto w) NUDGE_LAMBDA {
          even.at[r][w] = dot_pairs(even_a, even_b[w], even.at[r][w]);
          odd.at[r][w] = dot_pairs(odd_a, odd_b[w], odd.at[r][w]);
        });
      });
      fetch(next);
    }
    each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { t.at[r][w] = t.at[r][w] + (even.at[r][w] + odd.at[r][w]); });
  }
  end_tile(j, m, n, k + steps == j.K, t);
}

// The only strip, of few rows, against `panels` panels from panel p on.
template <int R, bool by_column>
void run_few(const Job& j, const uint16_t* packed, const Strip& strip, int64_t p, int64_t panels, int64_t k,
             int64_t steps) {
  constexpr int W = wide_of(R), one = W < 2 ? W : 2;
  constexpr auto ahead_of = [](int w) { return fetch_ahead(w) / int64_t{sizeof(float)}; };
  const int64_t panel = padded(j.K) * kPanel, end = (p + panels) * kPanel;
  const auto from = [&](int64_t n) {
    return packed + n / kPanel * panel + k * kPanel + n % kPanel / 16 * kTileNumbers;
  };
  int64_t n = p * kPanel;
  if constexpr (W > 2) {
    for (; n + W * 16 <= end; n += W * 16)
      run_tile<R, W, by_column, R == 1 ? 0 : ahead_of(W)>(j, from(n), panel, strip.at, strip.m, n, k, steps);
  }
  for (; n < least(end, j.N); n += one * 16)
    run_tile<R, one, by_column, ahead_of(one)>(j, from(n), panel, strip.at, strip.m, n, k, steps);
}

// A strip of more rows against panel p.
template <bool by_column>
void run_many(const Job& j, const uint16_t* packed, const Strip& strip, int64_t p, int64_t k, int64_t steps) {
  const uint16_t* block = packed + p * kPanel * padded(j.K) + k * kPanel;
  const int64_t tiles = ceiling(strip.rows, kRows), steps_of_tile = padded(steps) / 4;
  auto next = share_of_next<true>(strip, block, padded(steps) * kPanel * int64_t{sizeof(uint16_t)}, tiles * steps_of_tile);
  for (int64_t r = 0; r < strip.rows; r += kRows) {
    with_rows<kRows>(least(kRows, strip.rows - r), [&](auto rows) {
      run_tile<rows, 2, by_column, 0>(j, block, 0, strip.at + r * (by_column ? 1 : kStripStep), strip.m + r, p * kPanel,
                                      k, steps, next);
    });
    next.p += steps_of_tile * next.step;
  }
}

}  // namespace

bool dot_is_two_fmas() {
  return is_two_fmas([](i32x16 a, i32x16 b, f32x16 sum) NUDGE_LAMBDA { return dot_pairs(a, b, sum); });
}

void pack_bf16(const float* b, int64_t row, int64_t column, int64_t K, int64_t N, int64_t panel_begin,
               int64_t panel_end, uint16_t* packed) {
  pack_pairs<ChainPairs>(b, row, column, K, N, panel_begin, panel_end, packed);
}

void pack_transpose_bf16(const uint16_t* packed, int64_t K, int64_t n_begin, int64_t n_end, int64_t panel_begin,
                         int64_t panel_end, uint16_t* out) {
  pack_transposed_pairs<ChainPairs>(packed, K, n_begin, n_end, panel_begin, panel_end, out);
}

void gemm_bf16(const float* a, int64_t row, int64_t column, const uint16_t* packed, const Ending& ending, float* c,
               int64_t ldc, int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end, bool accumulate,
               GemmScratch scratch) {
  const Job j = {a, row, column, ending, c, ldc, M, N, K, accumulate, scratch.at, scratch.holds_a};
  for_strips<kRows>(j, panel_begin, panel_end, copy_pairs,
                    [&](const Strip& strip, int64_t p, int64_t panels, int64_t k, int64_t steps) {
    if (M <= kFewRows) {
      with_rows<kFewRows>(strip.rows, [&](auto rows) {
        if (row == 1) run_few<rows, true>(j, packed, strip, p, panels, k, steps);
        else run_few<rows, false>(j, packed, strip, p, panels, k, steps);
      });
      return;
    }
    for (int64_t q = p; q < p + panels; ++q) {
      if (row == 1) run_many<true>(j, packed, strip, q, k, steps);
      else run_many<false>(j, packed, strip, q, k, steps);
    }
  });
}

}  // namespace nudge::NUDGE_LEVEL
