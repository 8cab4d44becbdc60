// C = A B with both factors rounded to bf16, in the arithmetic of the processors' tile instructions
// (docs/determinism.md): within each block of 32 along k the products of even k and those of odd k are two chains of
// FMAs from zero, then even + odd is added to the element. Missing k of the last block count as zeros.
#include "lib/kernels/packed_bf16.h"

namespace nudge::NUDGE_LEVEL {
namespace {

// Up to so many rows read B as it is packed; for more it is unpacked first, once for all strips.
#if defined(__AVX512F__)
constexpr int kFewRows = 8;
constexpr int wide_of(int R) { return R == 1 ? 8 : R <= 3 ? 4 : R <= 6 ? 2 : 1; }
#else
constexpr int kFewRows = 3;
constexpr int wide_of(int R) { return R == 1 ? 2 : 1; }
#endif
// The panels in a tile of few rows.
int64_t together(int64_t M) { return M <= kFewRows ? most(1, wide_of(static_cast<int>(M)) / 2) : 1; }

// R rows from m on, W vectors from column n on, from the packed panels.
template <int R, int W>
void run_few(const Job& j, const uint16_t* packed, const float* strip, int64_t row, int64_t step, int64_t m, int64_t n,
             int64_t k, int64_t steps) {
  Tile<R, W> t;
  begin_tile(j, m, n, k, t);
  const int64_t panel = padded(j.K) * kPanel;
  const uint16_t* b = packed + n / kPanel * panel + k / kDepth * kDepthNumbers + n % kPanel / 16 * kTileNumbers;
  for (int64_t d = 0; d < steps; d += kDepth, b += kDepthNumbers) {
    Tile<R, W> even, odd;
    const auto chains = [&](auto fused) NUDGE_LAMBDA {
      clear(even), clear(odd);
      const float* a = strip + d * step;
      const uint16_t* pairs = b;
      for (int64_t i = 0; i < kDepth; i += 2, pairs += 32, a += 2 * step) {
        each<W>([&](auto w) NUDGE_LAMBDA {
          const uint16_t* at = pairs + (w / 2) * panel + (w % 2) * kTileNumbers;
          const Halves right = load_pairs(at);
          fetch(reinterpret_cast<const char*>(at) + fetch_ahead(W));
          each<R>([&](auto r) NUDGE_LAMBDA {
            even.at[r][w] = fused(broadcast(a[r * row]), right.low, even.at[r][w]);
            odd.at[r][w] = fused(broadcast(a[r * row + step]), right.high, odd.at[r][w]);
          });
        });
      }
    };
    chains(ChainStepUnlessTiny());
    if (was_tiny(even, odd)) chains(ChainStep());
    each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { t.at[r][w] = t.at[r][w] + (even.at[r][w] + odd.at[r][w]); });
  }
  end_tile(j, m, n, k + steps == j.K, t);
}

// The same from a panel's block of k as floats.
template <int R, int W, class Next>
void run_many(const Job& j, const float* unpacked, const float* strip, int64_t row, int64_t step, int64_t m, int64_t n,
              int64_t k, int64_t steps, Next next) {
  Tile<R, W> t;
  begin_tile(j, m, n, k, t);
  for (int64_t d = 0; d < steps; d += kDepth) {
    const float *a = strip + d * step, *b = unpacked + d * kPanel + n % kPanel;
    Tile<R, W> even, odd;
    clear(even), clear(odd);
    multiply<0>(even, a, row, 2 * step, RightFactor{b, 2 * kPanel, 16, 0}, kDepth / 2, 16, next);
    next.p += kDepth / 2 * next.step;
    multiply<0>(odd, a + step, row, 2 * step, RightFactor{b + kPanel, 2 * kPanel, 16, 0}, kDepth / 2);
    each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { t.at[r][w] = t.at[r][w] + (even.at[r][w] + odd.at[r][w]); });
  }
  end_tile(j, m, n, k + steps == j.K, t);
}

// A strip against `panels` panels from panel p on. unpacked: a panel's block of k in floats.
void run_strip_bf16(const Job& j, bool by_column, const uint16_t* packed, float* unpacked, const Strip& strip,
                    int64_t p, int64_t panels, int64_t k, int64_t steps) {
  const int64_t strip_row = by_column ? 1 : kStripStep, strip_step = by_column ? kTileRows : 1, N = j.N;
  if (j.M <= kFewRows) {
    const int64_t end = (p + panels) * kPanel;
    with_rows<kFewRows>(strip.rows, [&](auto r) {
      constexpr int R = r, W = wide_of(R), one = W < 2 ? W : 2;
      int64_t n = p * kPanel;
      if constexpr (W > 2) {
        for (; n + W * 16 <= end; n += W * 16)
          run_few<R, W>(j, packed, strip.at, strip_row, strip_step, strip.m, n, k, steps);
      }
      for (; n < end && n < N; n += one * 16)
        run_few<R, one>(j, packed, strip.at, strip_row, strip_step, strip.m, n, k, steps);
    });
    return;
  }
  for (int64_t q = p; q < p + panels; ++q) {
    const uint16_t* from = packed + q * kPanel * padded(j.K) + k / kDepth * kDepthNumbers;
    const int64_t size = padded(steps) * kPanel;
    if (strip.number == 0) {
      for (int64_t d = 0; d < size; d += kDepthNumbers) unpack_block<TilePairs>(from + d, unpacked + d);
    }
    const auto run = [&](auto lines) {
      auto next =
          share_of_next<lines>(strip, from, size * int64_t{sizeof(uint16_t)}, padded(steps) / 2 * (2 / kTileWide));
      with_rows<kTileRows>(strip.rows, [&](auto r) {
        for (int64_t n = q * kPanel; n < (q + 1) * kPanel && n < N; n += kTileWide * 16) {
          run_many<r, kTileWide>(j, unpacked, strip.at, strip_row, strip_step, strip.m, n, k, steps, next);
          next.p += padded(steps) / 2 * next.step;
        }
      });
    };
    // Of two vectors' tiles a single strip has one: too few steps for a line each.
    if (strip.count == 1 && kTileWide == 2) run(Index<2>());
    else run(Index<1>());
  }
}

}  // namespace

int64_t packed_size_bf16(int64_t K, int64_t N) { return ceiling(N, kPanel) * kPanel * padded(K); }

void pack_bf16(const float* b, int64_t row, int64_t column, int64_t K, int64_t N, int64_t panel_begin,
               int64_t panel_end, uint16_t* packed) {
  pack_pairs<TilePairs>(b, row, column, K, N, panel_begin, panel_end, packed);
}

void pack_transpose_bf16(const uint16_t* packed, int64_t K, int64_t n_begin, int64_t n_end, int64_t panel_begin,
                         int64_t panel_end, uint16_t* out) {
  pack_transposed_pairs<TilePairs>(packed, K, n_begin, n_end, panel_begin, panel_end, out);
}

void gemm_bf16(const float* a, int64_t row, int64_t column, const uint16_t* packed, const Epilogue& epilogue, float* c,
               int64_t ldc, int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end, bool accumulate,
               GemmScratch scratch) {
  const Job j = {a, row, column, epilogue, c, ldc, M, N, K, accumulate, scratch.at, scratch.holds_a};
  for_strips<1>(j, panel_begin, panel_end, together(M), copy_strip<true>,
                [&](const Strip& strip, int64_t p, int64_t panels, int64_t k, int64_t steps) {
                  run_strip_bf16(j, row == 1, packed, scratch.at + strip_scratch, strip, p, panels, k, steps);
                });
}

int64_t left_strips(int64_t M) { return strips_of(M); }
int64_t left_size(int64_t M, int64_t K) { return strips_of(M) * blocks_of(K) * kSlot; }
void copy_left_bf16(const float* a, int64_t row, int64_t column, int64_t M, int64_t K, int64_t begin, int64_t end,
                    int64_t first, int64_t K_all, float* to) {
  copy_strips<1, 1>(a, row, column, M, K, begin, end, first, K_all, to, copy_strip<true>);
}
void gemm_left_bf16(LeftStrips a, const uint16_t* packed, const Epilogue& epilogue, float* c, int64_t ldc, int64_t N,
                    int64_t panel_begin, int64_t panel_end, bool accumulate, float* scratch) {
  const Job j = {nullptr, 0, 0, epilogue, c, ldc, a.M, N, a.K, accumulate, nullptr, true};
  for_left<1>(j, a, panel_begin, panel_end, together(a.M),
              [&](const Strip& strip, int64_t p, int64_t panels, int64_t k, int64_t steps) {
                run_strip_bf16(j, a.transposed, packed, scratch + strip_scratch, strip, p, panels, k, steps);
              });
}

}  // namespace nudge::NUDGE_LEVEL
