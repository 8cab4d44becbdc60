// That the tests of this folder could fail: each way of breaking the law, done here by hand on the same data, gives
// other bits than the library's. An order that happened to give the same bits would make their equality worth nothing.
#include "tests/kernels/bf16_tools.h"
#include "tests/law/shapes.h"

#include <algorithm>
#include <cmath>

using namespace nudge;
using namespace nudge::test;

namespace {

// Final states and the head's matrix of the wide model: a product over k = 0 .. 524.
struct Product {
  std::int64_t T, C, V;
  Trace trace;
  const float* matrix;
  Floats logits;
  const float* row(std::int64_t t) const { return trace.final.data() + t * C; }
  const float* column(std::int64_t v) const { return matrix + v * C; }
};

Product product() {
  const Subject& s = wide_subject();
  Product p{9, s.model.config().width, s.model.config().vocab, Trace{}, s.model.values() + s.model.layout().unembedding,
            {}};
  Batch batch;
  batch.add(s.tokens);
  s.model.forward(batch, p.trace);
  p.logits = logits_of(s.model, p.trace, 0, p.T);
  return p;
}

// How many of the product's elements `sum(row, column, C)` gives with other bits than the library.
template <class Sum>
std::size_t differing(const Product& p, const Sum& sum) {
  std::size_t n = 0;
  for (std::int64_t t = 0; t < p.T; ++t)
    for (std::int64_t v = 0; v < p.V; ++v) {
      const float x = sum(p.row(t), p.column(v), p.C);
      n += !same_bits(&x, &p.logits[static_cast<std::size_t>(t * p.V + v)], 1);
    }
  return n;
}

float chain(const float* x, const float* y, std::int64_t begin, std::int64_t end, float sum = 0) {
  for (std::int64_t k = begin; k < end; ++k) sum = std::fma(x[k], y[k], sum);
  return sum;
}

// Attention of one query by a running maximum over blocks of keys, as is usual: its rescaling factors depend on where
// the blocks end.
Floats running_attention(const Floats& scores, const Floats& values, std::size_t D, std::size_t block) {
  float most = -INFINITY, sum = 0;
  Floats out(D);
  for (std::size_t begin = 0; begin < scores.size(); begin += block) {
    const std::size_t end = std::min(scores.size(), begin + block);
    const float top = std::max(most, *std::max_element(&scores[begin], &scores[begin] + (end - begin)));
    const float factor = std::exp(most - top);
    sum *= factor;
    for (float& o : out) o *= factor;
    for (std::size_t j = begin; j < end; ++j) {
      const float w = std::exp(scores[j] - top);
      sum += w;
      for (std::size_t i = 0; i < D; ++i) out[i] = std::fma(w, values[j * D + i], out[i]);
    }
    most = top;
  }
  for (float& o : out) o /= sum;
  return out;
}

}  // namespace

TEST_CASE("the library's product is one chain of fused multiply-adds over k, for each element") {
  const Product p = product();
  const auto one = [](const float* x, const float* y, std::int64_t C) { return chain(x, y, 0, C); };
  const auto tiles = [](const float* x, const float* y, std::int64_t C) {
    float sum = 0;
    for (std::int64_t k = 0; k < C; k += 32) {
      float parts[2] = {};  // of even and odd k
      for (std::int64_t i = k; i < std::min(k + 32, C); ++i)
        parts[i % 2] = std::fma(nearest_bf16(x[i]), nearest_bf16(y[i]), parts[i % 2]);
      sum += parts[0] + parts[1];
    }
    return sum;
  };
  const bool bf16 = test_dtype() == Dtype::kBf16;
  CHECK((bf16 ? differing(p, tiles) : differing(p, one)) == 0);
  CHECK((bf16 ? differing(p, one) : differing(p, tiles)) > p.logits.size() / 4);
}
TEST_CASE("a product whose sum over k is split in two has other bits") {
  const Product p = product();
  const auto halves = [](const float* x, const float* y, std::int64_t C) {
    return chain(x, y, 0, 256) + chain(x, y, 256, C);
  };
  CHECK(differing(p, halves) > p.logits.size() / 4);
}
TEST_CASE("a product with a second accumulator for odd k has other bits") {
  const Product p = product();
  const auto two = [](const float* x, const float* y, std::int64_t C) {
    float even = 0, odd = 0;
    for (std::int64_t k = 0; k < C; ++k) (k % 2 == 0 ? even : odd) = std::fma(x[k], y[k], k % 2 == 0 ? even : odd);
    return even + odd;
  };
  CHECK(differing(p, two) > p.logits.size() / 4);
}
TEST_CASE("a product summed from its last term on has other bits") {
  const Product p = product();
  const auto backwards = [](const float* x, const float* y, std::int64_t C) {
    float sum = 0;
    for (std::int64_t k = C; k-- > 0;) sum = std::fma(x[k], y[k], sum);
    return sum;
  };
  CHECK(differing(p, backwards) > p.logits.size() / 4);
}
TEST_CASE("a product without fused multiply-adds has other bits") {
  const Product p = product();
  const auto rounded = [](const float* x, const float* y, std::int64_t C) {
    float sum = 0;
    for (std::int64_t k = 0; k < C; ++k) sum += x[k] * y[k];
    return sum;
  };
  CHECK(differing(p, rounded) > p.logits.size() / 4);
}
TEST_CASE("a product whose order depends on the number of rows has other bits in a batch than alone") {
  const Product p = product();
  const auto dispatched = [](std::int64_t rows, const float* x, const float* y, std::int64_t C) {
    return rows == 1 ? chain(x, y, 0, C) : chain(x, y, 0, 256) + chain(x, y, 256, C);
  };
  std::size_t n = 0;
  for (std::int64_t v = 0; v < p.V; ++v) {
    const float one = dispatched(1, p.row(0), p.column(v), p.C), many = dispatched(p.T, p.row(0), p.column(v), p.C);
    n += !same_bits(&one, &many, 1);
  }
  CHECK(n > static_cast<std::size_t>(p.V) / 4);
}
TEST_CASE("a dot product summed in 8 lanes or in one has other bits than in 16") {
  const Product p = product();
  const auto in_lanes = [&](const float* x, const float* y, std::size_t lanes) {
    Floats sums(lanes);
    for (std::size_t k = 0; k < static_cast<std::size_t>(p.C); ++k)
      sums[k % lanes] = std::fma(x[k], y[k], sums[k % lanes]);
    for (std::size_t half = lanes / 2; half > 0; half /= 2)
      for (std::size_t i = 0; i < half; ++i) sums[i] += sums[i + half];
    return sums[0];
  };
  std::size_t eight = 0, one = 0;
  for (std::int64_t v = 0; v < p.V; ++v) {
    const float expected = kernels().dot(p.row(0), p.column(v), p.C);
    CHECK(in_lanes(p.row(0), p.column(v), 16) == expected);
    eight += in_lanes(p.row(0), p.column(v), 8) != expected;
    one += in_lanes(p.row(0), p.column(v), 1) != expected;
  }
  CHECK(eight > static_cast<std::size_t>(p.V) / 4);
  CHECK(one > static_cast<std::size_t>(p.V) / 4);
}
TEST_CASE("attention with a running maximum has other bits for other blocks of keys") {
  const std::size_t T = 545, D = 21;
  Floats scores(T), values(T * D);
  for (std::size_t i = 0; i < T; ++i) scores[i] = static_cast<float>(3 * normal(1, 2, i));
  for (std::size_t i = 0; i < T * D; ++i) values[i] = static_cast<float>(normal(3, 4, i));
  CHECK_FALSE(same_bits(running_attention(scores, values, D, 16), running_attention(scores, values, D, 64)));
  CHECK_FALSE(same_bits(running_attention(scores, values, D, 256), running_attention(scores, values, D, T)));
}
TEST_CASE("keys that are multiplied by 0 in place of left out would show in a cache that holds no numbers") {
  Floats scores(8, 0.0f), values(8, 1.0f);
  values[5] = NAN;  // behind the sequence
  float left_out = 0, multiplied = 0;
  for (std::size_t j = 0; j < 8; ++j) {
    const float w = j < 5 ? 1.0f : 0.0f;
    multiplied = std::fma(w, values[j], multiplied);
    if (j < 5) left_out = std::fma(w, values[j], left_out);
  }
  CHECK(left_out == 5);
  CHECK(std::isnan(multiplied));
}
