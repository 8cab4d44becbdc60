// gemm_bf16 by AVX512_BF16's dot product of pairs, for packed B as pack_bf16 lays it out. That instruction is two FMAs
// one after the other, rounded twice: of the pairs' high halves, then of the low ones. Here these are two steps of one
// chain, so k and k + 2. All other kernels of this level are v4's.
#include "lib/kernels/dot_pairs.h"
#include "lib/kernels/matrix.h"

namespace nudge::NUDGE_LEVEL {

GemmBf16 gemm_bf16;
// Whether this processor's instruction is what the file takes it for.
bool dot_is_two_fmas();

namespace {

// A tile's rows: with two vectors of columns, C and the chains of even and of odd k take 24 registers. Up to kFewRows are
// one tile of fewer or more columns, so that B is read once, as it is packed.
constexpr int kRows = kTileRows / 3, kFewRows = 2 * kRows;
constexpr int wide_of(int R) { return R == 1 ? 8 : R == 2 ? 4 : R <= kRows ? 2 : 1; }

// Two k of a chain, the first of them as the high halves.
NUDGE_INLINE i32x16 pair_of_high(i32x16 first, i32x16 second) {
  return (first & broadcast_int(kHighHalf)) | shift_right<16>(second);
}
NUDGE_INLINE i32x16 pair_of_low(i32x16 first, i32x16 second) {
  return shift_left<16>(first) | (second & broadcast_int(~kHighHalf));
}

// copy_strip's form, but with pairs of a chain for the even and the odd k of each four where these had their first two.
void copy_pairs(const Job& j, int64_t m, int64_t rows, int64_t k, int64_t steps, float* strip) {
  copy_strip<true>(j, m, rows, k, steps, strip);
  if (j.row == 1) {
    for (float* at = strip; at < strip + padded(steps) * kTileRows; at += 4 * kTileRows) {
      for (int64_t i = 0; i < 2; ++i) {
        float* to = at + i * kTileRows;
        const i32x16 first = bits_of(load_first(to, rows)), second = bits_of(load_first(to + 2 * kTileRows, rows));
        store_first(to, float_of_bits(pair_of_high(first, second)), rows);
      }
    }
    return;
  }
  for (float* of_row = strip; of_row < strip + rows * kStripStep; of_row += kStripStep) {
    for (float* at = of_row; at < of_row + padded(steps); at += 16) {
      const i32x16 four = bits_of(load(at));
      store(at, float_of_bits(pair_of_high(four, second_of_fours(four))));
    }
  }
}

// Where a tile's B lies, as pack_bf16 has it, or (`ready`) with its pairs made pairs of a chain.
struct Factor {
  const uint16_t* at;
  int64_t panel;  // numbers from one panel to the next
};

// R rows from m on, whose part of a strip begins at `pairs`, by W vectors from column n on. `ahead` fetches B that many
// floats ahead into the cache.
template <int R, int W, bool by_column, bool ready, int64_t ahead, class Next = NothingNext>
void run_tile(const Job& j, Factor b, const float* pairs, int64_t m, int64_t n, int64_t k, int64_t steps, Next next = {}) {
  constexpr int64_t row = by_column ? 1 : kStripStep, step = by_column ? kTileRows : 1;
  Tile<R, W> t;
  begin_tile(j, m, n, k, t);
  for (int64_t d = 0; d < steps; d += kDepth, b.at += kDepthNumbers) {
    Tile<R, W> even, odd;
    clear(even), clear(odd);
    const uint16_t* from = b.at;
    for (int64_t i = 0; i < kDepth; i += 4, from += 64, pairs += 4 * step) {
      i32x16 even_b[W], odd_b[W];
      each<W>([&](auto w) NUDGE_LAMBDA {
        const auto* at = reinterpret_cast<const float*>(from + (w / 2) * b.panel + (w % 2) * kTileNumbers);
        const i32x16 first = bits_of(load(at)), second = bits_of(load(at + 16));
        even_b[w] = ready ? first : pair_of_low(first, second);
        odd_b[w] = ready ? second : pair_of_high(first, second);
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
    return Factor{packed + n / kPanel * panel + k * kPanel + n % kPanel / 16 * kTileNumbers, panel};
  };
  int64_t n = p * kPanel;
  if constexpr (W > 2) {
    for (; n + W * 16 <= end; n += W * 16)
      run_tile<R, W, by_column, false, R == 1 ? 0 : ahead_of(W)>(j, from(n), strip.at, strip.m, n, k, steps);
  }
  for (; n < least(end, j.N); n += one * 16)
    run_tile<R, one, by_column, false, ahead_of(one)>(j, from(n), strip.at, strip.m, n, k, steps);
}

// A strip of more rows against panel p, whose block's pairs are made those of chains once for all strips.
template <bool by_column>
void run_many(const Job& j, const uint16_t* packed, const Strip& strip, int64_t p, int64_t k, int64_t steps) {
  auto* ready = reinterpret_cast<uint16_t*>(j.strips + strip_scratch);
  const uint16_t* block = packed + p * kPanel * padded(j.K) + k * kPanel;
  const int64_t size = padded(steps) * kPanel;
  if (strip.number == 0) {
    for (int64_t i = 0; i < size; i += 64) {
      const auto* from = reinterpret_cast<const float*>(block + i);
      auto* to = reinterpret_cast<float*>(ready + i);
      const i32x16 first = bits_of(load(from)), second = bits_of(load(from + 16));
      store(to, float_of_bits(pair_of_low(first, second))), store(to + 16, float_of_bits(pair_of_high(first, second)));
    }
  }
  const int64_t tiles = ceiling(strip.rows, kRows), steps_of_tile = padded(steps) / 4;
  auto next = share_of_next<true>(strip, block, size * int64_t{sizeof(uint16_t)}, tiles * steps_of_tile);
  for (int64_t r = 0; r < strip.rows; r += kRows) {
    with_rows<kRows>(least(kRows, strip.rows - r), [&](auto rows) {
      run_tile<rows, 2, by_column, true, 0>(j, Factor{ready, 0}, strip.at + r * (by_column ? 1 : kStripStep),
                                            strip.m + r, p * kPanel, k, steps, next);
    });
    next.p += steps_of_tile * next.step;
  }
}

}  // namespace

bool dot_is_two_fmas() {
  return is_two_fmas([](i32x16 a, i32x16 b, f32x16 sum) NUDGE_LAMBDA { return dot_pairs(a, b, sum); });
}

void gemm_bf16(const float* a, int64_t row, int64_t column, const uint16_t* packed, const Ending& ending, float* c,
               int64_t ldc, int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end, bool accumulate,
               float* scratch) {
  const Job j = {a, row, column, ending, c, ldc, M, N, K, accumulate, scratch};
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
