// Products dealt to threads, against their definition: one chain of FMAs an element.
#include "lib/model/ops.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "tests/harness/harness.h"
#include "tests/kernels/bf16_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Buffer<float> normals(std::int64_t n, std::uint64_t seed) {
  Buffer<float> x(n);
  for (std::int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(normal(seed, 0, static_cast<std::uint64_t>(i)));
  return x;
}

Buffer<float> bf16_normals(std::int64_t n, std::uint64_t seed) {
  Buffer<float> x = normals(n, seed);
  for (std::int64_t i = 0; i < n; ++i) x[i] = nearest_bf16(x[i]);
  return x;
}

// sum + the n products of a[i * a_step] and b[i * b_step], bf16 numbers, in blocks of 32 (docs/determinism.md, (a)).
float block_chains(const float* a, std::int64_t a_step, const float* b, std::int64_t b_step, std::int64_t n,
                   float sum) {
  for (std::int64_t block = 0; block < n; block += 32) {
    float parts[2] = {};  // of even and of odd k
    for (std::int64_t i = block; i < std::min(block + 32, n); ++i)
      parts[i % 2] = std::fma(a[i * a_step], b[i * b_step], parts[i % 2]);
    sum += parts[0] + parts[1];
  }
  return sum;
}

}  // namespace

TEST_CASE("bf16: products of many rows, and gradients over runs of rows, are the chains of blocks of 32") {
  const int before = thread_count();
  using Shape = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  // Tiles of rows and columns; one number a row; one a column; x much wider than y; many columns.
  for (const auto& [T, K, N] :
       {Shape{401, 150, 33}, Shape{64, 1, 40}, Shape{64, 40, 1}, Shape{64, 500, 33}, Shape{50, 33, 700}}) {
    const Buffer<float> b = bf16_normals(K * N, 7), dy = bf16_normals(T * N, 8), x = bf16_normals(T * K, 9);
    const Buffer<float> sums = normals(K * N, 10);
    const std::vector<std::int64_t> runs{0, 7, 7, 39, T - 1, T};
    Packed packed;
    ProductScratch scratch;
    pack(b.data(), N, 1, K, N, Dtype::kBf16, packed);
    for (const int threads : {1, 3}) {
      set_thread_count(threads);
      Buffer<float> dx(T * K), y(T * N), more = sums.copy(), first = sums.copy();
      multiply(x.data(), T, packed, {}, y.data());
      multiply_transpose(dy.data(), T, packed, {}, scratch, dx.data());
      accumulate_outer(x.data(), dy.data(), runs, {K, N, Dtype::kBf16, false, more.data()}, scratch);
      accumulate_outer(x.data(), dy.data(), runs, {K, N, Dtype::kBf16, true, first.data()}, scratch);
      std::int64_t wrong = 0;
      for (std::int64_t i = 0; i < T * N; ++i)
        wrong += y[i] != block_chains(x.data() + i / N * K, 1, b.data() + i % N, N, K, 0);
      for (std::int64_t i = 0; i < T * K; ++i)
        wrong += dx[i] != block_chains(dy.data() + i / K * N, 1, b.data() + i % K * N, 1, N, 0);
      for (std::int64_t i = 0; i < K * N; ++i) {
        float going_on = sums[i], fresh = 0;
        for (std::size_t r = 0; r + 1 < runs.size(); ++r) {
          const float *column = x.data() + runs[r] * K + i / N, *other = dy.data() + runs[r] * N + i % N;
          going_on = block_chains(column, K, other, N, runs[r + 1] - runs[r], going_on);
          fresh = block_chains(column, K, other, N, runs[r + 1] - runs[r], fresh);
        }
        wrong += more[i] != going_on || first[i] != fresh;
      }
      CHECK(wrong == 0);
    }
  }
  set_thread_count(before);
}

TEST_CASE("the products by a packed matrix and its transpose are one chain an element, on any number of threads") {
  const int before = thread_count();
  using Shape = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  // Many columns; several tiles of rows; one number; a matrix transposed in two parts; rows too long to be kept.
  for (const auto& [T, K, N] :
       {Shape{3, 40, 5003}, Shape{401, 150, 33}, Shape{1, 1, 1}, Shape{5, 800, 1000}, Shape{100, 6000, 9}}) {
    const Buffer<float> b = normals(K * N, 7), dy = normals(T * N, 8), x = normals(T * K, 9);
    Packed packed;
    ProductScratch scratch;
    pack(b.data(), N, 1, K, N, Dtype::kF32, packed);
    for (const int threads : {1, 3}) {
      set_thread_count(threads);
      Buffer<float> dx(T * K), y(T * N);
      multiply(x.data(), T, packed, {}, y.data());
      multiply_transpose(dy.data(), T, packed, {}, scratch, dx.data());
      std::int64_t wrong = 0;
      for (std::int64_t t = 0; t < T; ++t) {
        for (std::int64_t n = 0; n < N; ++n) {
          float sum = 0;
          for (std::int64_t k = 0; k < K; ++k) sum = std::fma(x[t * K + k], b[k * N + n], sum);
          wrong += sum != y[t * N + n];
        }
        for (std::int64_t k = 0; k < K; ++k) {
          float sum = 0;
          for (std::int64_t n = 0; n < N; ++n) sum = std::fma(dy[t * N + n], b[k * N + n], sum);
          wrong += sum != dx[t * K + k];
        }
      }
      CHECK(wrong == 0);
    }
  }
  set_thread_count(before);
}

TEST_CASE("products dealt to threads apply their epilogue to every element") {
  const int before = thread_count();
  const std::int64_t T = 401, K = 520, N = 1333;  // the transpose in two parts
  const Buffer<float> b = normals(K * N, 7), bias = normals(N, 11);
  const Buffer<float> wide = normals(T * N, 12), narrow = normals(T * K, 13);
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBf16}) {
    Packed packed;
    ProductScratch scratch;
    pack(b.data(), N, 1, K, N, dtype, packed);
    for (const int threads : {1, 3}) {
      set_thread_count(threads);
      Buffer<float> plain(T * N), y(T * N), active(T * N), plain_dx(T * K), dx(T * K);
      multiply(narrow.data(), T, packed, {}, plain.data());
      const Epilogue forth = {
          .bias = bias.data(), .residual = wide.data(), .activation = kernels().gelu_tanh, .active = active.data()};
      multiply(narrow.data(), T, packed, forth, y.data());
      multiply_transpose(wide.data(), T, packed, {}, scratch, plain_dx.data());
      const Epilogue back = {
          .activation_backward = kernels().gelu_erf_backward, .slope_at = narrow.data(), .active = dx.data()};
      multiply_transpose(wide.data(), T, packed, back, scratch, dx.data());
      const FlushDenormals as_in_parallel_loops;
      std::int64_t wrong = 0;
      for (std::int64_t i = 0; i < T * N; ++i) {
        const float sum = wide[i] + (plain[i] + bias[i % N]);
        float after = 0;
        kernels().gelu_tanh(&sum, &after, 1);
        wrong += y[i] != sum || active[i] != after;
      }
      for (std::int64_t i = 0; i < T * K; ++i) {
        float after = 0;
        kernels().gelu_erf_backward(&narrow[i], &plain_dx[i], &after, 1);
        wrong += dx[i] != after;
      }
      CHECK(wrong == 0);
    }
  }
  set_thread_count(before);
}
