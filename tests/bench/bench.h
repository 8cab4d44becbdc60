// What the benchmarks share: times, numbers, the limits of the machine, and the table of figures beside them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "lib/base/arch.h"
#include "lib/base/buffer.h"
#include "lib/base/dtype.h"
#include "lib/base/limits.h"
#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"

namespace nudge::bench {

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class F>
double seconds_of(F&& f) {
  const double begin = now();
  f();
  return now() - begin;
}

// Of `repeats` runs, in seconds. What disturbs a run only adds to it: the fastest is the kernel's own; the median is
// what a user of whole steps meets, and what the peers tell. It begins no run when kPatience seconds are over.
constexpr double kPatience = 15;
template <class F>
double fastest(int repeats, F&& f) {
  f();  // warms up
  double best = 1e30;
  for (int i = 0; i < repeats; ++i) best = std::min(best, seconds_of(f));
  return best;
}
template <class F>
double median(int repeats, F&& f) {
  std::vector<double> all;
  const double begin = now();
  for (int i = 0; i < repeats && (i == 0 || now() - begin < kPatience); ++i) all.push_back(seconds_of(f));
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

// Numbers in [-1, 1) with 16 random bits.
inline Buffer<float> noise(std::int64_t n, std::uint32_t seed) {
  Buffer<float> x(n);
  for (std::int64_t i = 0; i < n; ++i) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = static_cast<float>(seed >> 16) / 32768.0f - 1;
  }
  return x;
}

// Results are checked before they are timed: a fast wrong one is worth nothing.
inline void check(bool good, const std::string& what) {
  if (good) return;
  std::printf("%s is wrong\n", what.c_str());
  std::exit(1);
}

// Of a weight, or of a key or value in a cache.
inline double bytes_of(Dtype dtype) { return dtype == Dtype::kF32 ? 4 : 2; }

struct Limits : MachineLimits {
  // Of products in that arithmetic.
  double of(Dtype dtype) const { return dtype == Dtype::kBf16 && bf16 > 0 ? bf16 : fma; }
  double write = 0, copy = 0;  // bytes a second written, and copied; with stores that pass the caches by
};

inline Limits measure_all_limits() {
  constexpr std::int64_t kBytes = std::int64_t(1) << 30;  // more than any cache, but for the largest
  Limits limits{measure_limits(kernels().name, kBytes, 7)};
  Buffer<float> memory(kBytes / 4);
  const std::int64_t n = memory.size(), grain = n / thread_count() / 8;
  limits.write = kBytes / fastest(5, [&] {
                   parallel_ranges(n, grain, [&](std::int64_t a, std::int64_t b) {
                     constexpr float kOnes[4] = {1, 1, 1, 1};
                     for (std::int64_t i = a; i < b; i += 4) arch::stream(memory.data() + i, kOnes);
                     arch::finish_streams();
                   });
                 });
  limits.copy = kBytes / 2 / fastest(5, [&] {
                  parallel_ranges(n / 2, grain, [&](std::int64_t a, std::int64_t b) {
                    for (std::int64_t i = a; i < b; i += 4) arch::stream(memory.data() + n / 2 + i, memory.data() + i);
                    arch::finish_streams();
                  });
                });
  return limits;
}

// A row says what was measured, the figure, the limit it can't pass, and its share of that. Limits are measured when
// the table begins and, because they wander, again when it ends: shares are of the first.
class Table {
 public:
  Table() : limits(measure_all_limits()) {
    std::printf("%s, %d thread%s\n\n| what | figure | limit | share |\n|---|---|---|---|\n", kernels().name,
                thread_count(), thread_count() == 1 ? "" : "s");
    print_limits(limits, "");
  }
  ~Table() {
    print_limits(measure_all_limits(), ", at the end");
    std::printf("\n");
  }
  Table(const Table&) = delete;

  // `figure` and `limit` in `unit`; without a limit (0) there is no share.
  void row(const std::string& what, double figure, double limit, const char* unit) const {
    std::printf("| %-52s | %8.1f %-8s |", what.c_str(), figure, unit);
    limit > 0 ? std::printf(" %8.1f | %3.0f%% |\n", limit, 100 * figure / limit) : std::printf(" | |\n");
    std::fflush(stdout);
  }
  void computes(const std::string& what, double flops, double s, Dtype dtype) const {
    row(what, flops / s / 1e9, limits.of(dtype) / 1e9, "GFLOP/s");
  }
  void reads(const std::string& what, double bytes, double s) const {
    row(what, bytes / s / 1e9, limits.read / 1e9, "GB/s");
  }
  // Seconds, of which less is better: the share is of the least possible.
  void takes(const std::string& what, double s, double least) const {
    std::printf("| %-52s | %8.1f %-8s | %8.1f | %3.0f%% |\n", what.c_str(), s, "s", least, 100 * least / s);
    std::fflush(stdout);
  }
  // `bytes` are read and as many written.
  void copies(const std::string& what, double bytes, double s) const {
    row(what, 2 * bytes / s / 1e9, 2 * limits.copy / 1e9, "GB/s");
  }

  const Limits limits;

 private:
  void print_limits(const Limits& l, const std::string& when) const {
    row("FMA" + when, l.fma / 1e9, 0, "GFLOP/s");
    if (l.bf16 > 0) row("the instruction for bf16" + when, l.bf16 / 1e9, 0, "GFLOP/s");
    row("reading from memory" + when, l.read / 1e9, 0, "GB/s");
    row("writing to memory" + when, l.write / 1e9, 0, "GB/s");
    row("copying in memory, read + write" + when, 2 * l.copy / 1e9, 0, "GB/s");
  }
};

// The words of a command line that are rows to measure: all where there are none. Ends the program for another word.
class Rows {
 public:
  Rows(const char* program, std::vector<std::string> known, const std::vector<std::string>& words) : chosen_(words) {
    for (const std::string& word : words)
      if (std::find(known.begin(), known.end(), word) == known.end()) {
        std::string list;
        for (const std::string& k : known) list += " " + k;
        std::fprintf(stderr, "%s: there is no row %s; rows:%s\n", program, word.c_str(), list.c_str());
        std::exit(64);
      }
  }
  bool has(const std::string& row) const {
    return chosen_.empty() || std::find(chosen_.begin(), chosen_.end(), row) != chosen_.end();
  }

 private:
  std::vector<std::string> chosen_;
};

}  // namespace nudge::bench
