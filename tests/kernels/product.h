// A matrix product as tests ask for it, in both arithmetics, and its definition.
#pragma once

#include <algorithm>

#include "tests/kernels/bf16_tools.h"
#include "tests/kernels/row_tools.h"

namespace nudge::test {

using std::int64_t;

inline std::size_t at(int64_t i) { return static_cast<std::size_t>(i); }
inline int64_t panels_of(int64_t N) { return (N + 31) / 32; }

// C (+)= A B (+ bias) (+ residual) with A[M,K] and B[K,N] row-major; how it is asked for is in the fields.
struct Product {
  int64_t M, N, K;
  Floats a, b, bias, c;  // bias and c may be empty: none, and from zero
  Floats residual;       // may be empty
  enum class Then { kNothing, kActivate, kActivateInPlace, kBackward } then = Then::kNothing;
  Floats slope_at;          // of kBackward, which is in place
  bool transposed = false;  // hand A over as its transpose
  bool bf16 = false;        // factors rounded, the tile's arithmetic
  bool copied = false;      // with bf16: A is copied once, beforehand, and a call gets `row_split` of its strips
  int64_t k_split = 0;      // of which so many k at a time
  int shift = 0;            // floats off a cache line
  int64_t row_split = 0, panel_split = 0;  // more than one call

  Product(int64_t m, int64_t n, int64_t k) : M(m), N(n), K(k), a(normals(m * k, 31)), b(normals(k * n, 32)) {}

  // Scalar chains, which are the definitions.
  float chain(int64_t m, int64_t n, int64_t begin, int64_t end, int64_t step, float sum) const {
    for (int64_t k = begin; k < end; k += step) sum = std::fma(a[at(m * K + k)], b[at(k * N + n)], sum);
    return sum;
  }
  // Of factors that are bf16 numbers already.
  float tile_chain(int64_t m, int64_t n, float sum) const {
    for (int64_t k = 0; k < K; k += 32) {
      const int64_t end = std::min(K, k + 32);
      float even = chain(m, n, k, end, 2, 0.0f), odd = chain(m, n, k + 1, end, 2, 0.0f);
      // The block is filled up with zeros, which make 0 of a -0 that was left by a flushed number.
      if (k + 31 >= K) even = std::fma(0.0f, 0.0f, even), odd = std::fma(0.0f, 0.0f, odd);
      sum += even + odd;
    }
    return sum;
  }
  Product rounded() const {
    Product r = *this;
    r.bf16 = true;
    for (Floats* x : {&r.a, &r.b})
      for (float& f : *x) f = nearest_bf16(f);
    return r;
  }
  Floats by_definition() const {
    Floats y(at(M * N));
    for (int64_t m = 0; m < M; ++m) {
      for (int64_t n = 0; n < N; ++n) {
        float sum = c.empty() ? 0 : c[at(m * N + n)];
        sum = bf16 ? tile_chain(m, n, sum) : chain(m, n, 0, K, 1, sum);
        y[at(m * N + n)] = bias.empty() ? sum : sum + bias[at(n)];
        if (!residual.empty()) y[at(m * N + n)] += residual[at(m * N + n)];
      }
    }
    return y;
  }
  // What is to become of that.
  Floats ended(const Kernels& k, Floats y) const {
    const int64_t n = std::ssize(y);
    if (then == Then::kBackward) k.gelu_erf_backward(slope_at.data(), y.data(), y.data(), n);
    else if (then != Then::kNothing) k.gelu_tanh(y.data(), y.data(), n);
    return y;
  }

  // C, or what is active of it.
  Floats run(const Kernels& k) const {
    const int64_t lda = transposed ? M + 5 : K + 5, ldc = N + 3;
    Guarded left((transposed ? K : M) * lda, shift), out(M * ldc, shift + 1), scratch(k.gemm_scratch, shift);
    Guarded added(M * ldc, shift + 2), slope(M * ldc, shift + 3), other(M * ldc, shift + 4);
    const auto fill = [&](Guarded& to, const Floats& from) {
      for (int64_t i = 0; i < std::ssize(from); ++i) to.data()[i / N * ldc + i % N] = from[at(i)];
    };
    fill(out, c), fill(added, residual), fill(slope, slope_at);
    Guarded& active = then == Then::kActivate ? other : out;
    Epilogue epilogue{.bias = bias.empty() ? nullptr : bias.data(),
                      .residual = residual.empty() ? nullptr : added.data()};
    if (then == Then::kBackward) epilogue.activation_backward = k.gelu_erf_backward, epilogue.slope_at = slope.data();
    else if (then != Then::kNothing) epilogue.activation = k.gelu_tanh;
    for (int64_t m = 0; m < M; ++m)
      for (int64_t i = 0; i < K; ++i) left.data()[transposed ? i * lda + m : m * lda + i] = a[at(m * K + i)];
    Guarded packed(bf16 ? (k.packed_size_bf16(K, N) + 1) / 2 : k.packed_size(K, N), shift + 2);
    auto* numbers = reinterpret_cast<std::uint16_t*>(packed.data());
    if (bf16) k.pack_bf16(b.data(), N, 1, K, N, 0, panels_of(N), numbers);
    else k.pack(b.data(), N, 1, K, N, 0, panels_of(N), packed.data());
    const auto multiply = [&](auto gemm, const auto* panels_of_b, int64_t m, int64_t p, int64_t rows, int64_t panels) {
      Epilogue e = epilogue;
      if (e.residual != nullptr) e.residual += m * ldc;
      if (e.slope_at != nullptr) e.slope_at += m * ldc;
      e.active = active.data() + m * ldc;
      gemm(left.data() + m * (transposed ? 1 : lda), transposed ? 1 : lda, transposed ? lda : 1, panels_of_b, e,
           out.data() + m * ldc, ldc, std::min(rows, M - m), N, K, p, std::min(p + panels, panels_of(N)), !c.empty(),
           {scratch.data(), p > 0});
    };
    const auto multiply_left = [&](const LeftKernels& kernels, const std::uint16_t* panels_of_b) {
      const int64_t strips = kernels.strips(M), part = row_split > 0 ? row_split : strips;
      const int64_t panels = panel_split > 0 ? panel_split : panels_of(N), ks = k_split > 0 ? k_split : K;
      Guarded copy(kernels.size(M, K), shift);
      for (int64_t s = 0; s < strips; s += part) {
        const int64_t end = std::min(s + part, strips);
        for (int64_t i = 0; i < K; i += ks)
          kernels.copy(left.data() + i * (transposed ? lda : 1), transposed ? 1 : lda, transposed ? lda : 1, M,
                       std::min(ks, K - i), s, end, i, K, copy.data());
      }
      epilogue.active = active.data();
      for (int64_t s = 0; s < strips; s += part)
        for (int64_t p = 0; p < panels_of(N); p += panels)
          kernels.gemm({copy.data(), transposed, M, K, s, std::min(s + part, strips)}, panels_of_b, epilogue,
                       out.data(), ldc, N, p, std::min(p + panels, panels_of(N)), !c.empty(), scratch.data());
      CHECK(copy.intact());
    };
    const Floats before = active.values();
    const int64_t rows = row_split > 0 ? row_split : std::max<int64_t>(M, 1);
    const int64_t panels = panel_split > 0 ? panel_split : panels_of(N);
    if (copied) multiply_left(k.left_bf16, numbers);
    for (int64_t m = 0; m < M && !copied; m += rows) {
      for (int64_t p = 0; p < panels_of(N); p += panels) {
        if (bf16) multiply(k.gemm_bf16, numbers, m, p, rows, panels);
        else multiply(k.gemm, packed.data(), m, p, rows, panels);
      }
    }
    for (const Guarded* g : {&left, &packed, &scratch, &out, &added, &slope, &other}) CHECK(g->intact());
    Floats y(at(M * N));
    const Floats after = active.values();
    for (int64_t m = 0; m < M; ++m) {
      std::copy_n(after.begin() + m * ldc, N, y.begin() + m * N);
      for (int64_t n = N; n < ldc; ++n) CHECK(same_bits(after[at(m * ldc + n)], before[at(m * ldc + n)]));
    }
    return y;
  }
};

}  // namespace nudge::test
namespace nudge::emulated {
GemmBf16 gemm_bf16;
extern const LeftKernels left_bf16;
}  // namespace nudge::emulated
namespace nudge::emulated_dot {
bool instructions_are_known();
bool others_are_found_out();
PackBf16 pack_bf16;
PackTransposeBf16 pack_transpose_bf16;
GemmBf16 gemm_bf16;
extern const LeftKernels left_bf16;
}  // namespace nudge::emulated_dot
namespace nudge::test {

// The levels at hand, and amx and v4bf16 with their instructions computed in software.
inline std::vector<const Kernels*> product_levels() {
  const Kernels& least = *levels().front();
  const auto least_with = [&](const char* name, PackBf16* pack, PackTransposeBf16* pack_transpose, GemmBf16* gemm,
                              const LeftKernels& left) {
    Kernels k = least;
    k.name = name;
    k.pack_bf16 = pack, k.pack_transpose_bf16 = pack_transpose, k.gemm_bf16 = gemm, k.left_bf16 = left;
    return k;
  };
  static const Kernels tiles =
      least_with("amx, emulated", least.pack_bf16, least.pack_transpose_bf16, emulated::gemm_bf16, emulated::left_bf16);
  static const Kernels dots = least_with("v4bf16, emulated", emulated_dot::pack_bf16, emulated_dot::pack_transpose_bf16,
                                         emulated_dot::gemm_bf16, emulated_dot::left_bf16);
  std::vector<const Kernels*> all = levels();
  all.push_back(&tiles);
  all.push_back(&dots);
  return all;
}

// Passes tiles, panels and blocks of k at least twice and ends oddly.
inline Product big() { return Product(61, 101, 777); }

inline Floats all_levels_of(const Product& p) {
  Floats first;
  for (const Kernels* k : product_levels()) {
    INFO("level ", k->name);
    const Floats y = p.run(*k);
    if (first.empty()) first = y;
    CHECK(same_bits(y, first));
  }
  return first;
}

}  // namespace nudge::test
