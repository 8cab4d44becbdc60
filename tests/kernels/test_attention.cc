// Attention: its value and gradient in double precision, and that a query's result is a function of the
// query and of what stands before it alone.
#include <algorithm>

#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;
using std::int64_t;

namespace {

std::size_t at(int64_t i) { return static_cast<std::size_t>(i); }

// One head of T tokens; every matrix has rows `ld` apart.
struct Head {
  int64_t T, D, ld;
  float scale;
  Floats q, k, v, dout;

  Head(int64_t t, int64_t d)
      : T(t), D(d), ld(d + 3), scale(1 / std::sqrt(float(d))), q(normals(t * ld, 41, 2)), k(normals(t * ld, 42)),
        v(normals(t * ld, 43)), dout(normals(t * ld, 44)) {}

  int64_t keys_size() const { return (T + 15) / 16 * 16 * D; }
  Floats keys(const Kernels& kernel) const {
    Floats kt(at(keys_size()), kNan);
    kernel.put_keys(k.data(), ld, 0, T, D, kt.data());
    return kt;
  }
};

struct Result {
  Floats out, stats;
};

// The head in calls of `chunk` queries; keys appear chunk by chunk, and all that is not there yet is NaN.
Result run(const Kernels& kernel, const Head& h, int64_t chunk, int shift = 0) {
  Floats kt(at(h.keys_size()), kNan), v(h.v.size(), kNan);
  Guarded out(h.T * h.ld, shift), stats(2 * h.T, shift), scratch(kernel.attention_scratch(h.T, h.D), shift);
  const Floats before = out.values();
  for (int64_t first = 0; first < h.T; first += chunk) {
    const int64_t n = std::min(chunk, h.T - first);
    kernel.put_keys(h.k.data() + first * h.ld, h.ld, first, n, h.D, kt.data());
    for (int64_t j = first; j < first + n; ++j) std::copy_n(h.v.begin() + j * h.ld, h.D, v.begin() + j * h.ld);
    // Values end with the last row, without the padding of a row.
    const Floats exact(v.begin(), v.begin() + (first + n - 1) * h.ld + h.D);
    kernel.attention(h.q.data() + first * h.ld, h.ld, n, first, kt.data(), exact.data(), h.ld, h.D, h.scale,
                     out.data() + first * h.ld, h.ld, stats.data() + 2 * first, scratch.data());
  }
  CHECK((out.intact() && stats.intact() && scratch.intact()));
  Result result = {{}, stats.values()};
  const Floats after = out.values();
  for (int64_t t = 0; t < h.T; ++t) {
    result.out.insert(result.out.end(), after.begin() + t * h.ld, after.begin() + t * h.ld + h.D);
    for (int64_t i = h.D; i < h.ld; ++i) CHECK(same_bits(after[at(t * h.ld + i)], before[at(t * h.ld + i)]));
  }
  return result;
}

struct Exact {
  Doubles out;  // T x D
  Doubles max, sum;
};

Exact exact(const Head& h, const Doubles& q, const Doubles& k, const Doubles& v) {
  Exact e = {Doubles(at(h.T * h.D)), Doubles(at(h.T)), Doubles(at(h.T))};
  for (int64_t t = 0; t < h.T; ++t) {
    Doubles s(at(t + 1));
    for (int64_t j = 0; j <= t; ++j) {
      for (int64_t i = 0; i < h.D; ++i) s[at(j)] += q[at(t * h.ld + i)] * k[at(j * h.ld + i)];
      s[at(j)] *= double(h.scale);
    }
    e.max[at(t)] = *std::max_element(s.begin(), s.end());
    for (double& x : s) e.sum[at(t)] += (x = std::exp(x - e.max[at(t)]));
    for (int64_t j = 0; j <= t; ++j) {
      for (int64_t i = 0; i < h.D; ++i) e.out[at(t * h.D + i)] += s[at(j)] / e.sum[at(t)] * v[at(j * h.ld + i)];
    }
  }
  return e;
}

// The gradients of sum(out * dout), as three matrices with rows ld apart.
std::vector<Floats> backward(const Kernels& kernel, const Head& h, int shift = 0) {
  const Floats kt = h.keys(kernel);
  Floats out(at(h.T * h.ld)), stats(at(2 * h.T));
  Guarded scratch(Floats(at(kernel.attention_scratch(h.T, h.D)), kNan), shift);
  kernel.attention(h.q.data(), h.ld, h.T, 0, kt.data(), h.v.data(), h.ld, h.D, h.scale, out.data(), h.ld, stats.data(),
                   scratch.data());
  Guarded dq(Floats(at(h.T * h.ld), kNan), shift), dk(Floats(at(h.T * h.ld), kNan), shift + 1),
      dv(Floats(at(h.T * h.ld), kNan), shift);
  kernel.attention_backward(h.q.data(), h.k.data(), h.v.data(), h.ld, kt.data(), out.data(), h.dout.data(), h.ld,
                            stats.data(), h.T, h.D, h.scale, dq.data(), dk.data(), dv.data(), h.ld, scratch.data());
  CHECK((dq.intact() && dk.intact() && dv.intact() && scratch.intact()));
  std::vector<Floats> all = {dq.values(), dk.values(), dv.values()};
  for (const Floats& g : all) {
    for (int64_t t = 0; t < h.T; ++t) {
      for (int64_t i = h.D; i < h.ld; ++i) CHECK(std::isnan(g[at(t * h.ld + i)]));
    }
  }
  return all;
}

}  // namespace

TEST_CASE("keys go into blocks of 16, channel by channel, also a few at a time") {
  const Head h(37, 5);
  for (const Kernels* kernel : levels()) {
    const Floats whole = h.keys(*kernel);
    Floats parts(at(h.keys_size()), kNan);
    for (int64_t j = 0; j < h.T; j += 7) {
      kernel->put_keys(h.k.data() + j * h.ld, h.ld, j, std::min<int64_t>(7, h.T - j), h.D, parts.data());
    }
    for (int64_t j = 0; j < 48; ++j) {
      for (int64_t i = 0; i < h.D; ++i) {
        const std::size_t to = at(j / 16 * 16 * h.D + i * 16 + j % 16);
        CHECK(same_bits(whole[to], j < h.T ? h.k[at(j * h.ld + i)] : kNan));
        CHECK(same_bits(parts[to], whole[to]));
      }
    }
  }
}

TEST_CASE("attention and its stats agree with double precision") {
  for (int64_t D : {1, 2, 7, 15, 16, 17, 31, 33, 48, 64, 65, 80, 128}) {
    const Head h(D == 64 ? 531 : 75, D);
    const Exact e = exact(h, doubles(h.q), doubles(h.k), doubles(h.v));
    for (const Kernels* kernel : levels()) {
      const Result r = run(*kernel, h, h.T);
      // Scores below 20 carry an absolute error below 20 (D + 2) 2^-24; weights carry it as a relative one.
      const double error = (20.0 * double(D + 2) + double(h.T)) * 0x1p-24;
      for (int64_t i = 0; i < h.T * h.D; ++i) CHECK(near(r.out[at(i)], e.out[at(i)], error, 4 * error));
      for (int64_t t = 0; t < h.T; ++t) {
        CHECK(near(r.stats[at(2 * t)], e.max[at(t)], 0, error));
        CHECK(near(r.stats[at(2 * t + 1)], e.sum[at(t)], 2 * error, 0));
      }
    }
  }
}

TEST_CASE("prefill, chunks of any length and token by token have the same bits, with NaN behind the position") {
  for (int64_t D : {1, 17, 64, 100}) {
    const Head h(D == 64 ? 541 : 70, D);
    Result whole;
    for (const Kernels* kernel : levels()) {
      if (whole.out.empty()) whole = run(*kernel, h, h.T);
      for (int64_t chunk : std::initializer_list<int64_t>{h.T, 1, 2, 5, 6, 12, 13, 257}) {
        const Result r = run(*kernel, h, chunk, static_cast<int>(chunk % 5));
        CHECK(same_bits(r.out, whole.out));
        CHECK(same_bits(r.stats, whole.stats));
      }
    }
  }
}

TEST_CASE("attention is the chains that its contract names") {
  const Head h(40, 9);
  const Floats one = run(*levels().front(), h, h.T).out;
  for (int64_t t : {0, 15, 16, 39}) {
    Floats s(at(t + 1)), e(at(t + 1));
    for (int64_t j = 0; j <= t; ++j) {
      for (int64_t i = 0; i < h.D; ++i) s[at(j)] = std::fma(h.q[at(t * h.ld + i)], h.k[at(j * h.ld + i)], s[at(j)]);
      s[at(j)] *= h.scale;
    }
    const float max = *std::max_element(s.begin(), s.end());
    for (float& x : s) x -= max;
    levels().front()->exp(s.data(), e.data(), t + 1);
    float lanes[16] = {};
    for (int64_t j = 0; j <= t; ++j) lanes[j % 16] += e[at(j)];
    for (int half : {8, 4, 2, 1}) {
      for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    for (int64_t i = 0; i < h.D; ++i) {
      float sum = 0;
      for (int64_t j = 0; j <= t; ++j) sum = std::fma(e[at(j)], h.v[at(j * h.ld + i)], sum);
      CHECK(same_bits(one[at(t * h.D + i)], sum / lanes[0]));
    }
  }
}

TEST_CASE("attention without stats gives the same bits") {
  const Head h(50, 64);
  for (const Kernels* kernel : levels()) {
    const Floats kt = h.keys(*kernel);
    Floats out(at(h.T * h.ld)), scratch(at(kernel->attention_scratch(h.T, h.D)));
    kernel->attention(h.q.data(), h.ld, h.T, 0, kt.data(), h.v.data(), h.ld, h.D, h.scale, out.data(), h.ld, nullptr,
                      scratch.data());
    const Floats with = run(*kernel, h, h.T).out;
    for (int64_t t = 0; t < h.T; ++t) {
      for (int64_t i = 0; i < h.D; ++i) CHECK(same_bits(out[at(t * h.ld + i)], with[at(t * h.D + i)]));
    }
  }
}

TEST_CASE("a first query returns the first value exactly") {
  const Head h(1, 64);
  for (const Kernels* kernel : levels()) {
    CHECK(same_bits(run(*kernel, h, 1).out, Floats(h.v.begin(), h.v.begin() + 64)));
  }
}

TEST_CASE("scores far apart or huge neither overflow nor lose the largest") {
  Head h(33, 4);
  for (float& x : h.q) x *= 1e4f;
  for (const Kernels* kernel : levels()) {
    const Result r = run(*kernel, h, h.T);
    for (float x : r.out) CHECK(std::isfinite(x));
    for (int64_t t = 0; t < h.T; ++t) CHECK(r.stats[at(2 * t + 1)] >= 1);
  }
}

TEST_CASE("the gradient of attention agrees with central differences in double precision") {
  for (int64_t D : {3, 16, 21}) {
    const Head h(53, D);
    const auto loss = [&](const Doubles& x, int which) {
      const Exact e = exact(h, which == 0 ? x : doubles(h.q), which == 1 ? x : doubles(h.k),
                            which == 2 ? x : doubles(h.v));
      double sum = 0;
      for (int64_t i = 0; i < h.T * h.D; ++i) sum += e.out[at(i)] * double(h.dout[at(i / h.D * h.ld + i % h.D)]);
      return sum;
    };
    for (const Kernels* kernel : levels()) {
      const std::vector<Floats> g = backward(*kernel, h);
      for (int which = 0; which < 3; ++which) {
        const Doubles x = doubles(which == 0 ? h.q : which == 1 ? h.k : h.v);
        for (int64_t t : {0, 1, 12, 16, 47, 48, 52}) {
          for (int64_t i : {int64_t(0), D - 1}) {
            const double expected = slope([&](const Doubles& y) { return loss(y, which); }, x, at(t * h.ld + i));
            CHECK(near(g[std::size_t(which)][at(t * h.ld + i)], expected, 2e-5, 2e-5));
          }
        }
      }
    }
  }
}

TEST_CASE("the whole gradient agrees with its formulas in double precision over several blocks") {
  const Head h(307, 64);
  const Exact e = exact(h, doubles(h.q), doubles(h.k), doubles(h.v));
  std::vector<Doubles> g(3, Doubles(at(h.T * h.ld)));
  for (int64_t t = 0; t < h.T; ++t) {
    double delta = 0;
    for (int64_t i = 0; i < h.D; ++i) delta += e.out[at(t * h.D + i)] * double(h.dout[at(t * h.ld + i)]);
    for (int64_t j = 0; j <= t; ++j) {
      double score = 0, dp = 0;
      for (int64_t i = 0; i < h.D; ++i) {
        score += double(h.q[at(t * h.ld + i)]) * double(h.k[at(j * h.ld + i)]);
        dp += double(h.dout[at(t * h.ld + i)]) * double(h.v[at(j * h.ld + i)]);
      }
      const double p = std::exp(score * double(h.scale) - e.max[at(t)]) / e.sum[at(t)];
      const double ds = p * (dp - delta) * double(h.scale);
      for (int64_t i = 0; i < h.D; ++i) {
        g[0][at(t * h.ld + i)] += ds * double(h.k[at(j * h.ld + i)]);
        g[1][at(j * h.ld + i)] += ds * double(h.q[at(t * h.ld + i)]);
        g[2][at(j * h.ld + i)] += p * double(h.dout[at(t * h.ld + i)]);
      }
    }
  }
  for (const Kernels* kernel : levels()) {
    const std::vector<Floats> got = backward(*kernel, h);
    for (std::size_t which = 0; which < 3; ++which) {
      for (int64_t t = 0; t < h.T; ++t) {
        for (int64_t i = 0; i < h.D; ++i) {
          CHECK(near(got[which][at(t * h.ld + i)], g[which][at(t * h.ld + i)], 2e-5, 2e-5));
        }
      }
    }
  }
}

TEST_CASE("the gradient has the same bits at every level and wherever memory lies") {
  for (int64_t D : {1, 17, 64}) {
    for (int64_t T : {1, 16, 49, 110, 531}) {
      const Head h(T, D);
      std::vector<Floats> first;
      for (const Kernels* kernel : levels()) {
        for (int shift : {0, 3}) {
          const std::vector<Floats> g = backward(*kernel, h, shift);
          if (first.empty()) first = g;
          for (std::size_t i = 0; i < 3; ++i) CHECK(same_bits(g[i], first[i]));
        }
      }
    }
  }
}

TEST_CASE("later tokens change no bit of an earlier query's gradient") {
  const Head h(100, 20);
  Head shorter = h;
  shorter.T = 61;
  for (const Kernels* kernel : levels()) {
    const Floats whole = backward(*kernel, h)[0], part = backward(*kernel, shorter)[0];
    for (int64_t t = 0; t < 61; ++t) {
      for (int64_t i = 0; i < h.D; ++i) CHECK(same_bits(whole[at(t * h.ld + i)], part[at(t * h.ld + i)]));
    }
  }
}
