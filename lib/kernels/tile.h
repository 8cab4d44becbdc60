// The innermost loop of matrix products and attention: a tile of R rows by W vectors of 16 columns kept
// in registers while k runs. Every element is one chain of FMAs in the order of k, so neither the size of a
// tile nor where a chain pauses in memory can change a bit; sizes are chosen for speed alone.
#pragma once

#include "lib/kernels/simd.h"

namespace nudge::NUDGE_LEVEL {

// The tile that fills the registers: 24 of 32 with AVX-512; 12 of 16 with AVX2, where a vector is two; 24 of 32 with
// NEON, where it is four.
#if defined(__AVX512F__)
constexpr int kTileRows = 12, kTileWide = 2;
#else
constexpr int kTileRows = 6, kTileWide = 1;
#endif

// Left factors are copied into strips: k in blocks of kStripBlock, rows kStripStep apart. A constant distance
// puts all rows at constant offsets of one pointer; 17 cache lines keep rows out of each other's cache sets.
constexpr int64_t kStripBlock = 256;
constexpr int64_t kStripStep = kStripBlock + 16;

template <int R, int W>
struct Tile {
  f32x16 at[R][W];
};

template <int R, int W, class F>
NUDGE_INLINE void each_of(const F& f) {
  each<R>([&](auto r) NUDGE_LAMBDA { each<W>([&](auto w) NUDGE_LAMBDA { f(r, w); }); });
}

template <int R, int W>
NUDGE_INLINE void clear(Tile<R, W>& t) {
  each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { t.at[r][w] = broadcast(0); });
}

// How many of vector w's 16 columns exist where `columns` exist from the tile's first on.
NUDGE_INLINE int64_t columns_of(int64_t columns, int w) {
  const int64_t left = columns - 16 * w;
  return left < 0 ? 0 : left < 16 ? left : 16;
}

// The tile from or to row-major memory; columns beyond `columns` are neither read nor written.
template <int R, int W>
NUDGE_INLINE void load_tile(Tile<R, W>& t, const float* c, int64_t ld, int64_t columns) {
  if (columns >= 16 * W) {
    each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { t.at[r][w] = load(c + r * ld + 16 * w); });
  } else {
    each_of<R, W>([&](auto r, auto w)
                      NUDGE_LAMBDA { t.at[r][w] = load_first(c + r * ld + 16 * w, columns_of(columns, w)); });
  }
}
template <int R, int W>
NUDGE_INLINE void store_tile(const Tile<R, W>& t, float* c, int64_t ld, int64_t columns) {
  if (columns >= 16 * W) {
    each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { store(c + r * ld + 16 * w, t.at[r][w]); });
  } else {
    each_of<R, W>([&](auto r, auto w)
                      NUDGE_LAMBDA { store_first(c + r * ld + 16 * w, t.at[r][w], columns_of(columns, w)); });
  }
}

// f with the number of rows, 1 <= rows <= R, as a constant.
template <int R, class F>
NUDGE_INLINE void with_rows(int64_t rows, const F& f) {
  if constexpr (R > 1) {
    if (rows < R) return with_rows<R - 1>(rows, f);
  }
  f(Index<R>());
}

// Where the tile's right factor lies: vector w of step k is at p[k * step + (w / 2) * pair + (w % 2) * next].
template <class E>
struct RightOf {
  const E* p;
  int64_t step, next, pair;
};
using RightFactor = RightOf<float>;
NUDGE_INLINE f32x16 load_numbers(const float* p) { return load(p); }
NUDGE_INLINE f32x16 load_numbers(const uint16_t* p) { return load_bf16(p); }

// Memory that will be read soon, fetched beside the computing, kLines lines for each step, into the second-level cache
// or the `first` level's.
struct NothingNext {};
template <int kLines, bool first = false>
struct LinesNext {
  const char* p;
  int64_t step;  // bytes
};
NUDGE_INLINE void fetch(NothingNext&) {}
template <int kLines, bool first>
NUDGE_INLINE void fetch(LinesNext<kLines, first>& next) {
  each<kLines>([&](auto i) NUDGE_LAMBDA { fetch<first ? 1 : 2>(next.p + 64 * i); });
  next.p += next.step;
}

// A step of a chain, fma(a, b, c), and the same where no result is tiny.
struct ChainStep {
  NUDGE_LAMBDA f32x16 operator()(f32x16 a, f32x16 b, f32x16 c) const { return fma(a, b, c); }
};
struct ChainStepUnlessTiny {
  NUDGE_LAMBDA f32x16 operator()(f32x16 a, f32x16 b, f32x16 c) const { return fma_unless_tiny(a, b, c); }
};

// Whether a step of those that made these tiles was tiny where that makes a difference.
template <int... R, int... W>
NUDGE_INLINE bool was_tiny(Tile<R, W>&... tiles) {
  if constexpr (!kFlushesEarly) return false;
  (each_of<R, W>([&](auto r, auto w) NUDGE_LAMBDA { settle(tiles.at[r][w]); }), ...);
  return underflowed();
}

template <int kAhead, bool whole, class Step, int R, int W, class E, class Next>
NUDGE_INLINE void multiply_by(const Step& fused, Tile<R, W>& t, const float* a, int64_t row, int64_t step, RightOf<E> b,
                              int64_t K, int64_t columns, Next next) {
  for (int64_t k = 0; k < K; ++k) {
    f32x16 right[W];
    each<W>([&](auto w) NUDGE_LAMBDA {
      const E* p = b.p + (w / 2) * b.pair + (w % 2) * b.next;
      if constexpr (whole) right[w] = load_numbers(p);
      else right[w] = load_first(p, columns);
      if constexpr (kAhead > 0) fetch(p + kAhead);
    });
    each<R>([&](auto r) NUDGE_LAMBDA {
      const f32x16 left = broadcast(a[r * row]);
      each<W>([&](auto w) NUDGE_LAMBDA { t.at[r][w] = fused(left, right[w], t.at[r][w]); });
    });
    fetch(next);
    a += step;
    b.p += b.step;
  }
}
// Out of line, since it is rare.
template <bool whole, int R, int W, class E>
__attribute__((noinline)) void multiply_again(Tile<R, W>& t, const float* a, int64_t row, int64_t step, RightOf<E> b,
                                              int64_t K, int64_t columns) {
  multiply_by<0, whole>(ChainStep(), t, a, row, step, b, K, columns, NothingNext());
}

// t[r][w] = fma(a[r * row + k * step], right factor, t[r][w]) for k = 0 .. K - 1 in order. kAhead > 0 fetches
// the right factor that many floats ahead into the cache; columns < 16 reads so many of a single vector.
template <int kAhead, bool whole = true, int R, int W, class E, class Next = NothingNext>
NUDGE_INLINE void multiply(Tile<R, W>& t, const float* a, int64_t row, int64_t step, RightOf<E> b, int64_t K,
                           int64_t columns = 16, Next next = {}) {
  static_assert(whole || W == 1);
  if constexpr (!kFlushesEarly) {
    multiply_by<kAhead, whole>(ChainStep(), t, a, row, step, b, K, columns, next);
  } else {
    const Tile<R, W> begun = t;
    multiply_by<kAhead, whole>(ChainStepUnlessTiny(), t, a, row, step, b, K, columns, next);
    if (!was_tiny(t)) return;
    Tile<R, W> again = begun;
    multiply_again<whole>(again, a, row, step, b, K, columns);
    t = again;
  }
}

}  // namespace nudge::NUDGE_LEVEL
