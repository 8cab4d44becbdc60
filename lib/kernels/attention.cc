// Attention of one head, causal, exact: all scores of a query, then its softmax, then its values, for as
// many queries at once as a tile has rows. No running rescale: its factors would depend on where blocks of
// keys end, and one row of scores fits the cache.
#include "lib/kernels/level.h"
#include "lib/kernels/tile.h"
#include "lib/kernels/vector_math.h"

namespace nudge::NUDGE_LEVEL {
namespace {

constexpr int64_t kQueries = 48;  // that the backward pass holds at once: whole tiles at both levels

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

// x[rows, D] with the rows beside each other, kTileRows floats a channel.
void turn_rows(const float* x, int64_t ld, int64_t rows, int64_t D, float* turned) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < D; ++i) turned[i * kTileRows + r] = x[r * ld + i];
  }
}

// w[row + r, key] = scale * (turned row r . key), for the keys of W blocks of 16 from `block` on.
template <int R, int W>
NUDGE_INLINE void score_blocks(const float* turned, const float* kt, int64_t D, float scale, int64_t block, Weights w,
                               int64_t row) {
  Tile<R, W> t;
  clear(t);
  multiply<0>(t, turned, 1, kTileRows, RightFactor{kt + block * 16 * D, 16, 16 * D, 32 * D}, D);
  const f32x16 s = broadcast(scale);
  each_of<R, W>([&](auto r, auto i) NUDGE_LAMBDA { t.at[r][i] = t.at[r][i] * s; });
  store_tile(t, w.at(row, block * 16), kStripStep, 16 * W);
}

// The same for blocks 0 .. blocks - 1 of keys and up to kTileRows rows x[rows, D].
void score(const float* x, int64_t ld, int64_t rows, const float* kt, int64_t blocks, int64_t D, float scale, Weights w,
           int64_t row, float* turned) {
  turn_rows(x, ld, rows, D, turned);
  with_rows<kTileRows>(rows, [&](auto r) {
    constexpr int R = r, W = R == 1 ? 4 : kTileWide;  // one row: several chains hide an FMA's latency
    int64_t block = 0;
    for (; block + W <= blocks; block += W) score_blocks<R, W>(turned, kt, D, scale, block, w, row);
    for (; block < blocks; ++block) score_blocks<R, 1>(turned, kt, D, scale, block, w, row);
  });
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
    multiply<0, whole != 0>(tile, a, row, step, RightFactor{b + n, ldb, 16, 32}, K, D - n);
    store_tile(tile, out + n, ldo, D - n);
  };
  for (; n + 16 * W <= D; n += 16 * W) run(Tile<R, W>(), Index<1>());
  for (; n + 16 <= D; n += 16) run(Tile<R, 1>(), Index<1>());
  if (n < D) run(Tile<R, 1>(), Index<0>());
}

// out[r, :] (+)= sum over keys in [begin, end) of w[row + r, key] b[key, :]; from zero where begin is 0.
template <int R>
void add_keys(Weights w, int64_t row, const float* b, int64_t ldb, int64_t begin, int64_t end, int64_t D, float* out,
              int64_t ldo) {
  for (int64_t j = begin; j < end;) {
    const int64_t stop = least(end, (j / kStripBlock + 1) * kStripBlock);
    add_products<R>(w.at(row, j), kStripStep, 1, b + j * ldb, ldb, stop - j, D, j == 0, out, ldo);
    j = stop;
  }
}

// out[r, :] = the sum over keys 0 .. first + r for `rows` queries: those that all of them see together, then
// each query's own, so that no query touches a key behind its position.
void sum_keys(Weights w, int64_t row, int64_t rows, int64_t first, const float* b, int64_t ldb, int64_t D, float* out,
              int64_t ldo) {
  with_rows<kTileRows>(rows, [&](auto r) { add_keys<r>(w, row, b, ldb, 0, first + 1, D, out, ldo); });
  for (int64_t r = 1; r < rows; ++r) add_keys<1>(w, row + r, b, ldb, first + 1, first + r + 1, D, out + r * ldo, ldo);
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
    with_rows<kTileRows>(rows, [&](auto r) {
      add_products<r>(w.at(0, j), 1, kStripStep, x, ldx, n, D, false, out + j * ldo, ldo);
    });
    j += rows;
  }
  for (int64_t i = 0; i < n; ++i) {
    const int64_t j = first + i;
    add_products<1>(w.at(i, j), 1, kStripStep, x + i * ldx, ldx, n - i, D, true, out + j * ldo, ldo);
  }
}

}  // namespace

void put_keys(const float* k, int64_t ld, int64_t first, int64_t n, int64_t D, float* kt) {
  for (int64_t j = first; j < first + n; ++j) {
    float* to = kt + j / 16 * (16 * D) + j % 16;
    for (int64_t i = 0; i < D; ++i) to[i * 16] = k[(j - first) * ld + i];
  }
}

int64_t attention_scratch(int64_t T, int64_t D) {
  return kTileRows * D + 2 * weights_size(kQueries, T) + ceiling(T, 16) * 16 * D;
}

void attention(const float* q, int64_t ldq, int64_t n, int64_t first, const float* kt, const float* v, int64_t ldv,
               int64_t D, float scale, float* out, int64_t ldo, float* stats, float* scratch) {
  const Weights w = {scratch + kTileRows * D, kTileRows};
  for (int64_t i = 0; i < n; i += kTileRows) {
    const int64_t rows = least(kTileRows, n - i), position = first + i;
    score(q + i * ldq, ldq, rows, kt, (position + rows - 1) / 16 + 1, D, scale, w, 0, scratch);
    float sums[kTileRows];
    for (int64_t r = 0; r < rows; ++r) {
      float most;
      exponentiate(w, r, position + r, &most, &sums[r]);
      if (stats != nullptr) stats[2 * (i + r)] = most, stats[2 * (i + r) + 1] = sums[r];
    }
    sum_keys(w, 0, rows, position, v, ldv, D, out + i * ldo, ldo);
    for (int64_t r = 0; r < rows; ++r) divide(out + (i + r) * ldo, D, sums[r]);
  }
}

void attention_backward(const float* q, const float* k, const float* v, int64_t ldq, const float* kt, const float* out,
                        const float* dout, int64_t ldo, const float* stats, int64_t T, int64_t D, float scale,
                        float* dq, float* dk, float* dv, int64_t ldd, float* scratch) {
  float* turned = scratch;
  const Weights p = {turned + kTileRows * D, kQueries}, ds = {p.p + weights_size(kQueries, T), kQueries};
  float* vt = ds.p + weights_size(kQueries, T);
  put_keys(v, ldq, 0, T, D, vt);
  for (int64_t i = 0; i < T; i += kQueries) {
    const int64_t n = least(kQueries, T - i);
    for (int64_t r = 0; r < n; r += kTileRows) {
      const int64_t rows = least(kTileRows, n - r), blocks = (i + r + rows - 1) / 16 + 1;
      score(q + (i + r) * ldq, ldq, rows, kt, blocks, D, scale, p, r, turned);
      score(dout + (i + r) * ldo, ldo, rows, vt, blocks, D, 1, ds, r, turned);
    }
    for (int64_t r = 0; r < n; ++r) {
      const float delta = dot_of(dout + (i + r) * ldo, out + (i + r) * ldo, D);
      differentiate(p, ds, r, i + r, stats + 2 * (i + r), delta, scale);
    }
    for (int64_t r = 0; r < n; r += kTileRows) {
      sum_keys(ds, r, least(kTileRows, n - r), i + r, k, ldq, D, dq + (i + r) * ldd, ldd);
    }
    sum_queries(ds, i, n, q + i * ldq, ldq, D, dk, ldd);
    sum_queries(p, i, n, dout + i * ldo, ldo, D, dv, ldd);
  }
}

}  // namespace nudge::NUDGE_LEVEL
