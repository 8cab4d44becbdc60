// Products dealt to threads, against their definition: one chain of FMAs an element.
#include "lib/model/ops.h"

#include <cmath>
#include <tuple>

#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "tests/harness/harness.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Buffer<float> normals(std::int64_t n, std::uint64_t seed) {
  Buffer<float> x(n);
  for (std::int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(normal(seed, 0, static_cast<std::uint64_t>(i)));
  return x;
}

}  // namespace

TEST_CASE("the product by a packed matrix's transpose is one chain over its columns, on any number of threads") {
  const int before = thread_count();
  for (const auto& [T, K, N] : {std::tuple<std::int64_t, std::int64_t, std::int64_t>{3, 40, 5003}, {401, 150, 33}, {1, 1, 1}}) {
    const Buffer<float> b = normals(K * N, 7), dy = normals(T * N, 8);
    Packed packed;
    pack(b.data(), N, 1, K, N, Dtype::kF32, packed);
    for (const int threads : {1, 3}) {
      set_thread_count(threads);
      Buffer<float> dx(T * K);
      multiply_transpose(dy.data(), T, packed, dx.data());
      std::int64_t wrong = 0;
      for (std::int64_t t = 0; t < T; ++t) {
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
