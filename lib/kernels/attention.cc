// Attention of one head, causal or in a window, exact: all scores of a query, then its softmax, then its values, for as
// many queries at once as a tile has rows. No running rescale: its factors would depend on where blocks of
// keys end, and one row of scores fits the cache.
#include "lib/kernels/attention_weights.h"
#include "lib/kernels/level.h"
#include "lib/kernels/tile.h"

namespace nudge::NUDGE_LEVEL {
namespace {

constexpr int64_t kQueries = 96;  // per step of the backward pass: whole tiles at every level

NUDGE_INLINE void store_numbers(float* p, f32x16 x) { store(p, x); }
NUDGE_INLINE void store_numbers(uint16_t* p, f32x16 x) { store_bf16(p, x); }

// The transpose of x[16, D]: 16 numbers per channel.
template <class E>
void transpose_rows(const float* x, int64_t ld, int64_t D, E* transposed) {
  f32x16 t[16];
  int64_t i = 0;
  for (; i + 16 <= D; i += 16) {
    each<16>([&](auto r) NUDGE_LAMBDA { t[r] = load(x + r * ld + i); });
    transpose(t);
    each<16>([&](auto c) NUDGE_LAMBDA { store_numbers(transposed + (i + c) * 16, t[c]); });
  }
  if (i == D) return;
  each<16>([&](auto r) NUDGE_LAMBDA { t[r] = load_first(x + r * ld + i, D - i); });
  transpose(t);
  for (int64_t c = 0; c < D - i; ++c) store_numbers(transposed + (i + c) * 16, t[c]);
}

// The rest of a last vector becomes 0.
void copy_row(const float* from, int64_t D, float* to) {
  int64_t i = 0;
  for (; i + 16 <= D; i += 16) store(to + i, load(from + i));
  if (i < D) store(to + i, load_first(from + i, D - i));
}

// x[rows, D] becomes strips `row`, row + 1, ...
void copy_rows(const float* x, int64_t ld, int64_t rows, int64_t D, Strips to, int64_t row) {
  for (int64_t i = 0; i < D; i += kStripBlock) {
    for (int64_t r = 0; r < rows; ++r) copy_row(x + r * ld + i, least(kStripBlock, D - i), to.at(row + r, i));
  }
}

// Asks for rows x[rows, D], which lie in as many pages, beside other work.
void fetch_rows(const float* x, int64_t ld, int64_t rows, int64_t D) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < D; i += 16) fetch(x + r * ld + i);
  }
}

// The keys of a sequence in one piece, and the rows of a matrix: what the backward pass reads.
struct TransposedKeys {
  const float* p;
  int64_t D;
  const float* keys(int64_t group) const { return p + group * 16 * D; }
  const float* next_keys(int64_t group, int64_t, int64_t) const { return keys(group); }
};
struct Rows {
  const float* p;
  int64_t step;
  const float* values(int64_t j, int64_t n) const { return p + j * step + n; }
  const float* next_values(int64_t j, int64_t, int64_t) const { return values(j, 0); }
  int64_t run_end(int64_t j) const { return (j / kStripBlock + 1) * kStripBlock; }
};
// The strips of queries from `first` on.
struct StripRows {
  Strips strips;
  int64_t first;
  static constexpr int64_t step = kStripStep;
  const float* values(int64_t i, int64_t n) const { return strips.at(i - first, n); }
  const float* next_values(int64_t i, int64_t, int64_t) const { return values(i, 0); }
  int64_t run_end(int64_t) const { return INT64_MAX; }
};

// Keys and values in blocks; step is the distance of two values. next_keys and next_values are what is read where
// that group or key would be: behind the last key the values from `begin` on, behind the last value the next head's keys.
template <class E>
struct Blocks {
  KvBlocks kv;
  int64_t D, step = ceiling(D, 16) * 16;
  E* block(int64_t i) const { return reinterpret_cast<E*>(static_cast<char*>(kv.blocks[i]) + kv.offset); }
  E* keys(int64_t group) const { return block(group * 16 / kKvBlock) + group * 16 % kKvBlock * D; }
  E* values(int64_t j, int64_t n) const { return block(j / kKvBlock) + kKvBlock * D + j % kKvBlock * step + n; }
  E* next_keys(int64_t group, int64_t groups, int64_t begin) const {
    return group < groups ? keys(group) : values(begin, 0);
  }
  E* next_values(int64_t j, int64_t end, int64_t begin) const {
    return j < end ? values(j, 0) : block(begin / kKvBlock) + kKvBlock * (D + step);
  }
  int64_t run_end(int64_t j) const { return (j / kKvBlock + 1) * kKvBlock; }
};
static_assert(kKvBlock % 32 == 0 && kStripBlock % kKvBlock == 0);

// A single query computes less than it waits for memory: with each step over W vectors of numbers it fetches as much
// of those at `next`.
template <int R, int W, class E>
NUDGE_INLINE auto fetched(const E* next, int64_t step) {
  constexpr int kBytes = W * 16 * int{sizeof(E)};
  if constexpr (R > 1) return NothingNext();
  else return LinesNext<(kBytes + 63) / 64, true>{reinterpret_cast<const char*>(next), step * int64_t{sizeof(E)}};
}

// w[r, j] = scale * (x[r, :] . key j) for R strips of x and w and the keys of W groups of 16 beside each other, kt; x's
// blocks of channels are `block` apart. A function of its own, or g++ keeps its callers'
// pointers in vector registers and a part of the tile in memory.
template <int R, int W, class E>
__attribute__((noinline)) void score_groups(const float* x, int64_t block, const E* kt, const E* next, int64_t D,
                                            float scale, float* w) {
  Tile<R, W> t;
  clear(t);
  for (int64_t i = 0; i < D; i += kStripBlock) {
    const RightOf<E> right = {kt + 16 * i, 16, 16 * D, 32 * D};
    multiply<0>(t, x, kStripStep, 1, right, least(kStripBlock, D - i), 16, fetched<R, W>(next + 16 * i, 16 * W));
    x += block;
  }
  const f32x16 s = broadcast(scale);
  each_of<R, W>([&](auto r, auto i) NUDGE_LAMBDA { t.at[r][i] = t.at[r][i] * s; });
  store_tile(t, w, kStripStep, 16 * W);
}

// The same for the keys from the block that holds key `begin` up to group `groups` - 1 and up to kTileRows rows.
template <class K>
void score(Strips x, int64_t rows, K k, int64_t begin, int64_t groups, int64_t D, float scale, Strips w, int64_t row) {
  with_rows<kTileRows>(rows, [&](auto r) {
    constexpr int R = r, W = R == 1 ? 2 : kTileWide;  // two groups are in one block
    const auto run = [&](int64_t g, auto wide) NUDGE_LAMBDA {
      score_groups<R, wide>(x.at(row, 0), x.rows * kStripStep, k.keys(g), k.next_keys(g + wide, groups, begin), D,
                            scale, w.at(row, 16 * g));
    };
    int64_t g = begin / kKvBlock * (kKvBlock / 16);
    for (; g + W <= groups; g += W) run(g, Index<W>());
    for (; g < groups; ++g) run(g, Index<1>());
  });
}

template <class E>
NUDGE_INLINE RightOf<E> right_of(const E* p, int64_t step) {
  return {p, step, 16, 32};
}

// Which terms k of a sum the rows of a tile take: row r those with max(begin, from + r) <= k < min(end, to + r).
struct Band {
  int64_t begin, end, from, to;
};

// The weights of sums over keys, for rows `row`.. (queries), and of sums over queries, for rows `key`.. (keys of one
// block): that of row r in term k is at(k)[r * kRow].
struct OverKeys {
  Strips w;
  int64_t row;
  static constexpr int64_t kRow = kStripStep, kStep = 1;
  const float* at(int64_t k) const { return w.at(row, k); }
};
struct OverQueries {
  Strips w;
  int64_t first, key;  // the query of the weights' row 0
  static constexpr int64_t kRow = 1, kStep = kStripStep;
  const float* at(int64_t k) const { return w.at(k - first, key); }
};

// Rows [r0, r1) of the tile take one term.
template <int r0, int r1, int R, int W, class E>
NUDGE_INLINE void add_term(Tile<R, W>& t, const float* a, int64_t row, const E* b) {
  f32x16 right[W];
  each<W>([&](auto w) NUDGE_LAMBDA { right[w] = load_numbers(b + 16 * w); });
  each<r1 - r0>([&](auto i) NUDGE_LAMBDA {
    constexpr int r = r0 + i;
    const f32x16 left = broadcast(a[r * row]);
    each<W>([&](auto w) NUDGE_LAMBDA { t.at[r][w] = fma(left, right[w], t.at[r][w]); });
  });
}

// The chains of a tile go on: t[r] = fma(weight of row r in term k, v's row k from channel n on, t[r]) for k in
// ascending order over r's part of the band; v's rows are readable to a multiple of 16. Terms that only some rows take
// stand at its two edges, which must not overlap; no row touches a term that isn't its own.
template <int R, int W, class A, class V>
NUDGE_INLINE void add_band(Tile<R, W>& t, A a, V v, Band b, int64_t n) {
  const int64_t begin = most(b.begin, b.from + R - 1), end = least(b.end, b.to);
  if constexpr (R > 1) {
    if (b.from + R - 1 > b.begin) {
      each<R - 1>([&](auto i) NUDGE_LAMBDA {
        const int64_t k = b.from + i;
        if (k >= b.begin && k < b.end) add_term<0, i + 1>(t, a.at(k), A::kRow, v.values(k, n));
      });
    }
  }
  for (int64_t k = begin; k < end;) {
    const int64_t stop = least(end, v.run_end(k));
    multiply<0>(t, a.at(k), A::kRow, A::kStep, right_of(v.values(k, n), v.step), stop - k, 16,
                fetched<R, W>(v.next_values(stop, end, begin) + n, v.step));
    k = stop;
  }
  if constexpr (R > 1) {
    if (b.to < b.end) {
      each<R - 1>([&](auto i) NUDGE_LAMBDA {
        const int64_t k = b.to + i;
        if (k >= b.begin && k < b.end) add_term<i + 1, R>(t, a.at(k), A::kRow, v.values(k, n));
      });
    }
  }
}

// out[r, :] = the band's sums of R rows, from zero or from what `from` (ldf) holds, if there is any; then divided by by[r],
// if there is any.
template <int R, class A, class V>
NUDGE_INLINE void sum_band(A a, V v, Band b, int64_t D, const float* from, int64_t ldf, const float* by, float* out,
                           int64_t ldo) {
  constexpr int W = R == 1 ? 4 : kTileWide;
  int64_t n = 0;
  const auto run = [&]<int wide>(Tile<R, wide> tile) NUDGE_LAMBDA {
    if (from == nullptr) clear(tile);
    else load_tile(tile, from + n, ldf, D - n);
    add_band(tile, a, v, b, n);
    if (by != nullptr) {
      each_of<R, wide>([&](auto r, auto w) NUDGE_LAMBDA { tile.at[r][w] = tile.at[r][w] / broadcast(by[r]); });
    }
    store_tile(tile, out + n, ldo, D - n);
  };
  for (; n + 16 * W <= D; n += 16 * W) run(Tile<R, W>());
  for (; n < D; n += 16) run(Tile<R, 1>());
}

// f(r, R) for all rows r of a tile in steps of a few constant sizes R, the largest first. With `single` each alone.
template <class F>
void each_rows(int64_t rows, bool single, const F& f) {
  int64_t r = 0;
  const auto step = [&](auto size) {
    for (; !single && r + size <= rows; r += size) f(r, size);
  };
  step(Index<kTileRows>()), step(Index<kTileRows / 2>());
  if constexpr (kTileRows / 4 > 1) step(Index<kTileRows / 4>());
  for (; r < rows; ++r) f(r, Index<1>());
}

// Where a window is narrower than a tile is high, the band's edges would overlap.
bool is_narrow(int64_t window) { return window > 0 && window < kTileRows; }

// out[r, :] = the sum over the keys that query first + r sees, for `rows` queries; divided by by[r], if there is any.
template <class V>
void sum_keys(Strips w, int64_t row, int64_t rows, int64_t first, V v, int64_t D, int64_t window, const float* by,
              float* out, int64_t ldo) {
  each_rows(rows, is_narrow(window), [&](int64_t r, auto size) {
    const int64_t position = first + r, end = position + size;
    const Band band = {0, end, window > 0 ? position - window + 1 : -kTileRows, position + 1};
    sum_band<size>(OverKeys{w, row + r}, v, band, D, nullptr, 0, by == nullptr ? by : by + r, out + r * ldo, ldo);
  });
}

// sums[j, :] (+)= sum over queries i of w[i - first, j] x[i, :], i ascending, for queries first .. first + n - 1 of T and
// the keys that they see. A key's chain begins with the query at its own position. The rows of `sums` are dense: those of
// out lie in few sets of the cache, and are written once, with the last queries.
void sum_queries(Strips w, int64_t first, int64_t n, int64_t T, StripRows x, int64_t D, int64_t window, float* sums,
                 float* out, int64_t ldo) {
  const int64_t row = ceiling(D, 16) * 16, end = first + n, begin = window_begin(first, window);
  const bool last = end == T;
  for (int64_t j = 0; last && j < begin; ++j) {
    for (int64_t i = 0; i < D; i += 16) store_first(out + j * ldo + i, load(sums + j * row + i), least(16, D - i));
  }
  const auto sum = [&](int64_t j, int64_t rows) {
    each_rows(rows, is_narrow(window), [&](int64_t r, auto size) {
      const int64_t key = j + r;
      float* held = sums + key * row;
      const Band band = {first, end, key, window > 0 ? key + window : end};
      sum_band<size>(OverQueries{w, first, key}, x, band, D, j < first ? held : nullptr, row, nullptr,
                     last ? out + key * ldo : held, last ? ldo : row);
    });
  };
  for (int64_t j = begin; j < end;) {
    const int64_t rows = least(least(kTileRows, (j < first ? first : end) - j), kStripBlock - j % kStripBlock);
    if (last) fetch_rows(out + (j + rows) * ldo, ldo, least(kTileRows, end - j - rows), D);
    sum(j, rows);
    j += rows;
  }
}

// A key of D channels, 16 numbers apart.
NUDGE_INLINE void transpose_key(const float* k, int64_t D, float* to) {
  for (int64_t i = 0; i < D; ++i) to[i * 16] = k[i];
}
NUDGE_INLINE void transpose_key(const float* k, int64_t D, uint16_t* to) {
  for (int64_t i = 0; i < D; i += 16) {
    uint16_t rounded[16];
    store_bf16(rounded, load_first(k + i, least(16, D - i)));
    for (int64_t c = 0; c < least(16, D - i); ++c) to[(i + c) * 16] = rounded[c];
  }
}

// Keys k[n, D] that have their places in one group, the first one's being `to`.
template <class E>
void put_group(const float* k, int64_t ld, int64_t n, int64_t D, E* to) {
  if (n == 16) return transpose_rows(k, ld, D, to);
  for (int64_t j = 0; j < n; ++j) transpose_key(k + j * ld, D, to + j);
}

template <class E>
void put_tokens(const float* k, const float* v, int64_t ld, int64_t first, int64_t n, Blocks<E> to) {
  for (int64_t j = first; j < first + n;) {
    const int64_t stop = least(first + n, (j / 16 + 1) * 16), row = j - first;
    const int64_t next = least(16, first + n - stop);
    fetch_rows(k + (stop - first) * ld, ld, next, to.D);
    put_group(k + row * ld, ld, stop - j, to.D, to.keys(j / 16) + j % 16);
    fetch_rows(v + (stop - first) * ld, ld, next, to.D);
    for (; j < stop; ++j) {
      const float* from = v + (j - first) * ld;
      for (int64_t i = 0; i < to.D; i += 16) store_numbers(to.values(j, i), load_first(from + i, least(16, to.D - i)));
    }
  }
}

// f(r, N) for `rows` rows: kTogether at a time, then one.
template <class F>
NUDGE_INLINE void each_together(int64_t rows, const F& f) {
  int64_t r = 0;
  for (; r + kTogether <= rows; r += kTogether) f(r, Index<kTogether>());
  for (; r < rows; ++r) f(r, Index<1>());
}

template <class K, class V>
void attend(const float* q, int64_t ldq, int64_t n, int64_t first, K k, V v, int64_t D, AttentionForm form, float* out,
            int64_t ldo, float* stats, float* scratch) {
  const Strips x = {scratch, kTileRows}, w = {scratch + strips_size(kTileRows, D), kTileRows};
  for (int64_t i = 0; i < n; i += kTileRows) {
    const int64_t rows = least(kTileRows, n - i), position = first + i;
    copy_rows(q + i * ldq, ldq, rows, D, x, 0);
    fetch_rows(q + (i + rows) * ldq, ldq, least(kTileRows, n - i - rows), D);
    if (rows > 1) fetch_rows(out + i * ldo, ldo, rows, D);
    const int64_t groups = (position + rows - 1) / 16 + 1;
    score(x, rows, k, window_begin(position, form.window), groups, D, form.scale, w, 0);
    float largest[kTileRows], sums[kTileRows];
    each_together(rows, [&](int64_t r, auto together)
                            NUDGE_LAMBDA { exponentiate<together>(w, r, position + r, form, largest + r, sums + r); });
    for (int64_t r = 0; stats != nullptr && r < rows; ++r)
      stats[2 * (i + r)] = largest[r], stats[2 * (i + r) + 1] = sums[r];
    sum_keys(w, 0, rows, position, v, D, form.window, sums, out + i * ldo, ldo);
  }
}

// x[n, D] as rows of whole vectors.
void copy_whole(const float* x, int64_t ld, int64_t n, int64_t D, float* rows) {
  const int64_t row = ceiling(D, 16) * 16;
  for (int64_t j = 0; j < n; ++j) copy_row(x + j * ld, D, rows + j * row);
}

}  // namespace

void put_keys(const float* k, int64_t ld, int64_t n, int64_t D, float* kt) {
  for (int64_t j = 0; j < n; j += 16) {
    fetch_rows(k + (j + 16) * ld, ld, least(16, n - j - 16), D);
    put_group(k + j * ld, ld, least(16, n - j), D, kt + j * D);
  }
}

int64_t kv_block_size(int64_t D) { return kKvBlock * (D + ceiling(D, 16) * 16); }

void put_kv(const float* k, const float* v, int64_t ld, int64_t first, int64_t n, int64_t D, KvBlocks to) {
  if (to.bf16) put_tokens(k, v, ld, first, n, Blocks<uint16_t>{to, D});
  else put_tokens(k, v, ld, first, n, Blocks<float>{to, D});
}

int64_t attention_scratch(int64_t T, int64_t D) {
  const int64_t row = ceiling(D, 16) * 16;
  return 2 * strips_size(kQueries, D) + 2 * strips_size(kQueries, T) + ceiling(T, 16) * 16 * D + 3 * T * row;
}

void attention(const float* q, int64_t ldq, int64_t n, int64_t first, KvBlocks kv, int64_t D, AttentionForm form,
               float* out, int64_t ldo, float* stats, float* scratch) {
  const auto over = [&](auto blocks)
                        NUDGE_LAMBDA { attend(q, ldq, n, first, blocks, blocks, D, form, out, ldo, stats, scratch); };
  if (kv.bf16) over(Blocks<uint16_t>{kv, D});
  else over(Blocks<float>{kv, D});
}

void attention_whole(const float* q, const float* v, int64_t ldq, const float* kt, int64_t T, int64_t D,
                     AttentionForm form, float* out, int64_t ldo, float* stats, float* scratch) {
  float* values = scratch;
  const int64_t row = ceiling(D, 16) * 16;
  copy_whole(v, ldq, T, D, values);
  attend(q, ldq, T, 0, TransposedKeys{kt, D}, Rows{values, row}, D, form, out, ldo, stats, values + T * row);
}

void attention_backward(const float* q, const float* k, const float* v, int64_t ldq, const float* kt, const float* out,
                        const float* dout, int64_t ldo, const float* stats, int64_t T, int64_t D, AttentionForm form,
                        float* dq, float* dk, float* dv, int64_t ldd, float* scratch) {
  const int64_t row = ceiling(D, 16) * 16, tiles = strips_size(kQueries, D), weights = strips_size(kQueries, T);
  const Strips qs = {scratch, kQueries}, douts = {qs.p + tiles, kQueries};
  const Strips p = {douts.p + tiles, kQueries}, ds = {p.p + weights, kQueries};
  float *vt = ds.p + weights, *keys = vt + ceiling(T, 16) * 16 * D;
  float *dk_sums = keys + T * row, *dv_sums = dk_sums + T * row;
  put_keys(v, ldq, T, D, vt);
  copy_whole(k, ldq, T, D, keys);
  for (int64_t i = 0; i < T; i += kQueries) {
    const int64_t n = least(kQueries, T - i);
    for (int64_t r = 0; r < n; r += kTileRows) {
      const int64_t at = i + r, rows = least(kTileRows, n - r), next = least(kTileRows, T - at - rows);
      copy_rows(q + at * ldq, ldq, rows, D, qs, r);
      copy_rows(dout + at * ldo, ldo, rows, D, douts, r);
      fetch_rows(out + at * ldo, ldo, rows, D);
      fetch_rows(q + (at + rows) * ldq, ldq, next, D);
      fetch_rows(dout + (at + rows) * ldo, ldo, next, D);
      const int64_t begin = window_begin(at, form.window), groups = (at + rows - 1) / 16 + 1;
      score(qs, rows, TransposedKeys{kt, D}, begin, groups, D, form.scale, p, r);
      fetch_rows(dq + at * ldd, ldd, rows, D);
      score(douts, rows, TransposedKeys{vt, D}, begin, groups, D, 1, ds, r);
      each_together(rows, [&](int64_t t, auto together) NUDGE_LAMBDA {
        float delta[together];
        dots<together>(dout + (at + t) * ldo, out + (at + t) * ldo, ldo, D, delta);
        differentiate<together>(p, ds, r + t, at + t, stats + 2 * (at + t), delta, form);
      });
      sum_keys(ds, r, rows, at, Rows{keys, row}, D, form.window, nullptr, dq + at * ldd, ldd);
    }
    sum_queries(ds, i, n, T, {qs, i}, D, form.window, dk_sums, dk, ldd);
    sum_queries(p, i, n, T, {douts, i}, D, form.window, dv_sums, dv, ldd);
  }
}

}  // namespace nudge::NUDGE_LEVEL
