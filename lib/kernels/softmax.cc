// The softmax of one row of logits: what is needed of it, its gradients, and divergences of two rows.
#include "lib/kernels/level.h"
#include "lib/kernels/vector_math.h"

namespace nudge::NUDGE_LEVEL {
namespace {

constexpr float kInfinity = __builtin_inff();

// One read from memory serves two passes: a block (4 KiB) is read for its maximum and, out of the first
// cache, again for its sums. Blocks are counted from the row's start.
constexpr int64_t kBlock = 1024;
// The sums' vectors are taken so many at a time, as registers hold, and what is read next is fetched ahead by so many
// floats: what measured best, sums and reading together.
#if defined(__AVX512F__)
constexpr int kTogether = 5;
#else
constexpr int kTogether = 2;
#endif
constexpr int64_t kAhead = 3 * kBlock;

// A row of z = logit / temperature.
struct Row {
  const float* logits;
  float temperature;
};

// Logits at i, i + 1, ...; lanes beyond the row are -infinity, which has probability 0.
NUDGE_INLINE f32x16 logits_at(Row row, int64_t i, int64_t lanes) {
  if (lanes == kLanes) return load(row.logits + i);
  return select(first(lanes), load_first(row.logits + i, lanes), broadcast(-kInfinity));
}

NUDGE_INLINE f32x16 z_at(Row row, int64_t i, int64_t lanes) {
  const f32x16 l = logits_at(row, i, lanes);
  return row.temperature == 1.0f ? l : l / broadcast(row.temperature);
}

// Calls step(i, lanes) for the vectors of [begin, end): whole ones in a loop that knows it, then what is left.
template <class Step>
NUDGE_INLINE void each_vector(int64_t begin, int64_t end, Step&& step) {
  for (; begin + kLanes <= end; begin += kLanes) step(begin, kLanes);
  if (begin < end) step(begin, end - begin);
}

// Running sums over the row, relative to the maximum so far.
struct Sums {
  float max = -kInfinity;
  f32x16 weight = broadcast(0.0f);  // of exp(z - max)
  f32x16 moment = broadcast(0.0f);  // of exp(z - max) (z - max)
};

// The maximum of z. A division's rounding keeps order, so one of the largest logit is enough.
NUDGE_INLINE float block_max(Row row, int64_t begin, int64_t end) {
  f32x16 m = broadcast(-kInfinity);
  each_vector(begin, end, [&](int64_t i, int64_t lanes) NUDGE_LAMBDA { m = max(m, logits_at(row, i, lanes)); });
  return quotient_of(max_lanes(m), row.temperature);
}

// Takes the sums over to a new maximum: exp(z - max) shrinks by exp(max - new) and z - max by the distance.
NUDGE_INLINE void raise(Sums& s, float new_max) {
  if (s.max > -kInfinity) {
    const f32x16 distance = broadcast(s.max - new_max), factor = exp(distance);
    s.moment = factor * fma(max(broadcast(kExpZero), distance), s.weight, s.moment);
    s.weight = factor * s.weight;
  }
  s.max = new_max;
}

// Adds a block's terms. With `look_ahead` the next block is whole, and its maximum is returned: read beside the sums,
// whose arithmetic hides that it comes from memory.
template <bool look_ahead>
NUDGE_INLINE float add_block(Sums& s, Row row, int64_t begin, int64_t end) {
  const f32x16 top = broadcast(s.max > -kInfinity ? s.max : 0.0f);
  f32x16 weight = broadcast(0.0f), moment = weight, next = broadcast(-kInfinity);
  const auto add = [&](auto vectors, int64_t i, int64_t lanes) NUDGE_LAMBDA {
    constexpr int N = vectors;
    if constexpr (look_ahead) {
      each<N>([&](auto v) NUDGE_LAMBDA { fetch(row.logits + i + v * kLanes + kAhead); });
      each<N>([&](auto v) NUDGE_LAMBDA { next = max(next, load(row.logits + i + v * kLanes + kBlock)); });
    }
    f32x16 t[N], e[N];
    each<N>([&](auto v) NUDGE_LAMBDA {
      // Bounded where exp is 0, so that -infinity gives 0 * -104 in the moment and not NaN.
      t[v] = e[v] = max(broadcast(kExpZero), z_at(row, i + v * kLanes, lanes) - top);
    });
    exp_within(e);
    each<N>([&](auto v) NUDGE_LAMBDA { weight = weight + e[v]; });
    each<N>([&](auto v) NUDGE_LAMBDA { moment = fma(e[v], t[v], moment); });
  };
  int64_t i = begin;
  for (; i + kTogether * kLanes <= end; i += kTogether * kLanes) add(Index<kTogether>(), i, kLanes);
  each_vector(i, end, [&](int64_t at, int64_t lanes) NUDGE_LAMBDA { add(Index<1>(), at, lanes); });
  s.weight = s.weight + weight;
  s.moment = s.moment + moment;
  return quotient_of(max_lanes(next), row.temperature);
}

// log p, at least kExpZero, where p is 0 anyway, and at most 0 but for a rounding.
NUDGE_INLINE f32x16 log_probability(f32x16 z, const RowStats& s) {
  return max(broadcast(kExpZero), z - broadcast(s.max) - broadcast(s.log_sum));
}

// The slope of cap tanh(x / cap) where that is l.
NUDGE_INLINE f32x16 cap_slope(f32x16 l, float cap) {
  const f32x16 t = l / broadcast(cap);
  return fnma(t, t, broadcast(1.0f));
}

// exp(-d) - 1 + d for |d| < 1/4, by Taylor's series; the next term is below 2e-8 of the result.
NUDGE_INLINE f32x16 exp_remainder(f32x16 d) {
  f32x16 p = broadcast(1.0f / 40320);
  p = fnma(p, d, broadcast(1.0f / 5040));
  p = fnma(p, d, broadcast(1.0f / 720));
  p = fnma(p, d, broadcast(1.0f / 120));
  p = fnma(p, d, broadcast(1.0f / 24));
  p = fnma(p, d, broadcast(1.0f / 6));
  p = fnma(p, d, broadcast(0.5f));
  return p * d * d;
}

}  // namespace

void row_stats(const float* logits, int64_t V, float temperature, int32_t chosen, RowStats* out) {
  const Row row = {logits, temperature};
  Sums s;
  int64_t begin = 0;
  float top = block_max(row, 0, V < kBlock ? V : kBlock);
  for (; begin + 2 * kBlock <= V; begin += kBlock) {
    if (top > s.max) raise(s, top);
    top = add_block<true>(s, row, begin, begin + kBlock);
  }
  for (; begin < V; begin += kBlock) {  // the last whole block and what is left
    const int64_t end = begin + kBlock < V ? begin + kBlock : V;
    if (top > s.max) raise(s, top);
    add_block<false>(s, row, begin, end);
    if (end < V) top = block_max(row, end, end + kBlock < V ? end + kBlock : V);
  }
  const float sum = sum_lanes(s.weight), moment = sum_lanes(s.moment);
  if (!(sum > 0.0f)) {  // NaN, from a NaN or +infinity in the row, or no token is possible
    const float nan = __builtin_nanf("");
    *out = {nan, nan, nan, nan};
    return;
  }
  const float log_sum = first_lane(log(broadcast(sum)));
  const float z = chosen < 0 ? 0.0f : first_lane(z_at(row, chosen, 1));
  *out = {s.max, log_sum, chosen < 0 ? 0.0f : z - s.max - log_sum, log_sum - quotient_of(moment, sum)};
}

void row_backward(const float* logits, int64_t V, float temperature, const RowStats* stats, int32_t chosen,
                  RowGradient g, OtherRow old, OtherRow ref, float* dlogits) {
  const Row row = {logits, temperature}, old_row = {old.logits, temperature}, ref_row = {ref.logits, temperature};
  const RowStats s = *stats;
  const float inverse = 1.0f / temperature;
  const bool with_old = g.kl_old != 0.0f, with_ref = g.kl_ref != 0.0f, capped = g.cap != 0.0f;
  // dlogits may overwrite the logits: this is read first.
  const bool possible = chosen >= 0 && logits[chosen] > -kInfinity;
  const float slope = possible && capped ? first_lane(cap_slope(broadcast(logits[chosen]), g.cap)) : 1.0f;
  const auto gradient = [&](int64_t i, int64_t lanes) NUDGE_LAMBDA {
    fetch(logits + i + kBlock);
    const f32x16 z = z_at(row, i, lanes), log_p = log_probability(z, s), p = exp_within(log_p);
    // d log p[chosen] / dz = 1[chosen] - p, dH/dz = -p (log p + H), dKL(old || p)/dz = p - p_old,
    // dKL(p || ref)/dz = p (log p - log p_ref - KL).
    f32x16 weight = fma(broadcast(g.entropy), log_p + broadcast(s.entropy), broadcast(g.logprob));
    f32x16 d = negate(p * weight);
    if (with_old) d = fma(broadcast(g.kl_old), p - exp_within(log_probability(z_at(old_row, i, lanes), *old.stats)), d);
    if (with_ref) {
      const f32x16 log_ref = log_probability(z_at(ref_row, i, lanes), *ref.stats);
      d = fma(broadcast(g.kl_ref) * p, log_p - log_ref - broadcast(ref.kl), d);
    }
    if (capped) d = d * cap_slope(logits_at(row, i, lanes), g.cap);
    return select(z == broadcast(-kInfinity), broadcast(0.0f), d * broadcast(inverse));
  };
  int64_t i = 0;
  if (dlogits == logits) {
    for (; i + kLanes <= V; i += kLanes) store(dlogits + i, gradient(i, kLanes));
  } else {
    // Elsewhere the gradient goes past the caches, from the first whole line on: its lines need not be read first.
    const int64_t before = lanes_to_line(dlogits), lead = before < V ? before : V;
    if (lead > 0) store_first(dlogits, gradient(0, lead), lead);
    for (i = lead; i + kLanes <= V; i += kLanes) stream(dlogits + i, gradient(i, kLanes));
    finish_streams();
  }
  if (i < V) store_first(dlogits + i, gradient(i, V - i), V - i);
  if (possible) dlogits[chosen] += product_of(product_of(g.logprob, inverse), slope);
}

// Summed as p log(p/q) - p + q, which has the same sum because p and q add to 1. Each term is at least 0,
// and a rounding of the rows' log sums enters only in second order, so that a divergence far below
// the unit of the log-probabilities keeps its digits.
float row_kl(const float* p_logits, const RowStats* p, const float* q_logits, const RowStats* q, int64_t V,
             float temperature) {
  const Row p_row = {p_logits, temperature}, q_row = {q_logits, temperature};
  const f32x16 zero = broadcast(0.0f);
  f32x16 total = zero;
  for (int64_t begin = 0; begin < V; begin += kBlock) {
    const int64_t end = begin + kBlock < V ? begin + kBlock : V;
    f32x16 sum = zero;
    each_vector(begin, end, [&](int64_t i, int64_t lanes) NUDGE_LAMBDA {
      const f32x16 log_p = log_probability(z_at(p_row, i, lanes), *p);
      const f32x16 z = z_at(q_row, i, lanes), log_q = z - broadcast(q->max) - broadcast(q->log_sum);
      const f32x16 d = log_p - log_q, weight = exp_within(log_p), other = exp(log_q);
      const f32x16 near = weight * exp_remainder(d), far = select(weight == zero, zero, weight * d) + (other - weight);
      sum = sum + select(abs(d) < broadcast(0.25f), near, far);
    });
    total = total + sum;
  }
  return sum_lanes(total);
}

}  // namespace nudge::NUDGE_LEVEL
