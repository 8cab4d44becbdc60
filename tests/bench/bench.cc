// Measures the kernels against the limits of this machine, both in one run because the limits wander from
// day to day: FMA throughput and reading from memory. usage: bench [threads...] (default: 1 and all)
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"

using namespace nudge;
using std::int64_t;

namespace {

struct Limits { double flops, bytes; };  // a second, of all threads together

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The fastest of `repeats` runs, in seconds, after one that warms up: what disturbs a run only adds to it.
template <class F> double seconds(int repeats, F&& f) {
  f();
  double fastest = 1e30;
  for (int i = 0; i < repeats; ++i) {
    const double begin = now();
    f();
    fastest = std::min(fastest, now() - begin);
  }
  return fastest;
}

// Numbers in [-1, 1) with 16 random bits.
Buffer<float> noise(int64_t n, std::uint32_t seed) {
  Buffer<float> x(n);
  for (int64_t i = 0; i < n; ++i) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = static_cast<float>(seed >> 16) / 32768.0f - 1;
  }
  return x;
}

void check(bool good, const char* what) {
  if (good) return;
  std::printf("bench: %s is wrong\n", what);
  std::exit(1);
}

// --- limits ---

constexpr int kChains = 12, kRounds = 2000000;  // milliseconds, so that waking a thread is no part of it

// Twelve chains x = 0 x + 0 in registers, in assembly because a compiler may keep them elsewhere.
#define NUDGE_CHAIN(type, n) "vfmadd213ps %%" type "mm12, %%" type "mm12, %%" type "mm" #n "\n\t"
#define NUDGE_CHAINS(type)                                                                              \
  NUDGE_CHAIN(type, 0) NUDGE_CHAIN(type, 1) NUDGE_CHAIN(type, 2) NUDGE_CHAIN(type, 3)                   \
  NUDGE_CHAIN(type, 4) NUDGE_CHAIN(type, 5) NUDGE_CHAIN(type, 6) NUDGE_CHAIN(type, 7)                   \
  NUDGE_CHAIN(type, 8) NUDGE_CHAIN(type, 9) NUDGE_CHAIN(type, 10) NUDGE_CHAIN(type, 11)
#define NUDGE_FMA_LOOP(type)                                                                            \
  "vzeroall\n\t.p2align 5\n\t1:\n\t" NUDGE_CHAINS(type) "dec %0\n\tjnz 1b\n\tvzeroupper"
#define NUDGE_CLOBBERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                       "xmm11", "xmm12", "cc"

void fma_v4() {
  std::int64_t rounds = kRounds;
  asm volatile(NUDGE_FMA_LOOP("z") : "+r"(rounds) : : NUDGE_CLOBBERS);
}
void fma_v3() {
  std::int64_t rounds = kRounds;
  asm volatile(NUDGE_FMA_LOOP("y") : "+r"(rounds) : : NUDGE_CLOBBERS);
}

// Adds up four streams, so that no latency of an addition shows.
__attribute__((target("avx2"))) void read_all(const float* p, int64_t n) {
  __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
  const int64_t part = n / 4;
  for (int64_t i = 0; i + 16 <= part; i += 16) {
    for (int s = 0; s < 4; ++s) {
      const float* at = p + s * part + i;
      sum[s] = _mm256_add_ps(sum[s], _mm256_add_ps(_mm256_loadu_ps(at), _mm256_loadu_ps(at + 8)));
    }
  }
  for (int s = 0; s < 4; ++s) asm volatile("" : : "x"(sum[s]));  // or the sums would not be computed
}

Limits measure_limits(const Kernels& k, int threads, const Buffer<float>& memory) {
  const bool wide = std::string(k.name) == "v4";
  const double flops = 2.0 * (wide ? 16 : 8) * kChains * kRounds * threads;
  const double compute = seconds(20, [&] { parallel_for(threads, [&](int64_t) { wide ? fma_v4() : fma_v3(); }); });
  const int64_t grain = memory.size() / threads / 8;
  const double read = seconds(5, [&] {
    parallel_ranges(memory.size(), grain, [&](int64_t a, int64_t b) { read_all(memory.data() + a, b - a); });
  });
  return {flops / compute, 4.0 * static_cast<double>(memory.size()) / read};
}

// --- kernels ---

struct Bench {
  const Kernels& k;
  int threads;
  Limits limits;

  Bench(const Kernels& kernel, int n, Limits l) : k(kernel), threads(n), limits(l) {}
  float* own_scratch() {
    thread_local Buffer<float> scratch;
    scratch.reserve(std::max(k.gemm_scratch, k.attention_scratch(1024, 64)));
    return scratch.data();
  }

  void say_flops(const std::string& what, double flops, double s) const {
    std::printf("  %-40s %8.1f GFLOP/s  %3.0f%% of FMA\n", what.c_str(), flops / s / 1e9,
                100 * flops / s / limits.flops);
  }
  void say_bytes(const std::string& what, double bytes, double s) const {
    std::printf("  %-40s %8.1f GB/s     %3.0f%% of reading  (%.2f ms)\n", what.c_str(), bytes / s / 1e9,
                100 * bytes / s / limits.bytes, 1e3 * s);
  }

  void gemm(int64_t M, int64_t K, int64_t N);
  void rows();
  void attention();
};

void Bench::gemm(int64_t M, int64_t K, int64_t N) {
  const Buffer<float> a = noise(M * K, 1), b = noise(K * N, 2);
  Buffer<float> packed(k.packed_size(K, N)), c(M * N);
  const int64_t panels = (N + 31) / 32;
  parallel_ranges(panels, 8, [&](int64_t p, int64_t e) { k.pack(b.data(), N, 1, K, N, p, e, packed.data()); });
  // Few large shares while A has to be copied for each; whole groups of four panels for the few-row tiles.
  const int64_t shares = threads * (M >= 64 ? std::clamp<int64_t>(panels / 24, 1, 8) : 4);
  const int64_t grain = ((panels + shares - 1) / shares + 3) / 4 * 4;
  const auto run = [&] {
    parallel_ranges(panels, grain, [&](int64_t p, int64_t e) {
      k.gemm(a.data(), K, 1, packed.data(), nullptr, c.data(), N, M, N, K, p, e, false, own_scratch());
    });
  };
  run();
  for (int64_t i = 0; i < 200; ++i) {
    const int64_t m = i * 7919 % M, n = i * 104729 % N;
    float sum = 0;
    for (int64_t j = 0; j < K; ++j) sum = std::fma(a[m * K + j], b[j * N + n], sum);
    check(sum == c[m * N + n], "gemm");
  }
  const double s = seconds(M * K * N > (int64_t(1) << 33) ? 5 : 15, run);
  const std::string what = "gemm M " + std::to_string(M) + ", " + std::to_string(K) + " x " + std::to_string(N);
  if (M >= 64) say_flops(what, 2.0 * static_cast<double>(M * K * N), s);
  else say_bytes(what, 4.0 * static_cast<double>(K * N), s);
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
                     nullptr, nullptr, g.data() + t * V);
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
  say_bytes("row_stats [512, 50257]", bytes, seconds(9, forward));
  say_bytes("row_backward [512, 50257], read + write", 2 * bytes, seconds(9, backward));
}

void Bench::attention() {
  const int64_t T = 1024, D = 64, H = 12, ld = 3 * H * D;
  const Buffer<float> qkv = noise(T * ld, 4);
  Buffer<float> kv(H * T / kKvBlock * k.kv_block_size(D)), out(T * H * D);
  std::vector<void*> blocks;  // those of head h from h T / kKvBlock on
  for (int64_t b = 0; b < H * T / kKvBlock; ++b) blocks.push_back(kv.data() + b * k.kv_block_size(D));
  const auto run = [&] {
    parallel_for(H, [&](int64_t h) {
      const float* q = qkv.data() + h * D;
      const KvBlocks at = {blocks.data() + h * T / kKvBlock, 0, false};
      k.put_kv(q + H * D, q + 2 * H * D, ld, 0, T, D, at);
      k.attention(q, ld, T, 0, at, D, 0.125f, out.data() + h * D, H * D, nullptr, own_scratch());
    });
  };
  run();
  for (int64_t t = 0; t < T; t += 341) {
    const float* q = qkv.data() + t * ld;
    double sum = 0, y = 0;
    for (int64_t j = 0; j <= t; ++j) {
      double score = 0;
      for (int64_t i = 0; i < D; ++i) score += double(q[i]) * double(qkv[j * ld + H * D + i]);
      const double e = std::exp(score * 0.125);
      sum += e, y += e * double(qkv[j * ld + 2 * H * D]);
    }
    check(std::abs(double(out[t * H * D]) - y / sum) < 1e-5, "attention");
  }
  const double flops = 2.0 * 2 * static_cast<double>(H * D * T * (T + 1) / 2);
  say_flops("attention, 12 heads, prefill of 1024", flops, seconds(9, run));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<int> counts;
  for (int i = 1; i < argc; ++i) counts.push_back(std::max(1, std::atoi(argv[i])));
  if (counts.empty()) counts = {1, thread_count()};
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  const Buffer<float> memory = noise(int64_t(1) << 28, 5);  // 1 GiB: more than any cache
  for (int threads : counts) {
    set_thread_count(threads);
    const Limits limits = measure_limits(kernels(), threads, memory);
    std::printf("%s, %d thread%s: FMA %.0f GFLOP/s, reading %.1f GB/s\n", kernels().name, threads,
                threads == 1 ? "" : "s", limits.flops / 1e9, limits.bytes / 1e9);
    Bench bench(kernels(), threads, limits);
    const int64_t shapes[][2] = {{768, 2304}, {768, 768}, {768, 3072}, {3072, 768}, {768, 50257}};
    for (const auto& s : shapes) bench.gemm(512, s[0], s[1]);
    for (int64_t M : {1, 8}) bench.gemm(M, 768, 50257);
    bench.rows();
    bench.attention();
  }
}
