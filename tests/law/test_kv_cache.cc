// Keys and values in blocks: what is shared stays as it was, memory follows the tokens that are held, and bf16 keeps
// the law.
#include "lib/base/profile.h"
#include "tests/law/ways.h"

using namespace nudge;
using namespace nudge::test;

namespace {

KvCache bf16_cache(const Subject& s, std::int64_t sequences) {
  return KvCache(s.model.config().layers, s.model.config(), sequences, Dtype::kBf16);
}

}  // namespace

TEST_CASE("a sequence holds as many blocks as its tokens fill, and gives them back") {
  KvCache cache = cache_of(long_subject(), 3);
  const std::int64_t L = cache.layers();
  std::int64_t n = 0;
  for (std::int64_t tokens : {1, 31, 32, 33, 64, 65, 545}) {
    CHECK(cache.to_take(0, tokens) == L * ((tokens + 31) / 32 - n));
    cache.reserve(0, tokens);
    cache.set_length(0, tokens);
    n = (tokens + 31) / 32;
    CHECK(cache.held() == L * n);
  }
  cache.reserve(1, 40);
  CHECK(cache.held() == L * (n + 2));
  cache.clear(0);
  CHECK(cache.held() == L * 2);
  CHECK(cache.length(0) == 0);
}

TEST_CASE("sequences that share a beginning hold its blocks once, and the one they write in each for itself") {
  KvCache cache = cache_of(long_subject(), 4);
  const std::int64_t L = cache.layers();
  cache.reserve(0, 70);
  cache.set_length(0, 70);  // two blocks and six tokens
  for (std::int64_t s : {1, 2}) cache.share(0, s, 69);
  CHECK(cache.held() == L * 3);
  CHECK(cache.length(2) == 69);
  CHECK(cache.to_take(1, 70) == L * 1);
  cache.reserve(1, 70);
  CHECK(cache.held() == L * 4);
  CHECK(cache.to_take(1, 70) == L * 0);
  cache.clear(0);
  CHECK(cache.held() == L * 4);  // the third block is sequence 2's alone now
  CHECK(cache.to_take(2, 71) == L * 0);
  cache.share(2, 3, 64);
  CHECK(cache.to_take(3, 65) == L * 1);  // its own third block
  CHECK(cache.held() == L * 4);
  for (std::int64_t s : {1, 2}) cache.clear(s);
  CHECK(cache.held() == L * 2);
}

TEST_CASE("a sequence and those that share its beginning go on independently, each with the bits of the whole") {
  const Subject& s = long_subject();
  std::vector<std::vector<std::int32_t>> whole;
  std::vector<Floats> expected;
  for (std::uint64_t seed : {61, 62, 63}) {
    whole.push_back(std::vector<std::int32_t>(s.tokens.begin(), s.tokens.begin() + 77));
    for (std::int32_t t : random_tokens(40, s.model.config().vocab, seed)) whole.back().push_back(t);
    expected.push_back(alone(s.model, whole.back()));
  }
  at_every_setting([&] {
    KvCache cache = poisoned_cache(s, 3);
    Trace trace;
    Batch first;
    first.add(part(s.tokens, 0, 77));
    std::int64_t zero = 0;
    s.model.extend(first, {&zero, 1}, cache, trace);
    for (std::int64_t i : {1, 2}) cache.share(0, i, 77);
    std::vector<Floats> logits(3);
    for (std::int64_t t = 77; t < 117; t += 4) {
      Batch batch;
      const std::vector<std::int64_t> all{2, 0, 1};
      for (std::int64_t i : all) batch.add(part(whole[static_cast<std::size_t>(i)], t, 4));
      s.model.extend(batch, all, cache, trace);
      for (std::size_t i = 0; i < 3; ++i) {
        const Floats l = logits_of(s.model, trace, batch.begin[i], 4);
        Floats& to = logits[static_cast<std::size_t>(all[i])];
        to.insert(to.end(), l.begin(), l.end());
      }
    }
    for (std::size_t i = 0; i < 3; ++i)
      CHECK(same_bits(logits[i], Floats(expected[i].begin() + 77 * s.model.config().vocab, expected[i].end())));
  });
}

TEST_CASE("a profile counts the bytes of the keys and values that a step reads, in the cache's numbers") {
  const Subject& s = long_subject();
  const ModelConfig& c = s.model.config();
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBf16}) {
    KvCache cache(c.layers, c, 1, dtype);
    start_profile();
    in_chunks(s, {1}, cache, 0);  // token by token
    const double reads = profile_so_far().parts[static_cast<int>(Part::kAttention)].bytes;
    detail::profiling = false;
    const auto n = static_cast<double>(s.tokens.size());
    const double numbers = 2.0 * static_cast<double>(c.layers * c.kv_heads() * c.head_dim()) * n * (n + 1) / 2;
    CHECK(reads == numbers * (dtype == Dtype::kF32 ? 4 : 2));
  }
}

TEST_CASE("a bf16 cache gives the same bits in chunks of any size, at every level, and others than float32") {
  for (const Subject* s : {&wide_subject(), &long_subject()}) {
    Floats expected;
    at_every_setting([&] {
      for (const auto& sizes : std::vector<std::vector<std::int64_t>>{{1000}, {50}, {13}, {101, 1}}) {
        KvCache cache = bf16_cache(*s, 1);
        const Floats logits = in_chunks(*s, sizes, cache, 0);
        if (expected.empty()) expected = logits;
        CHECK(same_bits(logits, expected));
      }
    });
    const Floats exact = alone(s->model, s->tokens);
    CHECK(same_bits(expected, exact) == (test_dtype() == Dtype::kBf16));
    double most = 0, difference = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      most = std::max(most, std::abs(double(exact[i])));
      difference = std::max(difference, std::abs(double(exact[i]) - double(expected[i])));
    }
    CHECK(difference < 0.05 * most);
  }
}
