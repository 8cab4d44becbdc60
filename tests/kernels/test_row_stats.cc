// Statistics of a row of logits, and the divergence of two rows.
#include <algorithm>

#include "tests/kernels/softmax_truth.h"

using namespace nudge;
using namespace nudge::test;

namespace {

void check_stats(const Kernels& k, const Floats& logits, float temperature, int chosen) {
  const Doubles log_p = log_softmax(doubles(logits), temperature);
  const RowStats s = stats_of(k, logits, temperature, chosen);
  double top = -INFINITY;
  for (float l : logits) top = std::max(top, double(l) / temperature);
  CHECK(near(s.max, top, 1e-7, 0));
  CHECK(near(double(s.max) + s.log_sum, top - *std::max_element(log_p.begin(), log_p.end()), 2e-7, 1e-6));
  CHECK(near(s.logprob, chosen < 0 ? 0 : log_p[std::size_t(chosen)], 2e-7, 1e-6 + 2e-7 * std::abs(top)));
  CHECK(near(s.entropy, entropy(log_p), 1e-6, 1e-6));
}

float divergence_of(const Kernels& k, const Floats& p, const Floats& q, float temperature) {
  FlushDenormals flush;
  const RowStats sp = stats_of(k, p, temperature), sq = stats_of(k, q, temperature);
  return k.row_kl(p.data(), &sp, q.data(), &sq, std::int64_t(p.size()), temperature);
}

}  // namespace

TEST_CASE("a row's statistics agree with double precision at every size and temperature") {
  for (const Kernels* k : levels()) {
    for (std::int64_t V : sizes()) {
      if (V == 0) continue;
      const Floats logits = normals(V, 21, 4);
      for (float temperature : {1.0f, 0.7f, 2.5f}) {
        check_stats(*k, logits, temperature, int(V - 1));
        check_stats(*k, logits, temperature, -1);
      }
    }
  }
}

TEST_CASE("a vocabulary of 50257 keeps its digits, flat or peaked") {
  for (const Kernels* k : levels()) {
    for (double scale : {0.01, 1.0, 8.0}) {
      const Floats logits = normals(50257, 22, scale);
      for (int chosen : {0, 17, 50256}) check_stats(*k, logits, 1.0f, chosen);
    }
  }
}

TEST_CASE("the running maximum may rise in any block, by little or by much") {
  for (const Kernels* k : levels()) {
    for (float jump : {0.5f, 30.0f, 300.0f}) {
      Floats logits = normals(4100, 23);
      for (std::size_t i = 0; i < logits.size(); ++i) logits[i] += jump * float(i / 1024);
      check_stats(*k, logits, 1.0f, 4099);
      std::reverse(logits.begin(), logits.end());
      check_stats(*k, logits, 1.0f, 0);
    }
  }
}

TEST_CASE("a row has the same statistics wherever it lies, to the bit") {
  const Floats logits = normals(2063, 24, 3);
  for (const Kernels* k : levels()) {
    const RowStats expected = stats_of(*k, logits, 0.9f, 1000);
    for (int shift = 0; shift < 16; ++shift) {
      FlushDenormals flush;
      Guarded row(logits, shift);
      RowStats s;
      k->row_stats(row.data(), 2063, 0.9f, 1000, &s);
      CHECK(std::memcmp(&s, &expected, sizeof s) == 0);
    }
  }
}

TEST_CASE("one token alone is certain") {
  for (const Kernels* k : levels()) {
    const RowStats s = stats_of(*k, {3.25f}, 1.0f, 0);
    CHECK((s.max == 3.25f && s.log_sum == 0.0f && s.logprob == 0.0f && s.entropy == 0.0f));
  }
}

TEST_CASE("equal logits have the entropy of a uniform distribution") {
  for (const Kernels* k : levels()) {
    for (int V : {2, 16, 1000, 50257}) {
      const RowStats s = stats_of(*k, Floats(std::size_t(V), -7.5f), 1.0f, V - 1);
      CHECK(s.max == -7.5f);
      CHECK(near(s.entropy, std::log(double(V)), 2e-7, 0));
      CHECK(near(s.logprob, -std::log(double(V)), 2e-7, 0));
    }
  }
}

TEST_CASE("a logit of minus infinity has probability 0 and adds nothing") {
  for (const Kernels* k : levels()) {
    for (std::int64_t V : {2, 17, 1500, 4000}) {
      Floats logits = normals(V, 25, 2), kept;
      for (std::size_t i = 0; i < logits.size(); ++i) {
        // The whole of the first block but its last element, and every third after it.
        if (i + 1 != std::size_t(V) && (i < 1023 || i % 3 == 0)) logits[i] = -kInf;
        else kept.push_back(logits[i]);
      }
      const Doubles log_p = log_softmax(doubles(kept), 1.0);
      const RowStats s = stats_of(*k, logits, 1.0f, int(V - 1));
      CHECK(near(s.logprob, log_p.back(), 1e-6, 1e-6));
      CHECK(near(s.entropy, entropy(log_p), 1e-6, 1e-6));
      CHECK(stats_of(*k, logits, 1.0f, 0).logprob == -kInf);
    }
  }
}

TEST_CASE("NaN or plus infinity anywhere, or no possible token, makes all results NaN") {
  for (const Kernels* k : levels()) {
    for (std::size_t at : {0, 15, 1023, 1024, 2062}) {
      for (float bad : {kNan, kInf}) {
        Floats logits = normals(2063, 26);
        logits[at] = bad;
        const RowStats s = stats_of(*k, logits, 1.0f, 3);
        CHECK((std::isnan(s.max) && std::isnan(s.log_sum) && std::isnan(s.logprob) && std::isnan(s.entropy)));
        for (float& l : logits) l = -kInf;
        logits[at] = bad;
        CHECK(std::isnan(stats_of(*k, logits, 1.0f, 3).entropy));
      }
    }
    CHECK(std::isnan(stats_of(*k, Floats(40, -kInf), 1.0f, 3).max));
  }
}

TEST_CASE("the divergence of equal rows is exactly 0") {
  for (const Kernels* k : levels()) {
    for (std::int64_t V : {1, 17, 50257}) {
      Floats p = normals(V, 27, 6);
      if (V > 3) p[2] = -kInf;
      for (float temperature : {1.0f, 0.6f}) CHECK(same_bits(divergence_of(*k, p, p, temperature), 0.0f));
    }
  }
}

TEST_CASE("the divergence of two rows agrees with double precision, small or large") {
  for (const Kernels* k : levels()) {
    for (std::int64_t V : {2, 16, 33, 1025, 50257}) {
      for (double distance : {1e-3, 1e-2, 0.3, 3.0}) {
        for (float temperature : {1.0f, 0.6f}) {
          const Floats p = normals(V, 28, 3), step = normals(V, 29, distance);
          Floats q = p;
          for (std::size_t i = 0; i < q.size(); ++i) q[i] += step[i];
          const double truth = divergence(log_softmax(doubles(p), temperature), log_softmax(doubles(q), temperature));
          // A step of 1e-3 has a divergence of some 5e-7: below the rounding of a single log-probability.
          CHECK(near(divergence_of(*k, p, q, temperature), truth, 1e-5 + 4e-6 / distance, 1e-11));
        }
      }
    }
  }
}

TEST_CASE("a shift of all logits is no divergence") {
  for (const Kernels* k : levels()) {
    const Floats p = normals(1000, 30, 2);
    Floats q = p;
    for (float& l : q) l += 11.0f;
    const float kl = divergence_of(*k, p, q, 1.0f);
    CHECK((kl >= 0.0f && kl < 1e-11f));
  }
}

TEST_CASE("a token that p excludes costs nothing, one that only q excludes is infinitely far") {
  for (const Kernels* k : levels()) {
    const Floats whole = {0.5f, 1.0f, -0.25f}, cut = {0.5f, 1.0f, -kInf};
    const Doubles log_p = log_softmax({0.5, 1.0}, 1), log_q = log_softmax(doubles(whole), 1);
    const double truth = divergence(log_p, {log_q[0], log_q[1]});
    CHECK(near(divergence_of(*k, cut, whole, 1.0f), truth, 1e-6, 0));
    CHECK(divergence_of(*k, whole, cut, 1.0f) == kInf);
  }
}

TEST_CASE("a divergence counts tokens too unlikely for a float") {
  for (const Kernels* k : levels()) {
    const Floats p = {0.0f, 0.0f}, q = {0.0f, -150.0f};
    const double truth = divergence(log_softmax(doubles(p), 1), log_softmax(doubles(q), 1));
    CHECK(near(divergence_of(*k, p, q, 1.0f), truth, 1e-6, 0));
    CHECK(near(divergence_of(*k, q, p, 1.0f), std::log(2.0), 1e-6, 0));
  }
}

TEST_CASE("the divergence of a row that is not a number is not a number") {
  for (const Kernels* k : levels()) {
    const Floats good = normals(20, 31);
    Floats bad = good;
    bad[19] = kNan;
    CHECK(std::isnan(divergence_of(*k, good, bad, 1.0f)));
    CHECK(std::isnan(divergence_of(*k, bad, good, 1.0f)));
  }
}
