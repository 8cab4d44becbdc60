// Kernels dealt to threads. Each item of a parallel loop owns its outputs, so the bits are those of one thread.
// Matrices are row-major and dense unless a distance is given. Any number of threads may call these at once, each with
// outputs and scratch of its own.
#pragma once

#include <cstdint>

#include <span>
#include <type_traits>

#include "lib/base/buffer.h"
#include "lib/base/dtype.h"
#include "lib/kernels/kernels.h"

namespace nudge {

// A matrix B[K, N] in panels, for products in the arithmetic of dtype at the level that packed it: each has a bf16 form
// of its own.
struct Packed {
  std::int64_t K = 0, N = 0;
  Dtype dtype = Dtype::kF32;
  const Kernels* level = nullptr;
  Buffer<float> panels;
  Buffer<std::uint16_t> bf16_panels;

  // Whether the current level can multiply by it.
  bool usable() const { return level == &kernels(); }
};

// An adapter's two matrices: A as [in, rank], and scale B by blocks, [rank, out].
struct LowRankPacked {
  Packed a, b;
};

// Scratch of the products, reused because the same few shapes come again and again. It belongs to the caller: one
// product at a time.
struct ProductScratch {
  Packed matrix;               // a matrix packed for this product alone
  LowRankPacked low_matrices;  // an adapter's, likewise
  Buffer<float> panels;
  Buffer<std::uint16_t> bf16_panels;
  Buffer<float> low, low_gradient, delta;  // of an adapter: [T, rank], [T, rank], [T, N] or [T, K]

  template <class Number>
  Buffer<Number>& panels_of() {
    if constexpr (std::is_same_v<Number, float>) return panels;
    else return bf16_panels;
  }
};

// Packs B[k, n] = b[k * row + n * column].
void pack(const float* b, std::int64_t row, std::int64_t column, std::int64_t K, std::int64_t N, Dtype dtype,
          Packed& packed);

// y[T, N] = x[T, K] B, then the epilogue. B must be usable.
void multiply(const float* x, std::int64_t T, const Packed& B, const Epilogue& epilogue, float* y);

// dx[T, K] = dy[T, N] B^T from the same panels, then the epilogue.
void multiply_transpose(const float* dy, std::int64_t T, const Packed& B, const Epilogue& epilogue,
                        ProductScratch& scratch, float* dx);

// The gradient of a product's matrix: each element is one chain over the rows.
struct MatrixGradient {
  std::int64_t K, N;
  Dtype dtype;
  bool begins;  // the chain starts from 0 and overwrites what `sum` holds, else it continues from that
  float* sum;   // [K, N]
  std::int64_t x_row = 0, y_row = 0;  // the distance of two rows of x and of y; 0: K and N
};
// g.sum += x[T, K]^T y[T, N]. Sequence b has rows begin[b] .. begin[b + 1] - 1; T is begin.back(). In bf16 each sequence
// starts a block of 32 rows.
void accumulate_outer(const float* x, const float* y, std::span<const std::int64_t> begin, const MatrixGradient& g,
                      ProductScratch& scratch);
// sum[N] += the rows of y[T, N], one after the other.
void accumulate_rows(const float* y, std::int64_t T, std::int64_t N, float* sum);

// A norm over C channels: layer norm, or RMS norm where bias is null (docs/mathematics.md, 15).
struct Norm {
  std::int64_t C;
  float eps;
  const float* weight;    // [C]
  const float* bias;      // [C]
  bool plus_one = false;  // RMS norm weighs by 1 + weight
};
// What the backward needs of T rows; mean is not read for RMS norm.
struct NormStats {
  const float *mean, *rstd;  // [T]
};
struct NormGradient {
  float *weight, *bias;  // [C]; both null where the norm is frozen
};
// y[T, C] of x[T, C]; mean is not written for RMS norm.
void norm(const float* x, std::int64_t T, const Norm& n, float* y, float* mean, float* rstd);
// dx += the gradient by x, g += those by the parameters.
void norm_backward(const float* dy, const float* x, std::int64_t T, const Norm& n, NormStats stats, float* dx,
                   NormGradient g);

// An activation's kernels: it and its backward, and where there is a kernel for it the gated product of both.
struct ActivationKernels {
  void (*forward)(const float* x, float* y, std::int64_t n);
  void (*backward)(const float* x, const float* dy, float* dx, std::int64_t n);
  void (*gate)(const float* g, const float* u, float* y, std::int64_t n) = nullptr;
  void (*gate_backward)(const float* g, const float* u, const float* dy, float* dg, float* du,
                        std::int64_t n) = nullptr;
};
// The gated product of T rows [gate | up] of 2F (docs/mathematics.md, 15): y[T, F] = activation(gate) up, and its
// backward into rows of the same form.
void gate(const ActivationKernels& activation, const float* gate_up, std::int64_t T, std::int64_t F, float* y);
void gate_backward(const ActivationKernels& activation, const float* gate_up, const float* dy, std::int64_t T,
                   std::int64_t F, float* dgate_up);

// x[T, C] *= s
void scale_rows(float s, std::int64_t T, std::int64_t C, float* x);

// Rows of a matrix of C columns by number: to[i] = from[rows[i]]; scatter writes to[rows[i]] = from[i].
void gather_rows(const float* from, const std::int64_t* rows, std::int64_t n, std::int64_t C, float* to);
void scatter_rows(const float* from, const std::int64_t* rows, std::int64_t n, std::int64_t C, float* to);

}  // namespace nudge
