// The weights of attention: which keys a query sees, the softmax of its scores over them, and the backward of that.
// Included by attention.cc alone.
#pragma once

#include "lib/kernels/kernels.h"
#include "lib/kernels/tile.h"
#include "lib/kernels/vector_math.h"

namespace nudge::NUDGE_LEVEL {
namespace {

int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t most(int64_t a, int64_t b) { return a < b ? b : a; }
int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Strips (tile.h) of `rows` rows: of the weights of queries for all keys, or of queries themselves, for all channels.
struct Strips {
  float* p;
  int64_t rows;
  float* at(int64_t row, int64_t key) const {
    return p + key / kStripBlock * (rows * kStripStep) + row * kStripStep + key % kStripBlock;
  }
};
int64_t strips_size(int64_t rows, int64_t keys) { return ceiling(keys, kStripBlock) * rows * kStripStep; }

// The first key that the query at a position sees.
int64_t window_begin(int64_t position, int64_t window) { return window > 0 ? most(0, position - window + 1) : 0; }

// The keys [begin, end) that a query sees.
struct Seen {
  int64_t begin, end;
  // Of the vector at key j the lanes of those; the others are `other`.
  NUDGE_LAMBDA f32x16 only(f32x16 x, int64_t j, f32x16 other) const {
    if (j + 16 > end) x = select(first(most(0, end - j)), x, other);
    return j < begin ? select(first(least(16, begin - j)), other, x) : x;
  }
  // All lanes of the vector at j.
  bool has(int64_t j) const { return begin <= j && j + 16 <= end; }
};
Seen seen_from(int64_t position, int64_t window) { return {window_begin(position, window), position + 1}; }

// How many queries' weights are computed beside each other: one's alone wait for each other.
#if defined(__AVX512F__)
constexpr int kTogether = 4;
#else
constexpr int kTogether = 2;
#endif

// f(j) for the vectors of keys that the queries see.
template <class F>
NUDGE_INLINE void each_vector(Seen seen, const F& f) {
  for (int64_t j = seen.begin / 16 * 16; j < seen.end; j += 16) f(j);
}

// exp(score - largest) of N rows' vectors; where a score is none of its query's, any number.
template <int N>
NUDGE_INLINE void weigh(f32x16 (&score)[N], const f32x16 (&largest)[N]) {
  each<N>([&](auto r) NUDGE_LAMBDA { score[r] = max(broadcast(kExpZero), score[r] - largest[r]); });
  exp_within(score);
}

// The rows of scores of N queries at positions from `first` on, capped if there is a cap, become exp(score - max) for the
// keys that each sees; max and sum of the weights.
template <int N>
void exponentiate(Strips w, int64_t row, int64_t first, AttentionForm form, float* max_score, float* sum) {
  const f32x16 lowest = broadcast(-__builtin_inff());
  f32x16 largest[N], total[N];
  Seen seen[N];
  each<N>([&](auto r) NUDGE_LAMBDA { seen[r] = seen_from(first + r, form.window), largest[r] = lowest; });
  const Seen any = {seen[0].begin, seen[N - 1].end}, all = {seen[N - 1].begin, seen[0].end};
  each_vector(any, [&](int64_t j) NUDGE_LAMBDA {
    const bool whole = all.has(j);
    each<N>([&](auto r) NUDGE_LAMBDA {
      float* at = w.at(row + r, j);
      f32x16 s = load(at);
      if (form.cap > 0) store(at, s = broadcast(form.cap) * tanh(s / broadcast(form.cap)));
      largest[r] = max(largest[r], whole ? s : seen[r].only(s, j, lowest));
    });
  });
  each<N>([&](auto r) NUDGE_LAMBDA {
    max_score[r] = max_lanes(largest[r]);
    largest[r] = broadcast(max_score[r]), total[r] = broadcast(0);
  });
  each_vector(any, [&](int64_t j) NUDGE_LAMBDA {
    f32x16 e[N];
    each<N>([&](auto r) NUDGE_LAMBDA { e[r] = load(w.at(row + r, j)); });
    weigh(e, largest);
    const bool whole = all.has(j);
    each<N>([&](auto r) NUDGE_LAMBDA {
      store(w.at(row + r, j), e[r]);
      total[r] = total[r] + (whole ? e[r] : seen[r].only(e[r], j, broadcast(0)));
    });
  });
  each<N>([&](auto r) NUDGE_LAMBDA { sum[r] = sum_lanes(total[r]); });
}

// x[r, :] . y[r, :] of N rows of n numbers, both ld apart.
template <int N>
void dots(const float* x, const float* y, int64_t ld, int64_t n, float* dot) {
  f32x16 sum[N];
  each<N>([&](auto r) NUDGE_LAMBDA { sum[r] = broadcast(0); });
  for (int64_t i = 0; i < n; i += 16) {
    each<N>([&](auto r) NUDGE_LAMBDA {
      const float *a = x + r * ld + i, *b = y + r * ld + i;
      if (i + 16 <= n) sum[r] = fma(load(a), load(b), sum[r]);
      else sum[r] = fma(load_first(a, n - i), load_first(b, n - i), sum[r]);
    });
  }
  each<N>([&](auto r) NUDGE_LAMBDA { dot[r] = sum_lanes(sum[r]); });
}

// Scores and products dout . v of N queries at positions from `first` on become probabilities P and scale * dL/dscore:
// scale P (dP - delta), times 1 - tanh(score / cap)^2 where scores are capped (15); for other keys than each sees, any
// number.
template <int N>
void differentiate(Strips p, Strips ds, int64_t row, int64_t first, const float* stats, const float* delta,
                   AttentionForm form) {
  f32x16 largest[N], sum[N];
  each<N>([&](auto r) NUDGE_LAMBDA { largest[r] = broadcast(stats[2 * r]), sum[r] = broadcast(stats[2 * r + 1]); });
  each_vector({window_begin(first, form.window), first + N}, [&](int64_t j) NUDGE_LAMBDA {
    f32x16 weight[N], slope[N];
    each<N>([&](auto r) NUDGE_LAMBDA {
      weight[r] = load(p.at(row + r, j)), slope[r] = broadcast(form.scale);
      if (form.cap > 0) {
        const f32x16 t = tanh(weight[r] / broadcast(form.cap));
        weight[r] = broadcast(form.cap) * t, slope[r] = slope[r] * fnma(t, t, broadcast(1));
      }
    });
    weigh(weight, largest);
    each<N>([&](auto r) NUDGE_LAMBDA {
      weight[r] = weight[r] / sum[r];
      const f32x16 change = weight[r] * (load(ds.at(row + r, j)) - broadcast(delta[r]));
      store(p.at(row + r, j), weight[r]);
      store(ds.at(row + r, j), change * slope[r]);
    });
  });
}

}  // namespace
}  // namespace nudge::NUDGE_LEVEL
