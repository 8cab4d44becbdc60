// C = A B in one fixed order, as fast as a library: every element is one chain of FMAs over k.
#include "lib/kernels/matrix.h"

namespace nudge::NUDGE_LEVEL {
namespace {

// Vectors of 16 columns beside each other in a tile of R rows: enough chains to hide an FMA's latency,
// and for few rows several panels at once, which the memory delivers faster than one.
constexpr int wide_of(int R) {
  if (kTileWide == 2) return R <= 3 ? 8 : R <= 6 ? 4 : 2;
  return R == 1 ? 4 : R <= 3 ? 2 : 1;
}

// One tile: R rows from m on, W vectors from column n on, k in [k, k + steps).
template <int R, int W, bool by_column, bool stream>
void run_tile(const Job& j, const float* packed, const float* strip, int64_t m, int64_t n, int64_t k, int64_t steps) {
  Tile<R, W> t;
  begin_tile(j, m, n, k, t);
  const RightFactor b = {packed + n / kPanel * (kPanel * j.K) + k * kPanel + n % kPanel, kPanel, 16, kPanel * j.K};
  multiply<stream ? kFetch : 0>(t, strip, by_column ? 1 : kStripStep, by_column ? kTileRows : 1, b, steps);
  end_tile(j, m, n, k + steps == j.K, t);
}

// A strip of R <= kTileRows rows against `panels` panels from panel p on.
template <int R, bool by_column>
void run_strip(int rows, const Job& j, const float* packed, const float* strip, int64_t m, int64_t p, int64_t panels,
               int64_t k, int64_t steps, bool stream) {
  if constexpr (R > 1) {
    if (rows < R) return run_strip<R - 1, by_column>(rows, j, packed, strip, m, p, panels, k, steps, stream);
  }
  constexpr int W = wide_of(R), one = W < 2 ? W : 2;
  int64_t n = p * kPanel;
  const int64_t end = least((p + panels) * kPanel, j.N);
  if constexpr (W > 2) {
    for (; n + W * 16 <= (p + panels) * kPanel; n += W * 16) {
      if (R > 1 && stream) run_tile<R, W, by_column, (R > 1)>(j, packed, strip, m, n, k, steps);
      else run_tile<R, W, by_column, false>(j, packed, strip, m, n, k, steps);
    }
  }
  for (; n < end; n += one * 16) {
    if (stream) run_tile<R, one, by_column, true>(j, packed, strip, m, n, k, steps);
    else run_tile<R, one, by_column, false>(j, packed, strip, m, n, k, steps);
  }
}

}  // namespace

int64_t packed_size(int64_t K, int64_t N) { return ceiling(N, kPanel) * kPanel * K; }

void pack(const float* b, int64_t row, int64_t column, int64_t K, int64_t N, int64_t panel_begin, int64_t panel_end,
          float* packed) {
  for (int64_t p = panel_begin; p < panel_end; ++p) {
    copy_panel(b + p * kPanel * column, row, column, least(kPanel, N - p * kPanel), 0, K, packed + p * kPanel * K);
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
  const Job j = {a, row, column, bias, c, ldc, M, N, K, accumulate, scratch};
  for_strips<false>(j, panel_begin, panel_end,
                    [&](const float* strip, int rows, int64_t m, int64_t p, int64_t panels, int64_t k, int64_t steps,
                        int64_t s) {
    if (j.row == 1) run_strip<kTileRows, true>(rows, j, packed, strip, m, p, panels, k, steps, s == 0);
    else run_strip<kTileRows, false>(rows, j, packed, strip, m, p, panels, k, steps, s == 0);
  });
}

}  // namespace nudge::NUDGE_LEVEL
