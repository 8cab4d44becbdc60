// Attention of one head, causal, exact: all scores of a query, then its softmax, then its values, for as
// many queries at once as a tile has rows. No running rescale: its factors would depend on where blocks of
// keys end, and one row of scores fits the cache.
#include "lib/kernels/level.h"
#include "lib/kernels/tile.h"
#include "lib/kernels/vector_math.h"

namespace nudge::NUDGE_LEVEL {
namespace {

constexpr int64_t kQueries = 48;  // per step of the backward pass: whole tiles at every level

int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Weights of `rows` queries for all keys: keys in blocks of kStripBlock, within a block a row per query.
struct Weights {
  float* p;
  int64_t rows;
  float* at(int64_t row, int64_t key) const {
    return p + key / kStripBlock * (rows * kStripStep) + row * kStripStep + key % kStripBlock;
  }
};
int64_t weights_size(int64_t rows, int64_t keys) { return ceiling(keys, kStripBlock) * rows * kStripStep; }

NUDGE_INLINE void store_numbers(float* p, f32x16 x) { store(p, x); }
NUDGE_INLINE void store_numbers(uint16_t* p, f32x16 x) { store_bf16(p, x); }

// The transpose of x[rows, D], kStep numbers per channel; those beyond `rows` are arbitrary.
// Writes D kStep + 16 - kStep numbers.
template <int kStep, class E>
void transpose_rows(const float* x, int64_t ld, int64_t rows, int64_t D, E* transposed) {
  for (int64_t i = 0; i < D; i += 16) {
    const int64_t channels = least(16, D - i);
    f32x16 t[16];
    for (int64_t r = 0; r < 16; ++r) t[r] = r < rows ? load_first(x + r * ld + i, channels) : broadcast(0);
    transpose(t);
    // Each store's lanes behind its kStep are overwritten by the next one's first.
    for (int64_t c = 0; c < channels; ++c) store_numbers(transposed + (i + c) * kStep, t[c]);
  }
}
int64_t transposed_size(int64_t D) { return kTileRows * D + 16; }

// The keys of a sequence in one piece, and the rows of a matrix: what the backward pass reads.
struct TransposedKeys {
  const float* p;
  int64_t D;
  const float* keys(int64_t group) const { return p + group * 16 * D; }
  const float* next_keys(int64_t group, int64_t) const { return keys(group); }
};
struct Rows {
  const float* p;
  int64_t step;
  static constexpr bool kPadded = false;
  const float* values(int64_t j) const { return p + j * step; }
  const float* next_values(int64_t j, int64_t) const { return values(j); }
  int64_t run_end(int64_t j) const { return (j / kStripBlock + 1) * kStripBlock; }
};

// Keys and values in blocks; step is the distance of two values. next_keys and next_values are what is read where
// that group or key would be: behind the last key the values, behind the last value the next head's keys.
template <class E>
struct Blocks {
  KvBlocks kv;
  int64_t D, step = ceiling(D, 16) * 16;
  static constexpr bool kPadded = true;
  E* block(int64_t i) const { return reinterpret_cast<E*>(static_cast<char*>(kv.blocks[i]) + kv.offset); }
  E* keys(int64_t group) const { return block(group * 16 / kKvBlock) + group * 16 % kKvBlock * D; }
  E* values(int64_t j) const { return block(j / kKvBlock) + kKvBlock * D + j % kKvBlock * step; }
  E* next_keys(int64_t group, int64_t groups) const { return group < groups ? keys(group) : values(0); }
  E* next_values(int64_t j, int64_t end) const { return j < end ? values(j) : block(0) + kKvBlock * (D + step); }
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

// w[row + r, key] = scale * (row r . key), for the keys of W groups of 16 from `group` on, beside each other. The rows
// are transposed, unless there is just one.
template <int R, int W, class E>
NUDGE_INLINE void score_groups(const float* x, const E* kt, const E* next, int64_t D, float scale, int64_t group,
                               Weights w, int64_t row) {
  Tile<R, W> t;
  clear(t);
  multiply<0>(t, x, 1, R == 1 ? 1 : kTileRows, RightOf<E>{kt, 16, 16 * D, 32 * D}, D, 16, fetched<R, W>(next, 16 * W));
  const f32x16 s = broadcast(scale);
  each_of<R, W>([&](auto r, auto i) NUDGE_LAMBDA { t.at[r][i] = t.at[r][i] * s; });
  store_tile(t, w.at(row, group * 16), kStripStep, 16 * W);
}

// The same for groups 0 .. groups - 1 of keys and up to kTileRows rows x[rows, D].
template <class K>
void score(const float* x, int64_t ld, int64_t rows, K k, int64_t groups, int64_t D, float scale, Weights w,
           int64_t row, float* transposed) {
  if (rows > 1) transpose_rows<kTileRows>(x, ld, rows, D, transposed);
  with_rows<kTileRows>(rows, [&](auto r) {
    constexpr int R = r, W = R == 1 ? 2 : kTileWide;  // two groups are in one block
    const auto run = [&](int64_t g, auto wide) NUDGE_LAMBDA {
      score_groups<R, wide>(R == 1 ? x : transposed, k.keys(g), k.next_keys(g + wide, groups), D, scale, g, w, row);
    };
    int64_t g = 0;
    for (; g + W <= groups; g += W) run(g, Index<W>());
    for (; g < groups; ++g) run(g, Index<1>());
  });
}

template <class E>
NUDGE_INLINE RightOf<E> right_of(const E* p, int64_t step) {
  return {p, step, 16, 32};
}

// The chains of a tile of R rows of out go on: out[r, :] (+)= sum over k of a[r * row + k * step] b[k, :].
template <int R>
NUDGE_INLINE void add_products(const float* a, int64_t row, int64_t step, const float* b, int64_t ldb, int64_t K,
                               int64_t D, bool from_zero, float* out, int64_t ldo) {
  constexpr int W = R == 1 ? 4 : kTileWide;
  int64_t n = 0;
  auto run = [&](auto tile, auto whole) NUDGE_LAMBDA {
    if (from_zero) clear(tile);
    else load_tile(tile, out + n, ldo, D - n);
    multiply<0, whole != 0>(tile, a, row, step, right_of(b + n, ldb), K, D - n);
    store_tile(tile, out + n, ldo, D - n);
  };
  for (; n + 16 * W <= D; n += 16 * W) run(Tile<R, W>(), Index<1>());
  for (; n + 16 <= D; n += 16) run(Tile<R, 1>(), Index<1>());
  if (n < D) run(Tile<R, 1>(), Index<0>());
}

// out[r, :] (+)= sum over keys in [begin, end) of w[row + r, key] values[key, :]; from zero where begin is 0.
template <int R, class V>
void add_keys(Weights w, int64_t row, V v, int64_t begin, int64_t end, int64_t D, float* out, int64_t ldo) {
  constexpr int W = R == 1 ? 4 : kTileWide;
  int64_t n = 0;
  auto run = [&]<int wide>(Tile<R, wide> tile, auto whole) NUDGE_LAMBDA {
    if (begin == 0) clear(tile);
    else load_tile(tile, out + n, ldo, D - n);
    for (int64_t j = begin; j < end;) {
      const int64_t stop = least(end, v.run_end(j));
      const auto* b = v.values(j) + n;
      multiply<0, whole != 0>(tile, w.at(row, j), kStripStep, 1, right_of(b, v.step), stop - j, D - n,
                              fetched<R, wide>(v.next_values(stop, end) + n, v.step));
      j = stop;
    }
    store_tile(tile, out + n, ldo, D - n);
  };
  for (; n + 16 * W <= D; n += 16 * W) run(Tile<R, W>(), Index<1>());
  for (; n + 16 <= D; n += 16) run(Tile<R, 1>(), Index<1>());
  if (n < D) run(Tile<R, 1>(), Index<V::kPadded>());
}

// out[r, :] = the sum over keys 0 .. first + r for `rows` queries: those that all of them see together, then
// each query's own, so that no query touches a key behind its position.
template <class V>
void sum_keys(Weights w, int64_t row, int64_t rows, int64_t first, V v, int64_t D, float* out, int64_t ldo) {
  with_rows<kTileRows>(rows, [&](auto r) { add_keys<r>(w, row, v, 0, first + 1, D, out, ldo); });
  for (int64_t r = 1; r < rows; ++r) add_keys<1>(w, row + r, v, first + 1, first + r + 1, D, out + r * ldo, ldo);
}

// Row `row` of scores becomes exp(score - max) for keys 0 .. position; max and sum of the weights.
void exponentiate(Weights w, int64_t row, int64_t position, float* max_score, float* sum) {
  const int64_t last = position / 16;
  const mask16 seen = first(position % 16 + 1);
  const f32x16 lowest = broadcast(-__builtin_inff());
  f32x16 most = lowest;
  for (int64_t b = 0; b < last; ++b) most = max(most, load(w.at(row, 16 * b)));
  most = max(most, select(seen, load(w.at(row, 16 * last)), lowest));
  *max_score = max_lanes(most);
  most = broadcast(*max_score);
  f32x16 total = broadcast(0);
  for (int64_t b = 0; b <= last; ++b) {
    float* p = w.at(row, 16 * b);
    f32x16 e = exp(load(p) - most);
    if (b == last) e = select(seen, e, broadcast(0));
    total = total + e;
    store(p, e);
  }
  *sum = sum_lanes(total);
}

void divide(float* y, int64_t n, float by) {
  for (int64_t i = 0; i < n; i += 16) {
    const int64_t lanes = least(16, n - i);
    store_first(y + i, load_first(y + i, lanes) / broadcast(by), lanes);
  }
}

float dot_of(const float* x, const float* y, int64_t n) {
  f32x16 sum = broadcast(0);
  for (int64_t i = 0; i < n; i += 16) {
    const int64_t lanes = least(16, n - i);
    sum = fma(load_first(x + i, lanes), load_first(y + i, lanes), sum);
  }
  return sum_lanes(sum);
}

// Scores and products dout . v of one query become probabilities P and scale * dL/dscore = scale P (dP - delta).
void differentiate(Weights p, Weights ds, int64_t row, int64_t position, const float* stats, float delta, float scale) {
  const f32x16 most = broadcast(stats[0]), sum = broadcast(stats[1]);
  for (int64_t j = 0; j <= position; j += 16) {
    const f32x16 weight = exp(load(p.at(row, j)) - most) / sum;
    const f32x16 change = weight * (load(ds.at(row, j)) - broadcast(delta));
    store(p.at(row, j), weight);
    store(ds.at(row, j), change * broadcast(scale));
  }
}

// out[j, :] (+)= sum over queries i of w[i, j] x[i, :], i ascending, for queries first .. first + n - 1 (rows
// 0 .. n - 1 of w and x) and the keys that they see. A key's chain begins with the query at its own position.
void sum_queries(Weights w, int64_t first, int64_t n, const float* x, int64_t ldx, int64_t D, float* out, int64_t ldo) {
  for (int64_t j = 0; j < first;) {
    const int64_t rows = least(least(kTileRows, first - j), kStripBlock - j % kStripBlock);
    with_rows<kTileRows>(
        rows, [&](auto r) { add_products<r>(w.at(0, j), 1, kStripStep, x, ldx, n, D, false, out + j * ldo, ldo); });
    j += rows;
  }
  for (int64_t i = 0; i < n; ++i) {
    const int64_t j = first + i;
    add_products<1>(w.at(i, j), 1, kStripStep, x + i * ldx, ldx, n - i, D, true, out + j * ldo, ldo);
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
  if (n == 16) return transpose_rows<16>(k, ld, n, D, to);
  for (int64_t j = 0; j < n; ++j) transpose_key(k + j * ld, D, to + j);
}

template <class E>
void put_tokens(const float* k, const float* v, int64_t ld, int64_t first, int64_t n, Blocks<E> to) {
  for (int64_t j = first; j < first + n;) {
    const int64_t stop = least(first + n, (j / 16 + 1) * 16), row = j - first;
    put_group(k + row * ld, ld, stop - j, to.D, to.keys(j / 16) + j % 16);
    for (; j < stop; ++j) {
      const float* from = v + (j - first) * ld;
      for (int64_t i = 0; i < to.D; i += 16) store_numbers(to.values(j) + i, load_first(from + i, least(16, to.D - i)));
    }
  }
}

template <class E>
void attend(const float* q, int64_t ldq, int64_t n, int64_t first, Blocks<E> kv, int64_t D, float scale, float* out,
            int64_t ldo, float* stats, float* scratch) {
  const Weights w = {scratch + transposed_size(D), kTileRows};
  for (int64_t i = 0; i < n; i += kTileRows) {
    const int64_t rows = least(kTileRows, n - i), position = first + i;
    score(q + i * ldq, ldq, rows, kv, (position + rows - 1) / 16 + 1, D, scale, w, 0, scratch);
    float sums[kTileRows];
    for (int64_t r = 0; r < rows; ++r) {
      float most;
      exponentiate(w, r, position + r, &most, &sums[r]);
      if (stats != nullptr) stats[2 * (i + r)] = most, stats[2 * (i + r) + 1] = sums[r];
    }
    sum_keys(w, 0, rows, position, kv, D, out + i * ldo, ldo);
    for (int64_t r = 0; r < rows; ++r) divide(out + (i + r) * ldo, D, sums[r]);
  }
}

}  // namespace

void put_keys(const float* k, int64_t ld, int64_t n, int64_t D, float* kt) {
  for (int64_t j = 0; j < n; j += 16) put_group(k + j * ld, ld, least(16, n - j), D, kt + j * D);
}

int64_t kv_block_size(int64_t D) { return kKvBlock * (D + ceiling(D, 16) * 16); }

void put_kv(const float* k, const float* v, int64_t ld, int64_t first, int64_t n, int64_t D, KvBlocks to) {
  if (to.bf16) put_tokens(k, v, ld, first, n, Blocks<uint16_t>{to, D});
  else put_tokens(k, v, ld, first, n, Blocks<float>{to, D});
}

int64_t attention_scratch(int64_t T, int64_t D) {
  return transposed_size(D) + 2 * weights_size(kQueries, T) + ceiling(T, 16) * 16 * D;
}

void attention(const float* q, int64_t ldq, int64_t n, int64_t first, KvBlocks kv, int64_t D, float scale, float* out,
               int64_t ldo, float* stats, float* scratch) {
  if (kv.bf16) attend(q, ldq, n, first, Blocks<uint16_t>{kv, D}, D, scale, out, ldo, stats, scratch);
  else attend(q, ldq, n, first, Blocks<float>{kv, D}, D, scale, out, ldo, stats, scratch);
}

void attention_backward(const float* q, const float* k, const float* v, int64_t ldq, const float* kt, const float* out,
                        const float* dout, int64_t ldo, const float* stats, int64_t T, int64_t D, float scale,
                        float* dq, float* dk, float* dv, int64_t ldd, float* scratch) {
  float* transposed = scratch;
  const Weights p = {transposed + transposed_size(D), kQueries}, ds = {p.p + weights_size(kQueries, T), kQueries};
  float* vt = ds.p + weights_size(kQueries, T);
  put_keys(v, ldq, T, D, vt);
  for (int64_t i = 0; i < T; i += kQueries) {
    const int64_t n = least(kQueries, T - i);
    for (int64_t r = 0; r < n; r += kTileRows) {
      const int64_t rows = least(kTileRows, n - r), groups = (i + r + rows - 1) / 16 + 1;
      score(q + (i + r) * ldq, ldq, rows, TransposedKeys{kt, D}, groups, D, scale, p, r, transposed);
      score(dout + (i + r) * ldo, ldo, rows, TransposedKeys{vt, D}, groups, D, 1, ds, r, transposed);
    }
    for (int64_t r = 0; r < n; ++r) {
      const float delta = dot_of(dout + (i + r) * ldo, out + (i + r) * ldo, D);
      differentiate(p, ds, r, i + r, stats + 2 * (i + r), delta, scale);
    }
    for (int64_t r = 0; r < n; r += kTileRows) {
      sum_keys(ds, r, least(kTileRows, n - r), i + r, Rows{k, ldq}, D, dq + (i + r) * ldd, ldd);
    }
    sum_queries(ds, i, n, q + i * ldq, ldq, D, dk, ldd);
    sum_queries(p, i, n, dout + i * ldo, ldo, D, dv, ldd);
  }
}

}  // namespace nudge::NUDGE_LEVEL
