// The product of bf16 by AVX512_BF16's dot product of pairs. That instruction is two FMAs one after the other, rounded
// twice: of the pairs' high halves, then of the low ones. Here these are two steps of one chain, so k and k + 2, and B is
// packed that way. Arm's FEAT_BF16 has each of the two FMAs as an instruction. All other kernels of this level are v4's, or
// neon's.
#include "lib/kernels/dot_pairs.h"
#include "lib/kernels/packed_bf16.h"

namespace nudge::NUDGE_LEVEL {

PackBf16 pack_bf16;
PackTransposeBf16 pack_transpose_bf16;
GemmBf16 gemm_bf16;
extern const LeftKernels left_bf16;
// Whether this processor's instructions are what the file takes them for.
bool instructions_are_known();

namespace {

// A tile's rows: with two vectors of columns, C and the chains of even and of odd k take 24 registers.
constexpr int kRows = kTileRows / 3;
// A single row computes so little that memory delivers faster what four panels hold, side by side.
constexpr int64_t kTogether = 4;

// copy_strip<true>'s form, but with pairs as B's, of half as many words: so more of A stays in the first-level cache.
void copy_pairs(const Job& j, int64_t m, int64_t rows, int64_t k, int64_t steps, float* strip) {
  const float* a = j.a + m * j.row + k * j.column;
  if (j.row == 1) {
    const auto step = [&](int64_t i) NUDGE_LAMBDA {
      fetch(a + (i + 16) * j.column);
      return i < steps ? load_first(a + i * j.column, rows) : broadcast(0);
    };
    for (int64_t pair = 0; pair < padded(steps) / 2; ++pair) {
      const f32x16 low = step(ChainPairs::low(pair)), high = step(ChainPairs::high(pair));
      store_first(strip + pair * kTileRows, float_of_bits(pairs_of(low, high)), rows);
    }
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = a + r * j.row;
    float* to = strip + r * kStripStep;
    for (int64_t i = 0; i < padded(steps); i += 32, to += 16) {
      const auto sixteen = [&](int64_t at) NUDGE_LAMBDA { return load_of_row(j, from + at * j.column, steps - at); };
      store_chain_pairs(to, sixteen(i), sixteen(i + 16));
    }
  }
}

struct Pairs {
  NUDGE_LAMBDA f32x16 operator()(i32x16 a, i32x16 b, f32x16 sum) const { return dot_pairs(a, b, sum); }
};
struct PairsUnlessTiny {
  NUDGE_LAMBDA f32x16 operator()(i32x16 a, i32x16 b, f32x16 sum) const { return dot_pairs_unless_tiny(a, b, sum); }
};

// R rows from m on, whose part of a strip begins at `pairs`, by W vectors from column n on, whose part of packed B
// begins at `b` and, for each further panel, padded(K) kPanel numbers behind.
template <int R, int W, bool by_column, class Next>
void run_tile(const Job& j, const uint16_t* b, const float* pairs, int64_t m, int64_t n, int64_t k, int64_t steps,
              Next next) {
  constexpr int64_t row = by_column ? 1 : kStripStep, step = by_column ? kTileRows : 1;
  const int64_t panel = padded(j.K) * kPanel;
  Tile<R, W> t;
  begin_tile(j, m, n, k, t);
  fetch_tile<R, W>(j, m + R, n, k);
  for (int64_t d = 0; d < steps; d += kDepth, b += kDepthNumbers) {
    Tile<R, W> even, odd;
    const auto chains = [&](auto dot, auto& to_come) NUDGE_LAMBDA {
      clear(even), clear(odd);
      const uint16_t* from = b;
      const float* left = pairs;
      for (int64_t i = 0; i < kDepth; i += 4, from += 64, left += 2 * step) {
        i32x16 even_b[W], odd_b[W];
        each<W>([&](auto w) NUDGE_LAMBDA {
          const auto* at = reinterpret_cast<const float*>(from + (w / 2) * panel + (w % 2) * kTileNumbers);
          even_b[w] = bits_of(load(at)), odd_b[w] = bits_of(load(at + 16));
        });
        each<R>([&](auto r) NUDGE_LAMBDA {
          const i32x16 even_a = broadcast_bits(left + r * row), odd_a = broadcast_bits(left + r * row + step);
          each<W>([&](auto w) NUDGE_LAMBDA {
            even.at[r][w] = dot(even_a, even_b[w], even.at[r][w]);
            odd.at[r][w] = dot(odd_a, odd_b[w], odd.at[r][w]);
          });
        });
        fetch(to_come);
      }
    };
    chains(PairsUnlessTiny(), next);
    NothingNext nothing;
    if (was_tiny(even, odd)) chains(Pairs(), nothing);
    pairs += kDepth / 2 * step;
    each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { t.at[r][w] = t.at[r][w] + (even.at[r][w] + odd.at[r][w]); });
  }
  end_tile(j, m, n, k + steps == j.K, t);
}

// A strip against panel p, whose block of k is at `block`. Where tiles are few, a step of theirs fetches more lines of
// what comes next.
template <bool by_column>
void run_panel(const Job& j, const uint16_t* block, const Strip& strip, int64_t p, int64_t k, int64_t steps) {
  const int64_t tiles = ceiling(strip.rows, kRows), steps_of_tile = padded(steps) / 4;
  const int64_t bytes = padded(steps) * kPanel * int64_t{sizeof(uint16_t)};
  const auto run = [&](auto lines) {
    auto next = share_of_next<lines, true>(strip, block, bytes, tiles * steps_of_tile);
    for (int64_t r = 0; r < strip.rows; r += kRows) {
      const float* pairs = strip.at + r * (by_column ? 1 : kStripStep);
      with_rows<kRows>(least(kRows, strip.rows - r), [&](auto rows) {
        run_tile<rows, 2, by_column>(j, block, pairs, strip.m + r, p * kPanel, k, steps, next);
      });
      next.p += steps_of_tile * next.step;
    }
  };
  if (tiles == 1) run(Index<4>());
  else if (tiles < 4) run(Index<2>());
  else run(Index<1>());
}

template <bool by_column>
void run_strip(const Job& j, const uint16_t* packed, const Strip& strip, int64_t p, int64_t panels, int64_t k,
               int64_t steps) {
  const auto block = [&](int64_t q) { return packed + q * kPanel * padded(j.K) + k * kPanel; };
  const int64_t end = p + panels;
  if (j.M == 1) {
    for (; p + kTogether <= end; p += kTogether)
      run_tile<1, 2 * kTogether, by_column>(j, block(p), strip.at, strip.m, p * kPanel, k, steps, NothingNext());
  }
  for (; p < end; ++p) run_panel<by_column>(j, block(p), strip, p, k, steps);
}

}  // namespace

bool instructions_are_known() {
  return is_two_fmas(PairsUnlessTiny()) && tells_of_tiny(PairsUnlessTiny()) &&
         is_rounded_pairs([](f32x16 low, f32x16 high) NUDGE_LAMBDA { return pairs_of(low, high); });
}

void pack_bf16(const float* b, int64_t row, int64_t column, int64_t K, int64_t N, int64_t panel_begin,
               int64_t panel_end, uint16_t* packed) {
  pack_pairs<ChainPairs>(b, row, column, K, N, panel_begin, panel_end, packed);
}

void pack_transpose_bf16(const uint16_t* packed, int64_t K, int64_t n_begin, int64_t n_end, int64_t panel_begin,
                         int64_t panel_end, uint16_t* out) {
  pack_transposed_pairs<ChainPairs>(packed, K, n_begin, n_end, panel_begin, panel_end, out);
}

void gemm_bf16(const float* a, int64_t row, int64_t column, const uint16_t* packed, const Epilogue& epilogue, float* c,
               int64_t ldc, int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end, bool accumulate,
               GemmScratch scratch) {
  const Job j = {a, row, column, epilogue, c, ldc, M, N, K, accumulate, scratch.at, scratch.holds_a};
  for_strips<kRows>(j, panel_begin, panel_end,
                    M == 1     ? kTogether
                    : row == 1 ? kPanelsInTurn
                               : 1,
                    copy_pairs, [&](const Strip& strip, int64_t p, int64_t panels, int64_t k, int64_t steps) {
                      if (row == 1) run_strip<true>(j, packed, strip, p, panels, k, steps);
                      else run_strip<false>(j, packed, strip, p, panels, k, steps);
                    });
}

namespace {

int64_t left_strips_dot(int64_t M) { return strips_of(M); }
int64_t left_size_dot(int64_t M, int64_t K) { return strips_of(M) * blocks_of(K) * kSlot; }
void copy_left_dot(const float* a, int64_t row, int64_t column, int64_t M, int64_t K, int64_t begin, int64_t end,
                   int64_t first, int64_t K_all, float* to) {
  copy_strips<kRows, 2>(a, row, column, M, K, begin, end, first, K_all, to, copy_pairs);
}
void gemm_left_dot(LeftStrips a, const uint16_t* packed, const Epilogue& epilogue, float* c, int64_t ldc, int64_t N,
                   int64_t panel_begin, int64_t panel_end, bool accumulate, float*) {
  const Job j = {nullptr, 0, 0, epilogue, c, ldc, a.M, N, a.K, accumulate, nullptr, true};
  for_left<kRows>(j, a, panel_begin, panel_end, a.transposed ? kPanelsInTurn : 1,
                  [&](const Strip& strip, int64_t p, int64_t panels, int64_t k, int64_t steps) {
                    if (a.transposed) run_strip<true>(j, packed, strip, p, panels, k, steps);
                    else run_strip<false>(j, packed, strip, p, panels, k, steps);
                  });
}

}  // namespace

constinit const LeftKernels left_bf16 = {left_strips_dot, left_size_dot, copy_left_dot, gemm_left_dot, 0};

}  // namespace nudge::NUDGE_LEVEL
