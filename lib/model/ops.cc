#include "lib/model/ops.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/kernels/kernels.h"

namespace nudge {
namespace {

std::atomic<std::int64_t> products = 0;

// The calling thread's own: a pool's thread meets tiles of all callers. Its copy of A serves all tiles of these rows of
// a product, which is known by its number in `products`, unique in the process.
GemmScratch gemm_scratch(std::int64_t product = 0, std::int64_t row = 0) {
  thread_local Buffer<float> scratch;
  thread_local std::pair<std::int64_t, std::int64_t> held;
  scratch.reserve(kernels().gemm_scratch);
  const std::pair wanted(product, row);
  return {scratch.data(), std::exchange(held, wanted) == wanted && product > 0};
}

// The calling thread's copy of a left factor, which may serve the tiles of all threads.
float* left_copy(std::int64_t size) {
  thread_local Buffer<float> copy;
  copy.reserve(size);
  return copy.data();
}

std::int64_t ceiling(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t panels_of(std::int64_t N) { return ceiling(N, kPanelColumns); }

// Of [M, K] by [K, N], the latter in the numbers of dtype.
ProfileScope product_scope(Part part, std::int64_t M, std::int64_t K, std::int64_t N, Dtype dtype) {
  return ProfileScope(part, 2.0 * M * K * N, 4.0 * (M * K + M * N) + (dtype == Dtype::kF32 ? 4.0 : 2.0) * K * N);
}

// Deals the tiles of C[M, N], sums over K, to threads. A thread copies its tile's rows of A, which costs as much as some
// 50 columns, and may keep them for the next tile of these rows if they fit: so tiles are wide, of as few rows as pay
// for reading B, unless there are columns enough for all threads. Each thread has some tiles, for a thread may lose its
// processor to others for a while. Where rows are few enough that a kernel reads some panels at once, no tile cuts these.
template <class Tile>
void deal_tiles(std::int64_t M, std::int64_t N, std::int64_t K, Tile&& tile) {
  constexpr std::int64_t kManyColumns = 4096, kRows = 96, kLeastRows = 48, kMostRows = 384, kLeastPanels = 4;
  constexpr std::int64_t kFewRows = 3;
  if (M == 0) return;
  const std::int64_t wanted = 8 * thread_count(), panels = panels_of(N);
  const std::int64_t kept = kGemmCopy / (ceiling(std::max<std::int64_t>(K, 1), 256) * 256) / 12 * 12;
  std::int64_t row_tiles = ceiling(M, kept < kLeastRows ? kMostRows / 2 : std::min(kept, kMostRows));
  if (N <= kManyColumns) row_tiles = std::max(row_tiles, std::min(wanted, M / kRows));
  const std::int64_t tile_rows = ceiling(ceiling(M, row_tiles), 4) * 4;
  row_tiles = ceiling(M, tile_rows);
  std::int64_t tile_panels = std::max(kLeastPanels, ceiling(panels, ceiling(wanted, row_tiles)));
  if (M <= kFewRows) tile_panels = tile_panels / kLeastPanels * kLeastPanels;
  const std::int64_t column_tiles = ceiling(panels, tile_panels);
  parallel_for(row_tiles * column_tiles, [&](std::int64_t i) {
    const std::int64_t row = i / column_tiles * tile_rows, panel = i % column_tiles * tile_panels;
    tile(row, std::min(tile_rows, M - row), panel, std::min(panel + tile_panels, panels));
  });
}

// Products of more rows in bf16 copy their left factor once, for all tiles. (In f32 that was no faster: its tiles compute
// longer for as many bytes.)
constexpr std::int64_t kManyRows = 48;

// Deals the tiles of C[M, N] to threads, sums over K, by strips of rows (LeftKernels) and panels.
template <class Tile>
void deal_strips(const LeftKernels& kernel, std::int64_t M, std::int64_t N, std::int64_t K, Tile&& tile) {
  constexpr std::int64_t kRows = 96, kMostRows = 384, kLeastPanels = 4;
  const std::int64_t strips = kernel.strips(M), panels = panels_of(N), held = kernel.panels_held;
  const std::int64_t wanted = (held > 0 ? 6 : 8) * thread_count(), most_tiles = std::max<std::int64_t>(1, M / kRows);
  std::int64_t row_tiles, tile_panels;
  if (held > 0) {  // all rows, unless there are too few columns for all threads
    row_tiles = std::clamp(ceiling(wanted, ceiling(panels, held)), std::int64_t{1}, most_tiles);
    tile_panels = std::clamp(ceiling(panels, ceiling(wanted, row_tiles)), std::int64_t{2}, held);
  } else {  // as many rows as a cache holds of the copy
    const std::int64_t kept = kGemmCopy / (ceiling(std::max<std::int64_t>(K, 1), 256) * 256);
    row_tiles = std::max(ceiling(M, std::clamp(kept, kRows, kMostRows)), std::min(wanted, most_tiles));
    tile_panels = std::max(kLeastPanels, ceiling(panels, ceiling(wanted, row_tiles)));
  }
  const std::int64_t tile_strips = ceiling(strips, row_tiles), column_tiles = ceiling(panels, tile_panels);
  parallel_for(ceiling(strips, tile_strips) * column_tiles, [&](std::int64_t i) {
    const std::int64_t strip = i / column_tiles * tile_strips, panel = i % column_tiles * tile_panels;
    tile(strip, std::min(strip + tile_strips, strips), panel, std::min(panel + tile_panels, panels));
  });
}

// The kernels of one arithmetic: `Number` is what B is packed in.
struct F32 {
  using Number = float;
  static std::int64_t packed_size(std::int64_t K, std::int64_t N) { return kernels().packed_size(K, N); }
  static auto pack() { return kernels().pack; }
  static auto pack_transpose() { return kernels().pack_transpose; }
  static auto gemm() { return kernels().gemm; }
};
struct Bf16 {
  using Number = std::uint16_t;
  static std::int64_t packed_size(std::int64_t K, std::int64_t N) { return kernels().packed_size_bf16(K, N); }
  static auto pack() { return kernels().pack_bf16; }
  static auto pack_transpose() { return kernels().pack_transpose_bf16; }
  static auto gemm() { return kernels().gemm_bf16; }
};

template <class A>
void pack_with(const float* b, std::int64_t row, std::int64_t column, std::int64_t K, std::int64_t N,
               typename A::Number* packed) {
  parallel_ranges(panels_of(N), 4,
                  [&](std::int64_t begin, std::int64_t end) { A::pack()(b, row, column, K, N, begin, end, packed); });
}

// The epilogue of the part that begins at row `row`, column `column` of a matrix of N columns.
Epilogue part_of(Epilogue e, std::int64_t row, std::int64_t column, std::int64_t N) {
  const std::int64_t at = row * N + column;
  if (e.bias != nullptr) e.bias += column;
  if (e.residual != nullptr) e.residual += at;
  if (e.slope_at != nullptr) e.slope_at += at;
  if (e.active != nullptr) e.active += at;
  return e;
}

// Copies A[M, K], whose rows are `row` apart, as left factor.
LeftStrips copy_rows(const float* a, std::int64_t row, std::int64_t M, std::int64_t K) {
  const LeftKernels& left = kernels().left_bf16;
  float* copy = left_copy(left.size(M, K));
  const std::int64_t strips = left.strips(M);
  parallel_ranges(strips, std::max<std::int64_t>(1, strips / (4 * thread_count())),
                  [&](std::int64_t begin, std::int64_t end) { left.copy(a, row, 1, M, K, begin, end, 0, K, copy); });
  return {copy, row == 1, M, K, 0, strips};
}

// y[M, N] (+)= a B, then the epilogue.
void multiply_copied(const LeftStrips& a, std::int64_t N, const std::uint16_t* packed, const Epilogue& epilogue,
                     bool accumulate, float* y) {
  const LeftKernels& left = kernels().left_bf16;
  deal_strips(left, a.M, N, a.K, [&](std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last) {
    left.gemm({a.copy, a.transposed, a.M, a.K, begin, end}, packed, epilogue, y, N, N, first, last, accumulate,
              gemm_scratch().at);
  });
}

template <class A>
void multiply_with(const float* x, std::int64_t T, const Packed& B, const typename A::Number* packed,
                   const Epilogue& epilogue, float* y) {
  if constexpr (std::is_same_v<A, Bf16>) {
    if (T > kManyRows) return multiply_copied(copy_rows(x, B.K, T, B.K), B.N, packed, epilogue, false, y);
  }
  const std::int64_t product = ++products;
  deal_tiles(T, B.N, B.K, [&](std::int64_t row, std::int64_t rows, std::int64_t begin, std::int64_t end) {
    A::gemm()(x + row * B.K, B.K, 1, packed, part_of(epilogue, row, 0, B.N), y + row * B.N, B.N, rows, B.N, B.K, begin,
              end, false, gemm_scratch(product, row));
  });
}

// Some rows of B at a time are transposed, by all threads and for all of them, and multiplied by while a cache holds
// them.
template <class A>
void multiply_transpose_with(const float* dy, std::int64_t T, const Packed& B, const typename A::Number* packed,
                             const Epilogue& epilogue, ProductScratch& scratch, float* dx) {
  constexpr std::int64_t kPart = 768 * 768;  // numbers of B^T
  Buffer<typename A::Number>& part = scratch.panels_of<typename A::Number>();
  const std::int64_t panels = panels_of(B.K);
  const std::int64_t most = std::max<std::int64_t>(1, kPart / 256 / (panels * kPanelColumns)) * 256;
  part.reserve(A::packed_size(std::min(most, B.N), B.K));
  for (std::int64_t n = 0; n < B.N; n += most) {
    const std::int64_t next = std::min(n + most, B.N), product = ++products;
    parallel_ranges(panels, 2, [&](std::int64_t begin, std::int64_t end) {
      A::pack_transpose()(packed, B.K, n, next, begin, end,
                          part.data() + A::packed_size(next - n, begin * kPanelColumns));
    });
    if constexpr (std::is_same_v<A, Bf16>) {
      if (T > kManyRows) {
        multiply_copied(copy_rows(dy + n, B.N, T, next - n), B.K, part.data(), next == B.N ? epilogue : Epilogue(),
                        n > 0, dx);
        continue;
      }
    }
    deal_tiles(T, B.K, next - n, [&](std::int64_t row, std::int64_t rows, std::int64_t begin, std::int64_t end) {
      A::gemm()(dy + row * B.N + n, B.N, 1, part.data(), next == B.N ? part_of(epilogue, row, 0, B.K) : Epilogue(),
                dx + row * B.K, B.K, rows, B.K, next - n, begin, end, n > 0, gemm_scratch(product, row));
    });
  }
}

// x^T y; all rows are one run.
void accumulate_outer_f32(const float* x, const float* y, std::int64_t T, const MatrixGradient& g,
                          ProductScratch& scratch) {
  const std::int64_t K = g.K, N = g.N, x_row = g.x_row > 0 ? g.x_row : K, y_row = g.y_row > 0 ? g.y_row : N;
  scratch.panels.reserve(F32::packed_size(T, N));
  pack_with<F32>(y, y_row, 1, T, N, scratch.panels.data());
  deal_tiles(K, N, 0, [&](std::int64_t row, std::int64_t rows, std::int64_t first, std::int64_t last) {
    kernels().gemm(x + row, 1, x_row, scratch.panels.data(), {}, g.sum + row * N, N, rows, N, T, first, last, !g.begins,
                   gemm_scratch());
  });
}

// x^T y in bf16 over the runs of rows begin[b] .. begin[b + 1]: each is filled up to whole blocks, and all are one
// product's k, so that sums pass through memory once.
class OuterProduct {
 public:
  OuterProduct(const float* x, const float* y, std::span<const std::int64_t> begin, const MatrixGradient& g)
      : x_(x), y_(y), begin_(begin), g_(g), x_row_(g.x_row > 0 ? g.x_row : g.K), y_row_(g.y_row > 0 ? g.y_row : g.N) {
    for (std::size_t b = 0; b + 1 < begin.size(); ++b)
      at_.push_back(at_.back() + ceiling(begin[b + 1] - begin[b], kBlock) * kBlock);
  }

  void accumulate(ProductScratch& scratch) const {
    const LeftKernels& left = kernels().left_bf16;
    const std::int64_t M = g_.K, N = g_.N, T = at_.back(), panels = panels_of(N), threads = thread_count();
    scratch.bf16_panels.reserve(kernels().packed_size_bf16(T, N));
    std::uint16_t* packed = scratch.bf16_panels.data();
    const bool apart = M > kMuchWider * N;
    const std::int64_t strips = apart ? 0 : left.strips(M), grain = std::max<std::int64_t>(1, strips / (4 * threads));
    float* copy = left_copy(apart ? 0 : left.size(M, T));
    const std::int64_t columns = ceiling(panels, kPanels);
    parallel_for(columns + ceiling(strips, grain), [&](std::int64_t i) {
      if (i < columns) return pack_panels(i * kPanels, std::min((i + 1) * kPanels, panels), packed);
      const std::int64_t strip = (i - columns) * grain;
      copy_left(0, M, strip, std::min(strip + grain, strips), copy);
    });
    if (!apart) return multiply_copied({copy, true, M, T, 0, strips}, N, packed, {}, !g_.begins, g_.sum);
    // Threads copy some of x's columns each.
    parallel_ranges(M, kColumns, [&](std::int64_t first, std::int64_t last) {
      const std::int64_t rows = last - first, all = left.strips(rows);
      float* part = left_copy(left.size(kColumns, T));
      copy_left(first, rows, 0, all, part);
      left.gemm({part, true, rows, T, 0, all}, packed, {}, g_.sum + first * N, N, N, 0, panels, !g_.begins,
                gemm_scratch().at);
    });
  }

 private:
  static constexpr std::int64_t kBlock = 32, kPanels = 4, kMuchWider = 8, kColumns = 192;  // whole strips of all levels

  // Strips [first, last) of the M rows of x^T from `column` on.
  void copy_left(std::int64_t column, std::int64_t M, std::int64_t first, std::int64_t last, float* copy) const {
    for (std::size_t b = 0; b + 1 < begin_.size(); ++b)
      kernels().left_bf16.copy(x_ + begin_[b] * x_row_ + column, 1, x_row_, M, begin_[b + 1] - begin_[b], first, last,
                               at_[b], at_.back(), copy);
  }
  // Panels [first, last) of y.
  void pack_panels(std::int64_t first, std::int64_t last, std::uint16_t* packed) const {
    for (std::int64_t p = first; p < last; ++p) {
      const std::int64_t n = p * kPanelColumns;
      for (std::size_t b = 0; b + 1 < begin_.size(); ++b)
        kernels().pack_bf16(y_ + begin_[b] * y_row_ + n, y_row_, 1, begin_[b + 1] - begin_[b], g_.N - n, 0, 1,
                            packed + (p * at_.back() + at_[b]) * kPanelColumns);
    }
  }

  const float *x_, *y_;
  std::span<const std::int64_t> begin_;
  const MatrixGradient& g_;
  std::int64_t x_row_, y_row_;
  std::vector<std::int64_t> at_{0};  // where each run begins, filled up
};

}  // namespace

void pack(const float* b, std::int64_t row, std::int64_t column, std::int64_t K, std::int64_t N, Dtype dtype,
          Packed& packed) {
  packed.K = K;
  packed.N = N;
  packed.dtype = dtype;
  packed.level = &kernels();
  if (dtype == Dtype::kF32) {
    packed.panels.reserve(F32::packed_size(K, N));
    pack_with<F32>(b, row, column, K, N, packed.panels.data());
  } else {
    packed.bf16_panels.reserve(Bf16::packed_size(K, N));
    pack_with<Bf16>(b, row, column, K, N, packed.bf16_panels.data());
  }
}

void multiply(const float* x, std::int64_t T, const Packed& B, const Epilogue& epilogue, float* y) {
  const ProfileScope scope = product_scope(Part::kProducts, T, B.K, B.N, B.dtype);
  if (B.dtype == Dtype::kF32) multiply_with<F32>(x, T, B, B.panels.data(), epilogue, y);
  else multiply_with<Bf16>(x, T, B, B.bf16_panels.data(), epilogue, y);
}

void multiply_transpose(const float* dy, std::int64_t T, const Packed& B, const Epilogue& epilogue,
                        ProductScratch& scratch, float* dx) {
  const ProfileScope scope = product_scope(Part::kProductsBackward, T, B.N, B.K, B.dtype);
  if (B.dtype == Dtype::kF32) multiply_transpose_with<F32>(dy, T, B, B.panels.data(), epilogue, scratch, dx);
  else multiply_transpose_with<Bf16>(dy, T, B, B.bf16_panels.data(), epilogue, scratch, dx);
}

void accumulate_outer(const float* x, const float* y, std::span<const std::int64_t> begin, const MatrixGradient& g,
                      ProductScratch& scratch) {
  const ProfileScope scope = product_scope(Part::kProductsBackward, g.K, begin.back(), g.N, g.dtype);
  if (g.dtype == Dtype::kF32) accumulate_outer_f32(x, y, begin.back(), g, scratch);
  else OuterProduct(x, y, begin, g).accumulate(scratch);
}

void accumulate_rows(const float* y, std::int64_t T, std::int64_t N, float* sum) {
  const ProfileScope scope(Part::kElementwise, 0, 4.0 * T * N);
  parallel_ranges(N, 256, [&](std::int64_t begin, std::int64_t end) {
    kernels().add_rows(y + begin, N, T, end - begin, sum + begin);
  });
}

void norm(const float* x, std::int64_t T, const Norm& n, float* y, float* mean, float* rstd) {
  const ProfileScope scope(Part::kElementwise, 0, 8.0 * T * n.C);
  const std::int64_t C = n.C;
  parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
    const float* from = x + begin * C;
    float* to = y + begin * C;
    if (n.bias == nullptr) kernels().rms_norm(from, n.weight, n.plus_one, end - begin, C, n.eps, to, rstd + begin);
    else kernels().layer_norm(from, n.weight, n.bias, end - begin, C, n.eps, to, mean + begin, rstd + begin);
  });
}

void norm_backward(const float* dy, const float* x, std::int64_t T, const Norm& n, NormStats stats, float* dx,
                   NormGradient g) {
  const ProfileScope scope(Part::kElementwise, 0, 16.0 * T * n.C);
  const Kernels& k = kernels();
  const std::int64_t C = n.C;
  parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin * C, rows = end - begin;
    const float* rstd = stats.rstd + begin;
    if (n.bias == nullptr) k.rms_norm_backward(dy + at, x + at, n.weight, n.plus_one, rstd, rows, C, dx + at);
    else k.layer_norm_backward(dy + at, x + at, n.weight, stats.mean + begin, rstd, rows, C, dx + at);
  });
  if (g.weight == nullptr) return;
  parallel_ranges(C, 128, [&](std::int64_t begin, std::int64_t end) {
    if (n.bias == nullptr) k.rms_norm_parameters(dy, x, stats.rstd, T, C, begin, end, g.weight);
    else k.layer_norm_parameters(dy, x, stats.mean, stats.rstd, T, C, begin, end, g.weight, g.bias);
  });
}

void gate(const ActivationKernels& activation, const float* gate_up, std::int64_t T, std::int64_t F, float* y) {
  const ProfileScope scope(Part::kElementwise, 0, 12.0 * T * F);
  parallel_ranges(T, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const float *g = gate_up + 2 * t * F, *u = g + F;
      float* to = y + t * F;
      if (activation.gate != nullptr) {
        activation.gate(g, u, to, F);
        continue;
      }
      activation.forward(g, to, F);
      kernels().multiply(to, u, to, F);
    }
  });
}

void gate_backward(const ActivationKernels& activation, const float* gate_up, const float* dy, std::int64_t T,
                   std::int64_t F, float* dgate_up) {
  const ProfileScope scope(Part::kElementwise, 0, 20.0 * T * F);
  parallel_ranges(T, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const float *g = gate_up + 2 * t * F, *u = g + F, *d = dy + t * F;
      float *dg = dgate_up + 2 * t * F, *du = dg + F;
      if (activation.gate_backward != nullptr) {
        activation.gate_backward(g, u, d, dg, du, F);
        continue;
      }
      activation.forward(g, du, F);
      kernels().multiply(du, d, du, F);
      kernels().multiply(u, d, dg, F);
      activation.backward(g, dg, dg, F);
    }
  });
}

void scale_rows(float s, std::int64_t T, std::int64_t C, float* x) {
  parallel_ranges(T * C, 8192,
                  [&](std::int64_t begin, std::int64_t end) { kernels().scale(s, x + begin, end - begin); });
}

void gather_rows(const float* from, const std::int64_t* rows, std::int64_t n, std::int64_t C, float* to) {
  parallel_ranges(n, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      std::memcpy(to + i * C, from + rows[i] * C, static_cast<std::size_t>(C) * sizeof(float));
  });
}

void scatter_rows(const float* from, const std::int64_t* rows, std::int64_t n, std::int64_t C, float* to) {
  parallel_ranges(n, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      std::memcpy(to + rows[i] * C, from + i * C, static_cast<std::size_t>(C) * sizeof(float));
  });
}

}  // namespace nudge
