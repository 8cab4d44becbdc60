// The ways in which a position can be reached: in a batch, in chunks, token by token.
#pragma once

#include <algorithm>
#include <cmath>

#include "tests/law/shapes.h"

namespace nudge::test {

// Extends a sequence by chunks of these sizes, again and again, until the tokens are used up; the logits of all.
inline Floats in_chunks(const Subject& s, const std::vector<std::int64_t>& sizes, KvCache& cache, std::int64_t slot) {
  Floats all;
  Trace trace;
  const auto n = static_cast<std::int64_t>(s.tokens.size());
  std::size_t k = 0;
  for (std::int64_t at = 0; at < n; ++k) {
    const std::int64_t take = std::min(sizes[std::min(k, sizes.size() - 1)], n - at);
    Batch batch;
    batch.add(part(s.tokens, at, take));
    s.model.extend(batch, {&slot, 1}, cache, trace);
    const Floats logits = logits_of(s.model, trace, 0, take);
    all.insert(all.end(), logits.begin(), logits.end());
    at += take;
  }
  CHECK(cache.length(slot) == n);
  return all;
}

inline KvCache cache_of(const Subject& s, std::int64_t sequences) {
  return KvCache(s.model.config().layers, s.model.config(), sequences, s.model.config().dtype);
}

// Not-a-numbers in all the blocks that its sequences can need: whoever reads what is not there yet, shows.
inline KvCache poisoned_cache(const Subject& s, std::int64_t sequences) {
  KvCache cache = cache_of(s, sequences);
  const ModelConfig& c = s.model.config();
  for (std::int64_t i = 0; i < sequences; ++i) {
    cache.reserve(i, c.context);
    for (std::int64_t l = 0; l < c.layers; ++l)
      for (std::int64_t h = 0; h < c.kv_heads(); ++h) {
        const KvBlocks at = cache.blocks(l, i, h);
        for (std::int64_t b = 0; b < KvCache::blocks_for(c.context); ++b)
          std::memset(static_cast<char*>(at.blocks[b]) + at.offset, 0xff,  // in float32 and in bf16
                      static_cast<std::size_t>(kernels().kv_block_size(c.head_dim())) *
                          (at.bf16 ? sizeof(std::uint16_t) : sizeof(float)));
      }
  }
  for (std::int64_t i = 0; i < sequences; ++i) cache.clear(i);
  return cache;
}

// The sequence's logits in a batch with sequences of these lengths before and behind it.
inline Floats among(const Subject& s, const std::vector<std::int64_t>& before,
                    const std::vector<std::int64_t>& behind) {
  Batch batch;
  std::uint64_t seed = 100;
  for (std::int64_t n : before) batch.add(random_tokens(n, s.model.config().vocab, ++seed));
  const std::int64_t begin = batch.size();
  batch.add(s.tokens);
  for (std::int64_t n : behind) batch.add(random_tokens(n, s.model.config().vocab, ++seed));
  Trace trace;
  s.model.forward(batch, trace);
  return logits_of(s.model, trace, begin, static_cast<std::int64_t>(s.tokens.size()));
}

inline void check_batches(const Subject& s) {
  const Floats expected = alone(s.model, s.tokens);
  at_every_setting([&] {
    CHECK(same_bits(among(s, {1}, {}), expected));
    CHECK(same_bits(among(s, {}, {7}), expected));
    CHECK(same_bits(among(s, {3, 1, 17}, {31, 1}), expected));
    CHECK(same_bits(among(s, {49, 16, 2, 11}, {1, 64}), expected));
  });
}

inline void check_chunks(const Subject& s, const std::vector<std::vector<std::int64_t>>& ways) {
  const Floats expected = alone(s.model, s.tokens);
  at_every_setting([&] {
    for (const auto& sizes : ways) {
      KvCache cache = cache_of(s, 1);
      INFO("chunks of " << sizes.front() << ", then " << sizes.back());
      CHECK(same_bits(in_chunks(s, sizes, cache, 0), expected));
    }
  });
}

}  // namespace nudge::test
