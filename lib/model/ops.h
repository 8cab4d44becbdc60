// Kernels dealt to threads. Every item of a parallel loop owns its outputs, so the bits are those of one
// thread. Matrices are row-major and dense unless a distance is given.
#pragma once

#include <cstdint>

#include <span>

#include "lib/base/buffer.h"
#include "lib/base/dtype.h"
#include "lib/kernels/kernels.h"

namespace nudge {

// A matrix B[K, N] in panels, for products in the arithmetic of dtype by the level that packed it: in bf16 each has a form
// of its own.
struct Packed {
  std::int64_t K = 0, N = 0;
  Dtype dtype = Dtype::kF32;
  const Kernels* level = nullptr;
  Buffer<float> panels;
  Buffer<std::uint16_t> bf16_panels;

  // Whether the level in use can multiply by it.
  bool usable() const { return level == &kernels(); }
};

// Packs B[k, n] = b[k * row + n * column].
void pack(const float* b, std::int64_t row, std::int64_t column, std::int64_t K, std::int64_t N, Dtype dtype,
          Packed& packed);

// y[T, N] = x[T, K] B, which is usable, and what the epilogue makes of it.
void multiply(const float* x, std::int64_t T, const Packed& B, const Epilogue& epilogue, float* y);

// dx[T, K] = dy[T, N] B^T, from the same panels, likewise.
void multiply_transpose(const float* dy, std::int64_t T, const Packed& B, const Epilogue& epilogue, float* dx);

// sum[K, N] += x[T, K]^T y[T, N], each element one chain over the rows that goes on from what it holds, or, where it
// `begins` here, from 0. The rows are those of sequences, of which sequence b has begin[b] .. begin[b + 1]: with bf16
// each fills whole blocks of 32 rows.
void accumulate_outer(const float* x, const float* y, std::span<const std::int64_t> begin, std::int64_t K,
                      std::int64_t N, Dtype dtype, bool begins, float* sum);
// sum[N] += the rows of y[T, N], one after the other.
void accumulate_rows(const float* y, std::int64_t T, std::int64_t N, float* sum);

// Layer norm of T rows; mean and rstd [T] are kept for the backward.
void layer_norm(const float* x, const float* weight, const float* bias, std::int64_t T, std::int64_t C, float eps,
                float* y, float* mean, float* rstd);
// dx += gradient by x; dweight, dbias += gradient by the parameters.
void layer_norm_backward(const float* dy, const float* x, const float* weight, const float* mean, const float* rstd,
                         std::int64_t T, std::int64_t C, float* dx, float* dweight, float* dbias);

// RMS norm of T rows, likewise.
void rms_norm(const float* x, const float* weight, std::int64_t T, std::int64_t C, float eps, float* y, float* rstd);
void rms_norm_backward(const float* dy, const float* x, const float* weight, const float* rstd, std::int64_t T,
                       std::int64_t C, float* dx, float* dweight);

// SwiGLU of T rows [gate | up] of 2F: y[T, F] = silu(gate) up, and its backward into rows of the same form.
void silu_gate(const float* gate_up, std::int64_t T, std::int64_t F, float* y);
void silu_gate_backward(const float* gate_up, const float* dy, std::int64_t T, std::int64_t F, float* dgate_up);

// Rows of one matrix by number: to[i] = from[rows[i]], and the reverse, to[rows[i]] = from[i].
void gather_rows(const float* from, const std::int64_t* rows, std::int64_t n, std::int64_t C, float* to);
void scatter_rows(const float* from, const std::int64_t* rows, std::int64_t n, std::int64_t C, float* to);

}  // namespace nudge
