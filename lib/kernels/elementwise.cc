// y = f(x), element by element; each result depends on its own element alone.
#include "lib/kernels/level.h"
#include "lib/kernels/vector_math.h"

namespace nudge::NUDGE_LEVEL {
namespace {

template <class F>
NUDGE_INLINE void map(const float* x, float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  if (i < n) store_first(y + i, f(load_first(x + i, n - i)), n - i);
}

template <class F>
NUDGE_INLINE void map2(const float* a, const float* b, float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(a + i), load(b + i)));
  if (i < n) store_first(y + i, f(load_first(a + i, n - i), load_first(b + i, n - i)), n - i);
}

constexpr float kCube = 0.044715f;
constexpr float kTwiceSqrt2OverPi = 1.59576912f;

// 2 sqrt(2/pi) (x + 0.044715 x^3): GELU's tanh form is x (1 + tanh(u)) / 2 = x sigmoid(2u), and the
// sigmoid keeps its relative accuracy where 1 + tanh(u) cancels.
NUDGE_INLINE f32x16 gelu_argument(f32x16 x) {
  return broadcast(kTwiceSqrt2OverPi) * fma(broadcast(kCube) * x * x, x, x);
}

NUDGE_INLINE f32x16 gelu_tanh_derivative(f32x16 x) {
  const f32x16 u = gelu_argument(x), one = broadcast(1.0f);
  const f32x16 e = exp(negate(abs(u))), d = one / (one + e);
  const f32x16 s = select(u < broadcast(0.0f), e, one) * d;
  // Beyond 100 the sigmoid is flat and its slope 0; the bound keeps infinity away from that 0.
  const f32x16 a = with_sign(min(broadcast(100.0f), abs(x)), x);
  const f32x16 slope = broadcast(kTwiceSqrt2OverPi) * fma(broadcast(3.0f * kCube) * a, a, one);
  return fma(a * slope, e * d * d, s);
}

// (1 + erf(x / sqrt 2)) / 2, the normal distribution function.
NUDGE_INLINE f32x16 normal_cdf(f32x16 x) {
  const f32x16 half = broadcast(0.5f);
  return fma(half, erf(x * broadcast(0.707106781f)), half);
}

NUDGE_INLINE f32x16 gelu_erf_derivative(f32x16 x) {
  const f32x16 a = min(broadcast(100.0f), abs(x));  // beyond, the density is 0 and x times it too
  const f32x16 density = broadcast(0.398942280f) * exp(broadcast(-0.5f) * a * a);
  return fma(with_sign(a, x), density, normal_cdf(x));
}

struct Silu {
  f32x16 value, slope;
};
NUDGE_INLINE Silu silu_and_slope(f32x16 x) {
  const f32x16 one = broadcast(1.0f), e = exp(negate(abs(x))), d = one / (one + e);
  const f32x16 s = select(x < broadcast(0.0f), e, one) * d;
  const f32x16 a = with_sign(min(broadcast(100.0f), abs(x)), x);  // beyond, the sigmoid is flat, as in GELU's
  return {x * s, fma(a, e * d * d, s)};
}

}  // namespace

void exp(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return exp(a); });
}
void log(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return log(a); });
}
void tanh(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return tanh(a); });
}
void erf(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return erf(a); });
}
void sigmoid(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return sigmoid(a); });
}
void log_sigmoid(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return log_sigmoid(a); });
}

void add(const float* x, float* y, int64_t n) {
  map2(x, y, y, n, [](f32x16 a, f32x16 b) { return b + a; });
}

void scale(float s, float* y, int64_t n) {
  map(y, y, n, [s](f32x16 a) { return a * broadcast(s); });
}

void add_scaled(float s, const float* x, float* y, int64_t n) {
  map2(x, y, y, n, [s](f32x16 a, f32x16 b) { return fma(broadcast(s), a, b); });
}

void multiply(const float* a, const float* b, float* y, int64_t n) {
  map2(a, b, y, n, [](f32x16 u, f32x16 v) { return u * v; });
}

void soft_cap(float cap, float* x, int64_t n) {
  map(x, x, n, [cap](f32x16 a) { return broadcast(cap) * tanh(a / broadcast(cap)); });
}

void round_to_bf16(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return round_to_bf16(a); });
}

void gelu_tanh(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return a * sigmoid(gelu_argument(a)); });
}
void gelu_tanh_backward(const float* x, const float* dy, float* dx, int64_t n) {
  map2(x, dy, dx, n, [](f32x16 a, f32x16 d) { return d * gelu_tanh_derivative(a); });
}

void gelu_erf(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return a * normal_cdf(a); });
}
void gelu_erf_backward(const float* x, const float* dy, float* dx, int64_t n) {
  map2(x, dy, dx, n, [](f32x16 a, f32x16 d) { return d * gelu_erf_derivative(a); });
}

// A NaN stays one.
void relu(const float* x, float* y, int64_t n) {
  map(x, y, n, [](f32x16 a) { return select(a <= broadcast(0.0f), broadcast(0.0f), a); });
}
void relu_backward(const float* x, const float* dy, float* dx, int64_t n) {
  map2(x, dy, dx, n, [](f32x16 a, f32x16 d) { return select(a <= broadcast(0.0f), broadcast(0.0f), d); });
}

void silu_gate(const float* g, const float* u, float* y, int64_t n) {
  map2(g, u, y, n, [](f32x16 a, f32x16 b) { return a * sigmoid(a) * b; });
}
void silu_gate_backward(const float* g, const float* u, const float* dy, float* dg, float* du, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    const Silu s = silu_and_slope(load_first(g + i, lanes));
    const f32x16 d = load_first(dy + i, lanes), up = load_first(u + i, lanes);
    store_first(dg + i, d * up * s.slope, lanes);
    store_first(du + i, d * s.value, lanes);
  }
}

}  // namespace nudge::NUDGE_LEVEL
