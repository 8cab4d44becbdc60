#include "lib/model/ops.h"

#include <algorithm>
#include <cstring>

#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"

namespace nudge {
namespace {

float* gemm_scratch() {
  thread_local Buffer<float> scratch;
  scratch.reserve(kernels().gemm_scratch);
  return scratch.data();
}

// Deals the tiles of C[M, N] to threads. Tiles are large enough that packing A is paid back, small
// enough that all threads have some.
template <class Tile>
void deal_tiles(std::int64_t M, std::int64_t N, Tile&& tile) {
  const std::int64_t panels = (N + kPanelColumns - 1) / kPanelColumns;
  const std::int64_t tile_rows = M > 384 ? 192 : M;
  const std::int64_t row_tiles = tile_rows == 0 ? 0 : (M + tile_rows - 1) / tile_rows;
  const std::int64_t wanted = 4 * thread_count();
  const std::int64_t per_row =
      std::max<std::int64_t>(1, (wanted + row_tiles - 1) / std::max<std::int64_t>(1, row_tiles));
  const std::int64_t tile_panels = std::max<std::int64_t>(4, (panels + per_row - 1) / per_row);
  const std::int64_t column_tiles = (panels + tile_panels - 1) / tile_panels;
  parallel_for(row_tiles * column_tiles, [&](std::int64_t i) {
    const std::int64_t row = i % row_tiles * tile_rows, panel = i / row_tiles * tile_panels;
    tile(row, std::min(tile_rows, M - row), panel, std::min(panel + tile_panels, panels));
  });
}

}  // namespace

void pack(const float* b, std::int64_t row, std::int64_t column, std::int64_t K, std::int64_t N, Packed& packed) {
  const Kernels& k = kernels();
  packed.K = K;
  packed.N = N;
  packed.panels.reserve(k.packed_size(K, N));
  parallel_ranges((N + kPanelColumns - 1) / kPanelColumns, 4, [&](std::int64_t begin, std::int64_t end) {
    k.pack(b, row, column, K, N, begin, end, packed.panels.data());
  });
}

void multiply(const float* x, std::int64_t T, const Packed& B, const float* bias, float* y) {
  const Kernels& k = kernels();
  deal_tiles(T, B.N, [&](std::int64_t row, std::int64_t rows, std::int64_t begin, std::int64_t end) {
    k.gemm(x + row * B.K, B.K, 1, B.panels.data(), bias, y + row * B.N, B.N, rows, B.N, B.K, begin, end, false,
           gemm_scratch());
  });
}

void multiply_transpose(const float* dy, std::int64_t T, const Packed& B, float* dx) {
  constexpr std::int64_t kRoom = 131072;  // numbers of B^T at a time: half a megabyte, which stays in a core's cache
  const Kernels& k = kernels();
  deal_tiles(T, B.K, [&](std::int64_t row, std::int64_t rows, std::int64_t begin, std::int64_t end) {
    thread_local Buffer<float> part;
    const std::int64_t width = (end - begin) * kPanelColumns, first = begin * kPanelColumns;
    const std::int64_t most = std::max<std::int64_t>(256, kRoom / width / 256 * 256);
    part.reserve(width * std::min(most, B.N));
    for (std::int64_t n = 0; n < B.N; n += most) {
      const std::int64_t next = std::min(n + most, B.N);
      k.pack_transpose(B.panels.data(), B.K, n, next, begin, end, part.data());
      k.gemm(dy + row * B.N + n, B.N, 1, part.data(), nullptr, dx + row * B.K + first, B.K, rows,
             std::min(width, B.K - first), next - n, 0, end - begin, n > 0, gemm_scratch());
    }
  });
}

void accumulate_outer(const float* x, const float* y, std::int64_t T, std::int64_t K, std::int64_t N, float* sum) {
  static Packed packed;  // reused: the same few shapes come again and again
  pack(y, N, 1, T, N, packed);
  const Kernels& k = kernels();
  deal_tiles(K, N, [&](std::int64_t row, std::int64_t rows, std::int64_t begin, std::int64_t end) {
    k.gemm(x + row, 1, K, packed.panels.data(), nullptr, sum + row * N, N, rows, N, T, begin, end, true,
           gemm_scratch());
  });
}

void accumulate_rows(const float* y, std::int64_t T, std::int64_t N, float* sum) {
  parallel_ranges(N, 256, [&](std::int64_t begin, std::int64_t end) {
    kernels().add_rows(y + begin, N, T, end - begin, sum + begin);
  });
}

void add(const float* x, float* y, std::int64_t n) {
  parallel_ranges(n, 16384,
                  [&](std::int64_t begin, std::int64_t end) { kernels().add(x + begin, y + begin, end - begin); });
}

void layer_norm(const float* x, const float* gain, const float* bias, std::int64_t T, std::int64_t C, float eps,
                float* y, float* mean, float* rstd) {
  parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
    kernels().layer_norm(x + begin * C, gain, bias, end - begin, C, eps, y + begin * C, mean + begin, rstd + begin);
  });
}

void layer_norm_backward(const float* dy, const float* x, const float* gain, const float* mean, const float* rstd,
                         std::int64_t T, std::int64_t C, float* dx, float* dgain, float* dbias) {
  parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
    kernels().layer_norm_backward(dy + begin * C, x + begin * C, gain, mean + begin, rstd + begin, end - begin, C,
                                  dx + begin * C);
  });
  parallel_ranges(C, 128, [&](std::int64_t begin, std::int64_t end) {
    kernels().layer_norm_parameters(dy, x, mean, rstd, T, C, begin, end, dgain, dbias);
  });
}

void rms_norm(const float* x, const float* gain, std::int64_t T, std::int64_t C, float eps, float* y, float* rstd) {
  parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
    kernels().rms_norm(x + begin * C, gain, end - begin, C, eps, y + begin * C, rstd + begin);
  });
}

void rms_norm_backward(const float* dy, const float* x, const float* gain, const float* rstd, std::int64_t T,
                       std::int64_t C, float* dx, float* dgain) {
  parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
    kernels().rms_norm_backward(dy + begin * C, x + begin * C, gain, rstd + begin, end - begin, C, dx + begin * C);
  });
  parallel_ranges(C, 128, [&](std::int64_t begin, std::int64_t end) {
    kernels().rms_norm_parameters(dy, x, rstd, T, C, begin, end, dgain);
  });
}

void silu_gate(const float* gate_up, std::int64_t T, std::int64_t F, float* y) {
  parallel_ranges(T, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t)
      kernels().silu_gate(gate_up + 2 * t * F, gate_up + (2 * t + 1) * F, y + t * F, F);
  });
}

void silu_gate_backward(const float* gate_up, const float* dy, std::int64_t T, std::int64_t F, float* dgate_up) {
  parallel_ranges(T, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t gate = 2 * t * F, up = gate + F;
      kernels().silu_gate_backward(gate_up + gate, gate_up + up, dy + t * F, dgate_up + gate, dgate_up + up, F);
    }
  });
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
