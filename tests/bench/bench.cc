// Measures the kernels against the limits of this machine, in one run because the limits wander from day to day.
// usage: bench [threads...] [products|training-f32|training-bf16|softmax|attention...] (default: 1 and all threads,
// everything)
#include <cmath>
#include <deque>

#include "lib/model/ops.h"
#include "tests/bench/bench.h"
#include "tests/kernels/bf16_tools.h"

using namespace nudge;
using namespace nudge::bench;
using std::int64_t;

namespace {

struct Bench {
  const Kernels& k;
  int threads;
  const Table& table;

  Bench(const Kernels& kernel, int n, const Table& t) : k(kernel), threads(n), table(t) {}
  float* own_scratch() {
    thread_local Buffer<float> scratch;
    scratch.reserve(std::max(k.gemm_scratch, k.attention_scratch(1024, 64)));
    return scratch.data();
  }

  void product(int64_t M, int64_t K, int64_t N, Dtype dtype);
  void training(Dtype dtype);
  void rows();
  void attention(int64_t T);
};

// What an element of the product is by definition (docs/determinism.md): a chain over k, or the tile's chains.
float element(const float* a, const float* b, int64_t K, int64_t N, Dtype dtype) {
  float sum = 0;
  if (dtype == Dtype::kF32) {
    for (int64_t k = 0; k < K; ++k) sum = std::fma(a[k], b[k * N], sum);
    return sum;
  }
  for (int64_t k = 0; k < K; k += 32) {
    float parts[2] = {};  // of even and odd k
    for (int64_t i = k; i < std::min(k + 32, K); ++i)
      parts[i % 2] = std::fma(test::nearest_bf16(a[i]), test::nearest_bf16(b[i * N]), parts[i % 2]);
    sum += parts[0] + parts[1];
  }
  return sum;
}

void Bench::product(int64_t M, int64_t K, int64_t N, Dtype dtype) {
  const Buffer<float> a = noise(M * K, 1), b = noise(K * N, 2);
  Buffer<float> c(M * N);
  Packed packed;
  pack(b.data(), N, 1, K, N, dtype, packed);
  const auto run = [&] { multiply(a.data(), M, packed, {}, c.data()); };
  run();
  for (int64_t i = 0; i < 200; ++i) {
    const int64_t m = i * 7919 % M, n = i * 104729 % N;
    check(element(a.data() + m * K, b.data() + n, K, N, dtype) == c[m * N + n], "a product");
  }
  const double s = fastest(M * K * N > (int64_t(1) << 33) ? 5 : 15, run);
  const std::string what =
      "product, M " + std::to_string(M) + ", " + std::to_string(K) + " x " + std::to_string(N) + ", " + name_of(dtype);
  if (M >= 64) table.computes(what, 2.0 * static_cast<double>(M * K * N), s, dtype);
  else table.reads(what + ", of the weights", bytes_of(dtype) * static_cast<double>(K * N), s);
}

// The products of GPT-2's blocks as an update has them: 8 sequences of 95 tokens, matrices of 12 layers, which no cache
// holds, packed where they are used, and gradients of them that go on.
void Bench::training(Dtype dtype) {
  constexpr int64_t kLayers = 12, kTokens = 95, kSequences = 8, T = kTokens * kSequences;
  const int64_t shapes[][2] = {{768, 2304}, {768, 768}, {768, 3072}, {3072, 768}};
  std::vector<int64_t> begin;
  for (int64_t b = 0; b <= kSequences; ++b) begin.push_back(b * kTokens);
  const Buffer<float> x = noise(T * 3072, 1), dy = noise(T * 3072, 2);
  Buffer<float> y(T * 3072);
  ProductScratch scratch;
  double forward = 0, inputs = 0, matrices = 0, flops = 0;
  for (const auto& s : shapes) {
    const int64_t K = s[0], N = s[1];
    std::deque<Buffer<float>> weights, sums;
    for (int64_t l = 0; l < kLayers; ++l) weights.push_back(noise(K * N, 3)), sums.push_back(noise(K * N, 4));
    flops += 2.0 * static_cast<double>(T * K * N * kLayers);
    forward += fastest(3, [&] {
      for (const Buffer<float>& w : weights) {
        pack(w.data(), N, 1, K, N, dtype, scratch.matrix);
        multiply(x.data(), T, scratch.matrix, {}, y.data());
      }
    });
    inputs += fastest(3, [&] {
      for (const Buffer<float>& w : weights) {
        pack(w.data(), 1, N, N, K, dtype, scratch.matrix);
        multiply(dy.data(), T, scratch.matrix, {}, y.data());
      }
    });
    matrices += fastest(3, [&] {
      for (Buffer<float>& g : sums)
        accumulate_outer(x.data(), dy.data(), begin, {K, N, dtype, false, g.data()}, scratch);
    });
  }
  const auto row = [&](const char* what, double s) {
    table.computes("an update's products, " + std::string(what) + ", " + name_of(dtype), flops, s, dtype);
  };
  row("forward", forward), row("by inputs", inputs), row("by matrices", matrices);
}

void Bench::rows() {
  const int64_t T = 512, V = 50257;
  Buffer<float> x = noise(T * V, 3), g(T * V);
  std::vector<RowStats> stats(static_cast<std::size_t>(T));
  const auto forward = [&] {
    parallel_for(T, [&](int64_t t) {
      k.row_stats(x.data() + t * V, V, 1, static_cast<int32_t>(t), &stats[static_cast<std::size_t>(t)]);
    });
  };
  const auto backward = [&] {
    parallel_for(T, [&](int64_t t) {
      k.row_backward(x.data() + t * V, V, 1, &stats[static_cast<std::size_t>(t)], static_cast<int32_t>(t), {-1, 0, 0},
                     {}, {}, g.data() + t * V);
    });
  };
  forward(), backward();
  for (int64_t t = 0; t < T; t += 97) {
    double sum = 0;
    for (int64_t i = 0; i < V; ++i) sum += std::exp(double(x[t * V + i]));
    const double logprob = double(x[t * V + t]) - std::log(sum);
    check(std::abs(double(stats[static_cast<std::size_t>(t)].logprob) - logprob) < 1e-5, "row_stats");
    check(std::abs(double(g[t * V + t]) - (std::exp(logprob) - 1)) < 1e-5, "row_backward");
  }
  const double bytes = 4.0 * static_cast<double>(T * V);
  table.reads("log-sum-exp, log-prob, entropy of [512, 50257]", bytes, fastest(9, forward));
  table.copies("clipped loss's backward of the same, read + write", bytes, fastest(9, backward));
}

// Some 1,024 tokens in sequences of T, as in a training step.
void Bench::attention(int64_t T) {
  const int64_t S = 1024 / T, D = 64, H = 12, ld = 3 * H * D, row = H * D;
  const Buffer<float> qkv = noise(S * T * ld, 4), dout = noise(S * T * row, 5);
  Buffer<float> out(S * T * row), stats(2 * S * T * H), gradient(S * T * ld);
  const auto own_keys = [&](const float* from) {
    thread_local Buffer<float> keys;
    keys.reserve(1024 * D);
    k.put_keys(from, ld, T, D, keys.data());
    return keys.data();
  };
  const auto forward = [&] {
    parallel_for(S * H, [&](int64_t i) {
      const int64_t at = i / H * T, h = i % H;
      const float* q = qkv.data() + at * ld + h * D;
      k.attention_whole(q, q + 2 * row, ld, own_keys(q + row), T, D, {0.125f}, out.data() + at * row + h * D, row,
                        stats.data() + 2 * i * T, own_scratch());
    });
  };
  const auto backward = [&] {
    parallel_for(S * H, [&](int64_t i) {
      const int64_t at = i / H * T, h = i % H;
      const float* q = qkv.data() + at * ld + h * D;
      float* dq = gradient.data() + at * ld + h * D;
      k.attention_backward(q, q + row, q + 2 * row, ld, own_keys(q + row), out.data() + at * row + h * D,
                           dout.data() + at * row + h * D, row, stats.data() + 2 * i * T, T, D, {0.125f}, dq, dq + row,
                           dq + 2 * row, ld, own_scratch());
    });
  };
  forward(), backward();
  for (int64_t t = 0; t < T; t += T / 3) {
    const float* q = qkv.data() + t * ld;
    double sum = 0, y = 0;
    for (int64_t j = 0; j <= t; ++j) {
      double score = 0;
      for (int64_t i = 0; i < D; ++i) score += double(q[i]) * double(qkv[j * ld + row + i]);
      const double e = std::exp(score * 0.125);
      sum += e, y += e * double(qkv[j * ld + 2 * row]);
    }
    check(std::abs(double(out[t * row]) - y / sum) < 1e-5, "attention");
  }
  // A head's gradients by its values are dout times probabilities, which sum to 1 by query: their total is dout's.
  for (int64_t i = 0; i < D; ++i) {
    double values = 0, outs = 0;
    for (int64_t t = 0; t < T; ++t) values += double(gradient[t * ld + 2 * row + i]), outs += double(dout[t * row + i]);
    check(std::abs(values - outs) < 1e-3, "attention_backward");
  }
  const double flops = 4.0 * static_cast<double>(S * H * D * (T * (T + 1) / 2));
  const std::string what = ", 12 heads, " + std::to_string(S) + " x " + std::to_string(T);
  table.computes("attention" + what, flops, fastest(9, forward), Dtype::kF32);
  table.computes("attention's backward" + what, 2 * flops, fastest(9, backward), Dtype::kF32);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<int> counts;
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i)
    if (const int n = std::atoi(argv[i]); n > 0) counts.push_back(n);
    else words.push_back(argv[i]);
  const Rows rows("bench", {"products", "training-f32", "training-bf16", "softmax", "attention"}, words);
  if (counts.empty()) counts = {1, thread_count()};
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  for (int threads : counts) {
    set_thread_count(threads);
    const Table table;
    Bench bench(kernels(), threads, table);
    const int64_t shapes[][2] = {{768, 2304}, {768, 768}, {768, 3072}, {3072, 768}, {768, 50257}};
    if (rows.has("products")) {
      for (Dtype dtype : {Dtype::kF32, Dtype::kBf16}) {
        for (const auto& s : shapes) bench.product(512, s[0], s[1], dtype);
        for (int64_t M : {1, 8}) bench.product(M, 768, 50257, dtype);
      }
    }
    for (Dtype dtype : {Dtype::kF32, Dtype::kBf16})
      if (rows.has("training-" + std::string(name_of(dtype)))) bench.training(dtype);
    if (rows.has("softmax")) bench.rows();
    if (rows.has("attention")) {
      for (int64_t T : {96, 256, 1024}) bench.attention(T);
    }
  }
}
