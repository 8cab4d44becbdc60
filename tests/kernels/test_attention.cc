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
  AttentionForm form;
  Floats q, k, v, dout;

  Head(int64_t t, int64_t d, float cap = 0, int64_t window = 0)
      : T(t), D(d), ld(d + 3), form{1 / std::sqrt(float(d)), cap, window}, q(normals(t * ld, 41, 2)),
        k(normals(t * ld, 42)), v(normals(t * ld, 43)), dout(normals(t * ld, 44)) {}

  // The first key that the query at t sees.
  int64_t seen(int64_t t) const { return form.window > 0 ? std::max<int64_t>(0, t + 1 - form.window) : 0; }
  int64_t keys_size() const { return (T + 15) / 16 * 16 * D; }
  Floats keys(const Kernels& kernel) const {
    Floats kt(at(keys_size()), kNan);
    kernel.put_keys(k.data(), ld, T, D, kt.data());
    return kt;
  }
};

// Blocks for T tokens of a head, each behind `before` numbers of others, filled with ones: NaN as floats and as bf16.
class Store {
 public:
  Store(const Kernels& kernel, int64_t T, int64_t D, bool bf16, int64_t before = 0)
      : size_(kernel.kv_block_size(D)), before_(before), bf16_(bf16) {
    for (int64_t j = 0; j < T; j += kKvBlock) memory_.emplace_back(at((before + size_ + 8) * width()), 0xff);
    for (auto& m : memory_) pointers_.push_back(m.data());
  }
  KvBlocks blocks() const { return {pointers_.data(), before_ * width(), bf16_}; }
  // Without the blocks in front of token j's.
  void give_back(int64_t j) { std::fill_n(pointers_.begin(), j / kKvBlock, nullptr); }
  // Number i of block b, as a float.
  float number(int64_t b, int64_t i) const {
    std::uint32_t bits = 0;
    const unsigned char* from = memory_[at(b)].data() + (before_ + i) * width();
    std::memcpy(reinterpret_cast<char*>(&bits) + (4 - width()), from, at(width()));
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
  }
  bool intact() const {
    return std::all_of(memory_.begin(), memory_.end(), [&](const std::vector<unsigned char>& m) {
      const auto one = [](unsigned char c) { return c == 0xff; };
      return std::all_of(m.begin(), m.begin() + before_ * width(), one) &&
             std::all_of(m.end() - 8 * width(), m.end(), one);
    });
  }

 private:
  int64_t width() const { return bf16_ ? 2 : 4; }
  int64_t size_, before_;
  bool bf16_;
  std::vector<std::vector<unsigned char>> memory_;
  std::vector<void*> pointers_;
};

struct Result {
  Floats out, stats;
};

// Of what calls have left in rows of ld, whose ends they must not have touched.
Result result_of(const Head& h, const Floats& before, const Floats& after, const Floats& stats) {
  Result result = {{}, stats};
  for (int64_t t = 0; t < h.T; ++t) {
    result.out.insert(result.out.end(), after.begin() + t * h.ld, after.begin() + t * h.ld + h.D);
    for (int64_t i = h.D; i < h.ld; ++i) CHECK(same_bits(after[at(t * h.ld + i)], before[at(t * h.ld + i)]));
  }
  return result;
}

// The head in calls of `chunk` queries; tokens appear chunk by chunk, all that is not there yet is NaN, and blocks that
// the window has left are gone.
Result run(const Kernels& kernel, const Head& h, int64_t chunk, int shift = 0, bool bf16 = false) {
  Store store(kernel, h.T, h.D, bf16, 3 * shift);
  Guarded out(h.T * h.ld, shift), stats(2 * h.T, shift), scratch(kernel.attention_scratch(h.T, h.D), shift);
  const Floats before = out.values();
  for (int64_t first = 0; first < h.T; first += chunk) {
    const int64_t n = std::min(chunk, h.T - first);
    kernel.put_kv(h.k.data() + first * h.ld, h.v.data() + first * h.ld, h.ld, first, n, h.D, store.blocks());
    store.give_back(h.seen(first));
    kernel.attention(h.q.data() + first * h.ld, h.ld, n, first, store.blocks(), h.D, h.form, out.data() + first * h.ld,
                     h.ld, stats.data() + 2 * first, scratch.data());
  }
  CHECK((out.intact() && stats.intact() && scratch.intact() && store.intact()));
  return result_of(h, before, out.values(), stats.values());
}

// The head as one sequence without a cache.
Result run_whole(const Kernels& kernel, const Head& h, int shift = 0) {
  Guarded out(h.T * h.ld, shift), stats(2 * h.T, shift);
  Guarded scratch(Floats(at(kernel.attention_scratch(h.T, h.D)), kNan), shift);
  const Floats before = out.values(), kt = h.keys(kernel);
  kernel.attention_whole(h.q.data(), h.v.data(), h.ld, kt.data(), h.T, h.D, h.form, out.data(), h.ld, stats.data(),
                         scratch.data());
  CHECK((out.intact() && stats.intact() && scratch.intact()));
  return result_of(h, before, out.values(), stats.values());
}
// To the nearest bf16, ties to even; for normal numbers.
float rounded(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
  std::memcpy(&x, &bits, 4);
  return x;
}

struct Exact {
  Doubles out;  // T x D
  Doubles max, sum;
};

// The score of the query at t and key j.
double score_of(const Head& h, const Doubles& q, const Doubles& k, int64_t t, int64_t j) {
  double s = 0;
  for (int64_t i = 0; i < h.D; ++i) s += q[at(t * h.ld + i)] * k[at(j * h.ld + i)];
  s *= double(h.form.scale);
  return h.form.cap > 0 ? double(h.form.cap) * std::tanh(s / double(h.form.cap)) : s;
}

Exact exact(const Head& h, const Doubles& q, const Doubles& k, const Doubles& v) {
  Exact e = {Doubles(at(h.T * h.D)), Doubles(at(h.T)), Doubles(at(h.T))};
  for (int64_t t = 0; t < h.T; ++t) {
    const int64_t begin = h.seen(t);
    Doubles s;
    for (int64_t j = begin; j <= t; ++j) s.push_back(score_of(h, q, k, t, j));
    e.max[at(t)] = *std::max_element(s.begin(), s.end());
    for (double& x : s) e.sum[at(t)] += (x = std::exp(x - e.max[at(t)]));
    for (int64_t j = begin; j <= t; ++j) {
      for (int64_t i = 0; i < h.D; ++i) e.out[at(t * h.D + i)] += s[at(j - begin)] / e.sum[at(t)] * v[at(j * h.ld + i)];
    }
  }
  return e;
}

// The gradients of sum(out * dout) by the formulas of mathematics.md (15), in double precision.
std::vector<Doubles> exact_backward(const Head& h) {
  const Doubles q = doubles(h.q), k = doubles(h.k), v = doubles(h.v), dout = doubles(h.dout);
  const Exact e = exact(h, q, k, v);
  std::vector<Doubles> g(3, Doubles(at(h.T * h.ld)));
  for (int64_t t = 0; t < h.T; ++t) {
    double delta = 0;
    for (int64_t i = 0; i < h.D; ++i) delta += e.out[at(t * h.D + i)] * dout[at(t * h.ld + i)];
    for (int64_t j = h.seen(t); j <= t; ++j) {
      const double score = score_of(h, q, k, t, j), p = std::exp(score - e.max[at(t)]) / e.sum[at(t)];
      double dp = 0;
      for (int64_t i = 0; i < h.D; ++i) dp += dout[at(t * h.ld + i)] * v[at(j * h.ld + i)];
      double ds = p * (dp - delta) * double(h.form.scale);
      if (h.form.cap > 0) ds *= 1 - score / double(h.form.cap) * (score / double(h.form.cap));
      for (int64_t i = 0; i < h.D; ++i) {
        g[0][at(t * h.ld + i)] += ds * k[at(j * h.ld + i)];
        g[1][at(j * h.ld + i)] += ds * q[at(t * h.ld + i)];
        g[2][at(j * h.ld + i)] += p * dout[at(t * h.ld + i)];
      }
    }
  }
  return g;
}

// The gradients of sum(out * dout), as three matrices with rows ld apart.
std::vector<Floats> backward(const Kernels& kernel, const Head& h, int shift = 0) {
  const Floats kt = h.keys(kernel);
  Floats out(at(h.T * h.ld)), stats(at(2 * h.T));
  Guarded scratch(Floats(at(kernel.attention_scratch(h.T, h.D)), kNan), shift);
  kernel.attention_whole(h.q.data(), h.v.data(), h.ld, kt.data(), h.T, h.D, h.form, out.data(), h.ld, stats.data(),
                         scratch.data());
  Guarded dq(Floats(at(h.T * h.ld), kNan), shift), dk(Floats(at(h.T * h.ld), kNan), shift + 1),
      dv(Floats(at(h.T * h.ld), kNan), shift);
  kernel.attention_backward(h.q.data(), h.k.data(), h.v.data(), h.ld, kt.data(), out.data(), h.dout.data(), h.ld,
                            stats.data(), h.T, h.D, h.form, dq.data(), dk.data(), dv.data(), h.ld, scratch.data());
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

TEST_CASE("keys go into groups of 16, channel by channel") {
  const Head h(37, 5);
  for (const Kernels* kernel : levels()) {
    const Floats kt = h.keys(*kernel);
    for (int64_t j = 0; j < 48; ++j) {
      for (int64_t i = 0; i < h.D; ++i) {
        CHECK(same_bits(kt[at(j / 16 * 16 * h.D + i * 16 + j % 16)], j < h.T ? h.k[at(j * h.ld + i)] : kNan));
      }
    }
  }
}

TEST_CASE("blocks hold keys in groups of 16 and values as rows, rounded in bf16, also put a few at a time") {
  for (int64_t D : {5, 16, 33}) {
    const Head h(77, D);
    const int64_t row = (D + 15) / 16 * 16;
    for (const Kernels* kernel : levels()) {
      for (bool bf16 : {false, true}) {
        const Store store(*kernel, h.T, D, bf16, 9);
        for (int64_t j = 0; j < h.T; j += 7) {
          const int64_t n = std::min<int64_t>(7, h.T - j);
          kernel->put_kv(h.k.data() + j * h.ld, h.v.data() + j * h.ld, h.ld, j, n, D, store.blocks());
        }
        CHECK(store.intact());
        for (int64_t j = 0; j < 96; ++j) {
          const auto wanted = [&](const Floats& x, int64_t i) {
            return bf16 ? rounded(x[at(j * h.ld + i)]) : x[at(j * h.ld + i)];
          };
          for (int64_t i = 0; i < D; ++i) {
            const int64_t in_block = j % kKvBlock;
            const float k = store.number(j / kKvBlock, in_block / 16 * 16 * D + i * 16 + in_block % 16);
            const float v = store.number(j / kKvBlock, kKvBlock * D + in_block * row + i);
            if (j >= h.T) CHECK((std::isnan(k) && std::isnan(v)));
            else CHECK((same_bits(k, wanted(h.k, i)) && same_bits(v, wanted(h.v, i))));
          }
        }
      }
    }
  }
}

TEST_CASE("over bf16 attention has exactly the bits of float32 over rounded keys and values") {
  for (int64_t D : {1, 17, 64, 100}) {
    const Head h(D == 64 ? 541 : 70, D);
    Head exact_head = h;
    for (float& x : exact_head.k) x = rounded(x);
    for (float& x : exact_head.v) x = rounded(x);
    const Result expected = run(*levels().front(), exact_head, h.T);
    for (const Kernels* kernel : levels()) {
      for (int64_t chunk : std::initializer_list<int64_t>{h.T, 1, 13, 257}) {
        const Result r = run(*kernel, h, chunk, static_cast<int>(chunk % 5), true);
        CHECK(same_bits(r.out, expected.out));
        CHECK(same_bits(r.stats, expected.stats));
      }
    }
    CHECK_FALSE(same_bits(run(*levels().front(), h, h.T).out, expected.out));
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

TEST_CASE("prefill, chunks, token by token and without a cache: the same bits, with NaN behind the position") {
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
      for (int shift : {0, 3}) {
        const Result r = run_whole(*kernel, h, shift);
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
      s[at(j)] *= h.form.scale;
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
    const Store store(*kernel, h.T, h.D, false);
    Floats out(at(h.T * h.ld)), scratch(at(kernel->attention_scratch(h.T, h.D)));
    kernel->put_kv(h.k.data(), h.v.data(), h.ld, 0, h.T, h.D, store.blocks());
    kernel->attention(h.q.data(), h.ld, h.T, 0, store.blocks(), h.D, h.form, out.data(), h.ld, nullptr, scratch.data());
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
  for (const Head& h :
       {Head(53, 3), Head(53, 16), Head(53, 21), Head(53, 16, 2), Head(53, 5, 0, 17), Head(53, 21, 1, 5)}) {
    const auto loss = [&](const Doubles& x, int which) {
      const Exact e =
          exact(h, which == 0 ? x : doubles(h.q), which == 1 ? x : doubles(h.k), which == 2 ? x : doubles(h.v));
      double sum = 0;
      for (int64_t i = 0; i < h.T * h.D; ++i) sum += e.out[at(i)] * double(h.dout[at(i / h.D * h.ld + i % h.D)]);
      return sum;
    };
    for (const Kernels* kernel : levels()) {
      const std::vector<Floats> g = backward(*kernel, h);
      for (int which = 0; which < 3; ++which) {
        const Doubles x = doubles(which == 0 ? h.q : which == 1 ? h.k : h.v);
        for (int64_t t : {0, 1, 12, 16, 47, 48, 52}) {
          for (int64_t i : {int64_t(0), h.D - 1}) {
            const double expected = slope([&](const Doubles& y) { return loss(y, which); }, x, at(t * h.ld + i));
            CHECK(near(g[std::size_t(which)][at(t * h.ld + i)], expected, 2e-5, 2e-5));
          }
        }
      }
    }
  }
}

TEST_CASE("the whole gradient agrees with its formulas in double precision over several blocks") {
  for (const Head& h :
       {Head(307, 64), Head(307, 64, 3), Head(563, 16, 0, 257), Head(307, 20, 2, 33), Head(110, 7, 0, 5)}) {
    const std::vector<Doubles> g = exact_backward(h);
    for (const Kernels* kernel : levels()) {
      const std::vector<Floats> got = backward(*kernel, h);
      for (std::size_t which = 0; which < 3; ++which) {
        for (int64_t t = 0; t < h.T; ++t) {
          for (int64_t i = 0; i < h.D; ++i)
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

// Lengths pass twice every constant by which keys and queries are blocked, and end oddly.
TEST_CASE("windows and caps: double precision, the bits of every chunk, and no key in front of the window") {
  for (bool bf16 : {false, true}) {
    for (float cap : {0.0f, 2.0f}) {
      for (int64_t window : {0, 1, 5, 11, 12, 13, 16, 31, 32, 33, 257, 10000}) {
        if (cap == 0 && window == 0) continue;
        Head h(window == 257 ? 541 : 109, window == 33 ? 64 : 19, cap, window);
        if (bf16) {
          for (float& x : h.k) x = rounded(x);
          for (float& x : h.v) x = rounded(x);
        }
        const Exact e = exact(h, doubles(h.q), doubles(h.k), doubles(h.v));
        const Result whole = run(*levels().front(), h, h.T, 0, bf16);
        const double error = (20.0 * double(h.D + 2) + double(h.T)) * 0x1p-24;
        for (int64_t i = 0; i < h.T * h.D; ++i) CHECK(near(whole.out[at(i)], e.out[at(i)], error, 4 * error));
        for (int64_t t = 0; t < h.T; ++t) {
          CHECK(near(whole.stats[at(2 * t)], e.max[at(t)], 0, error));
          CHECK(near(whole.stats[at(2 * t + 1)], e.sum[at(t)], 2 * error, 0));
        }
        for (const Kernels* kernel : levels()) {
          for (int64_t chunk : std::initializer_list<int64_t>{h.T, 1, 7, 13, 48}) {
            const Result r = run(*kernel, h, chunk, static_cast<int>(chunk % 5), bf16);
            CHECK(same_bits(r.out, whole.out));
            CHECK(same_bits(r.stats, whole.stats));
          }
          const Result r = run_whole(*kernel, h, 3);
          CHECK(same_bits(r.out, whole.out));
          CHECK(same_bits(r.stats, whole.stats));
        }
      }
    }
  }
}

TEST_CASE("a window that holds all tokens and a sequence that fits one have the bits of attention without") {
  const Head all(109, 19), wide(109, 19, 0, 109);
  Head late(109, 19, 0, 40);
  late.T = 40;
  for (const Kernels* kernel : levels()) {
    const Floats expected = run(*kernel, all, 109).out, early = run(*kernel, late, 40).out;
    CHECK(same_bits(run(*kernel, wide, 109).out, expected));
    CHECK(same_bits(early, Floats(expected.begin(), expected.begin() + 40 * 19)));
    CHECK_FALSE(same_bits(run(*kernel, Head(109, 19, 0, 108), 109).out, expected));
    for (std::size_t i = 0; i < 3; ++i) {
      const Floats a = backward(*kernel, all)[i], b = backward(*kernel, wide)[i];
      for (int64_t t = 0; t < 109; ++t) {
        for (int64_t c = 0; c < 19; ++c) CHECK(same_bits(a[at(t * 22 + c)], b[at(t * 22 + c)]));
      }
    }
  }
}

TEST_CASE("a key in front of the window reaches neither a query nor its gradient, be it infinite") {
  const Head h(90, 16, 3, 21);
  for (const Kernels* kernel : levels()) {
    for (float bad : {kNan, std::numeric_limits<float>::infinity()}) {
      Head other = h;
      std::fill_n(other.k.begin(), 30 * h.ld, bad);
      std::fill_n(other.v.begin(), 30 * h.ld, bad);
      const Floats out = run(*kernel, h, h.T).out, dq = backward(*kernel, h)[0];
      const Floats other_out = run(*kernel, other, h.T).out, other_dq = backward(*kernel, other)[0];
      for (int64_t t = 50; t < h.T; ++t) {
        for (int64_t i = 0; i < h.D; ++i) {
          CHECK(same_bits(out[at(t * h.D + i)], other_out[at(t * h.D + i)]));
          CHECK(same_bits(dq[at(t * h.ld + i)], other_dq[at(t * h.ld + i)]));
        }
      }
    }
  }
}

TEST_CASE("the gradient of windows and caps has the same bits at every level and wherever memory lies") {
  for (const Head& h :
       {Head(110, 17, 2), Head(541, 16, 0, 257), Head(110, 33, 2, 31), Head(110, 9, 0, 12), Head(70, 9, 1, 1)}) {
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
