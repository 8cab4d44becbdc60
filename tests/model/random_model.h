// Transformers of any shape with random numbers in every tensor: biases other than 0 and norm weights other than 1, so
// that none of them can go unnoticed.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/rng.h"
#include "lib/model/transformer.h"
#include "tests/harness/harness.h"

namespace nudge::test {

inline ModelConfig shape_of(std::int64_t layers, std::int64_t heads, std::int64_t head_dim, std::int64_t feed_forward,
                            std::int64_t vocab, std::int64_t context) {
  ModelConfig c;
  c.layers = layers, c.heads = heads, c.width = heads * head_dim, c.feed_forward = feed_forward, c.vocab = vocab,
  c.context = context;
  return c;
}

// The same sizes in another family: heads that share keys, heads of their own size, some of the channels rotated.
inline ModelConfig family_shape(const std::string& family, const ModelConfig& sizes, std::int64_t kv_heads,
                                std::int64_t head_dim, std::int64_t rotary_dims) {
  ModelConfig c = ModelConfig::usual(family);
  c.layers = sizes.layers, c.heads = sizes.heads, c.width = sizes.width, c.feed_forward = sizes.feed_forward,
  c.vocab = sizes.vocab;
  c.context = sizes.context;
  c.kv_head_count = kv_heads, c.head_size = head_dim;
  c.rotary.dims = rotary_dims;
  c.rotary.share = static_cast<double>(rotary_dims) / static_cast<double>(c.head_dim());
  return c;
}

// The first n of a stream's normal numbers. They are kept, because many tests draw the same ones: that took a third of
// the law's time.
inline const std::vector<double>& normals(std::uint64_t seed, std::uint64_t stream, std::int64_t n) {
  static std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<double>> kept;
  std::vector<double>& drawn = kept[{seed, stream}];
  for (std::size_t i = drawn.size(); i < static_cast<std::size_t>(n); ++i) drawn.push_back(normal(seed, stream, i));
  return drawn;
}

// Matrices N(0, scale / sqrt(rows)), embeddings N(0, scale), biases N(0, scale / 3), weights of norms 1 + N(0, 0.2).
inline Buffer<float> random_values(const Layout& layout, std::uint64_t seed, double scale) {
  Buffer<float> values(layout.size);
  for (const TensorInfo& t : layout.tensors) {
    const bool vector = t.shape.size() == 1, norm_weight = vector && t.name.find("weight") != std::string::npos;
    bool table = false;
    for (const char* name : {"wte", "wpe", "embed_tokens", "embed_in", "embed_positions"})
      table |= t.name.find(name) != std::string::npos;
    const bool in_out = t.name.find(".c_") != std::string::npos;  // GPT-2's; other matrices are stored [out, in]
    const auto rows = static_cast<double>(vector || in_out ? t.shape[0] : t.shape[1]);
    const double deviation = norm_weight ? 0.2 : vector ? scale / 3 : table ? scale : scale / std::sqrt(rows);
    const double* drawn = normals(seed, stream_of(t.name), t.size).data();
    for (std::int64_t i = 0; i < t.size; ++i) {
      const double x = deviation * drawn[i];
      values[t.offset + i] = static_cast<float>(norm_weight ? 1 + x : x);
    }
  }
  return values;
}

inline Transformer random_transformer(const ModelConfig& config, std::uint64_t seed, double scale) {
  ModelConfig in_test_dtype = config;
  in_test_dtype.dtype = test_dtype();
  Transformer t(in_test_dtype, random_values(Layout(config), seed, scale));
  t.pack();
  return t;
}

// An adapter with random numbers, in the test's dtype as its base, which it shares and freezes. `config`: the base's, but
// for the head's kind.
inline Transformer random_adapted(const Transformer& base, ModelConfig config, AdapterConfig adapter,
                                  std::uint64_t seed, double scale) {
  config.head = adapter.head;
  config.dtype = test_dtype();
  Buffer<float> values = random_values(Layout(config, adapter), seed, scale);
  Transformer t(base, std::move(config), std::move(adapter), std::move(values));
  t.pack();
  return t;
}

inline AdapterConfig adapter_of(std::int64_t rank, double alpha, std::vector<std::string> targets,
                                HeadKind head = HeadKind::kLanguage) {
  AdapterConfig c;
  c.rank = rank, c.alpha = alpha, c.targets = std::move(targets), c.head = head;
  return c;
}

inline std::vector<std::int32_t> random_tokens(std::int64_t n, std::int64_t vocab, std::uint64_t seed) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < n; ++i)
    tokens.push_back(
        static_cast<std::int32_t>(uniform(seed, 77, static_cast<std::uint64_t>(i)) * static_cast<double>(vocab)));
  return tokens;
}

}  // namespace nudge::test
