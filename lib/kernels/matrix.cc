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
// The panels in such a tile, where there is one strip, or those that strips of a transposed A meet.
int64_t together(const Job& j) {
  return j.M <= kTileRows ? most(1, wide_of(static_cast<int>(j.M)) / 2) : j.row == 1 ? kPanelsInTurn : 1;
}

// The strip's first R rows, W vectors from column n on, k in [k, k + steps).
template <int R, int W, bool by_column, bool stream, class Next = NothingNext>
void run_tile(const Job& j, const float* packed, const Strip& strip, int64_t n, int64_t k, int64_t steps,
              Next next = {}) {
  Tile<R, W> t;
  begin_tile(j, strip.m, n, k, t);
  fetch_tile<R, W>(j, strip.m + R, n, k);
  const RightFactor b = {packed + n / kPanel * (kPanel * j.K) + k * kPanel + n % kPanel, kPanel, 16, kPanel * j.K};
  constexpr int64_t kAhead = stream ? fetch_ahead(W) / int64_t{sizeof(float)} : 0;
  multiply<kAhead>(t, strip.at, by_column ? 1 : kStripStep, by_column ? kTileRows : 1, b, steps, 16, next);
  end_tile(j, strip.m, n, k + steps == j.K, t);
}

// A strip of R rows, the only one, against `panels` panels from panel p on.
template <int R, bool by_column>
void run_alone(const Job& j, const float* packed, const Strip& strip, int64_t p, int64_t panels, int64_t k,
               int64_t steps) {
  constexpr int W = wide_of(R), one = W < 2 ? W : 2;
  int64_t n = p * kPanel;
  const int64_t end = least((p + panels) * kPanel, j.N);
  if constexpr (W > 2) {
    for (; n + W * 16 <= (p + panels) * kPanel; n += W * 16)
      run_tile<R, W, by_column, true>(j, packed, strip, n, k, steps);
  }
  for (; n < end; n += one * 16) run_tile<R, one, by_column, true>(j, packed, strip, n, k, steps);
}

// One of several strips, of R rows, against panel p.
template <int R, bool by_column>
void run_among(const Job& j, const float* packed, const Strip& strip, int64_t p, int64_t k, int64_t steps) {
  constexpr int W = wide_of(R) < 2 ? 1 : 2;
  const float* block = packed + (p * j.K + k) * kPanel;
  auto next = share_of_next(strip, block, steps * kPanel * int64_t{sizeof(float)}, steps * (2 / W));
  for (int64_t n = p * kPanel; n < least((p + 1) * kPanel, j.N); n += W * 16) {
    if (strip.number == 0) run_tile<R, W, by_column, true>(j, packed, strip, n, k, steps, next);
    else run_tile<R, W, by_column, false>(j, packed, strip, n, k, steps, next);
    next.p += steps * next.step;
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

void gemm(const float* a, int64_t row, int64_t column, const float* packed, const Epilogue& epilogue, float* c,
          int64_t ldc, int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end, bool accumulate,
          GemmScratch scratch) {
  const Job j = {a, row, column, epilogue, c, ldc, M, N, K, accumulate, scratch.at, scratch.holds_a};
  for_strips<1>(j, panel_begin, panel_end, together(j), copy_strip<false>,
                [&](const Strip& strip, int64_t p, int64_t panels, int64_t k, int64_t steps) {
                  with_rows<kTileRows>(strip.rows, [&](auto r) {
                    constexpr int R = r;
                    if (strip.count == 1 && row == 1) run_alone<R, true>(j, packed, strip, p, panels, k, steps);
                    else if (strip.count == 1) run_alone<R, false>(j, packed, strip, p, panels, k, steps);
                    // Strips are equal shares of more than kTileRows rows.
                    if constexpr (R >= kTileRows / 2) {
                      for (const int64_t end = p + panels; strip.count > 1 && p < end; ++p) {
                        if (row == 1) run_among<R, true>(j, packed, strip, p, k, steps);
                        else run_among<R, false>(j, packed, strip, p, k, steps);
                      }
                    }
                  });
                });
}

}  // namespace nudge::NUDGE_LEVEL
