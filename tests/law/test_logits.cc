// The law's first sentence: the logits at a position are the same bits however it was reached.
#include "tests/law/ways.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("the processor has several levels, so that the tests here compare them") {
  if (levels().size() < 2) return skip("the processor has but one level");
  CHECK((kernels_of_level("v3") != nullptr || kernels_of_level("neon") != nullptr));
}

TEST_CASE("a wide model's logits are the same bits at every level and number of threads") {
  const Subject& s = wide_subject();
  same_everywhere([&] { return alone(s.model, s.tokens); });
}

TEST_CASE("a long sequence's logits are the same bits at every level and number of threads") {
  const Subject& s = long_subject();
  same_everywhere([&] { return alone(s.model, s.tokens); });
}

TEST_CASE("packing gives the same bits at every level and number of threads") {
  const Transformer& m = wide_subject().model;
  same_everywhere([&] {
    Buffer<float> values(m.layout().size);
    std::copy_n(m.values(), values.size(), values.data());
    Transformer again(m.config(), std::move(values));
    again.pack();
    return alone(again, wide_subject().tokens);
  });
}

TEST_CASE("a wide model's logits are the same bits in any batch and at any place of it") {
  check_batches(wide_subject());
}
TEST_CASE("a long sequence's logits are the same bits in any batch and at any place of it") {
  check_batches(long_subject());
}

TEST_CASE("a wide model's prefill is the same bits in chunks of any size") {
  check_chunks(wide_subject(), {{113}, {50}, {1, 112}, {13}, {16, 17, 31}});
}
TEST_CASE("a long sequence's prefill is the same bits in chunks of any size") {
  check_chunks(long_subject(), {{545}, {256, 1, 255}, {200}, {17}, {530, 1}});
}

TEST_CASE("decoding token by token gives the bits of the prefill, with a wide model") {
  check_chunks(wide_subject(), {{70, 1}});
  KeepSettings keep;
  set_thread_count(1);
  const Subject& s = wide_subject();
  KvCache cache = cache_of(s, 1);
  CHECK(same_bits(in_chunks(s, {1}, cache, 0), alone(s.model, s.tokens)));
}
TEST_CASE("decoding token by token gives the bits of the prefill, with a long sequence") {
  KeepSettings keep;
  set_thread_count(1);
  const Subject& s = long_subject();
  for (const Kernels* level : levels()) {
    use_kernels(*level);
    KvCache cache = cache_of(s, 1);
    CHECK(same_bits(in_chunks(s, {1}, cache, 0), alone(s.model, s.tokens)));
  }
}

TEST_CASE("what lies in the cache behind a sequence is never read") {
  for (const Subject* s : {&wide_subject(), &long_subject()}) {
    const Floats expected = alone(s->model, s->tokens);
    at_every_setting([&] {
      KvCache cache = poisoned_cache(*s, 2);
      CHECK(same_bits(in_chunks(*s, {37}, cache, 1), expected));
    });
  }
}

TEST_CASE("slots that decode together give the bits of each alone, whatever their lengths") {
  const Subject& s = wide_subject();
  std::vector<std::vector<std::int32_t>> sequences;
  std::vector<Floats> expected;
  for (std::int64_t i = 0; i < 5; ++i) {
    sequences.push_back(random_tokens(19 + 13 * i, s.model.config().vocab, 50 + static_cast<std::uint64_t>(i)));
    expected.push_back(alone(s.model, sequences.back()));
  }
  at_every_setting([&] {
    KvCache cache = poisoned_cache(s, 5);
    Trace trace;
    std::vector<Floats> logits(5);
    for (std::int64_t step = 0;; ++step) {  // slot i enters with its prompt at step i and takes 1 .. 3 tokens a step
      Batch batch;
      std::vector<std::int64_t> slots;
      std::vector<std::size_t> who;
      for (std::int64_t i = std::min<std::int64_t>(step, 4); i >= 0; --i) {  // not in the order of the slots
        const auto& tokens = sequences[static_cast<std::size_t>(i)];
        const std::int64_t slot = (i * 2) % 5, at = cache.length(slot),
                           left = static_cast<std::int64_t>(tokens.size()) - at;
        const std::int64_t take = std::min(left, at == 0 ? 11 + i : 1 + (step + i) % 3 * 5);
        if (take <= 0) continue;
        batch.add(part(tokens, at, take));
        slots.push_back(slot);
        who.push_back(static_cast<std::size_t>(i));
      }
      if (slots.empty()) break;
      s.model.extend(batch, slots, cache, trace);
      for (std::size_t r = 0; r < who.size(); ++r) {
        const Floats l = logits_of(s.model, trace, batch.begin[r], batch.begin[r + 1] - batch.begin[r]);
        logits[who[r]].insert(logits[who[r]].end(), l.begin(), l.end());
      }
    }
    for (std::size_t i = 0; i < 5; ++i) CHECK(same_bits(logits[i], expected[i]));
  });
}

TEST_CASE("a sequence that shares another's beginning goes on with the bits of the whole") {
  const Subject& s = long_subject();
  const Floats expected = alone(s.model, s.tokens);
  const auto V = static_cast<std::size_t>(s.model.config().vocab);
  at_every_setting([&] {
    KvCache cache = poisoned_cache(s, 3);
    Trace trace;
    Batch first;
    first.add(part(s.tokens, 0, 301));
    std::int64_t slot = 2;
    s.model.extend(first, {&slot, 1}, cache, trace);
    cache.share(2, 0, 301);
    CHECK(cache.length(0) == 301);
    // What the original does next must not touch the copy.
    Batch other;
    other.add(random_tokens(40, s.model.config().vocab, 5));
    s.model.extend(other, {&slot, 1}, cache, trace);
    Batch rest;
    rest.add(part(s.tokens, 301, 244));
    slot = 0;
    s.model.extend(rest, {&slot, 1}, cache, trace);
    const Floats logits = logits_of(s.model, trace, 0, 244);
    CHECK(same_bits(logits.data(), expected.data() + 301 * V, logits.size()));
  });
}

TEST_CASE("a slot that is used again gives the bits of a fresh one") {
  const Subject& s = wide_subject();
  const Floats expected = alone(s.model, s.tokens);
  KvCache cache = cache_of(s, 1);
  const Subject other{random_transformer(s.model.config(), 99, 1.5), random_tokens(100, 2083, 98)};
  in_chunks(other, {100}, cache, 0);
  cache.set_length(0, 0);
  CHECK(same_bits(in_chunks(s, {13}, cache, 0), expected));
}

TEST_CASE("working memory left by another batch or by a model of another shape changes no bit") {
  const Subject &s = wide_subject(), &other = long_subject();
  const Floats expected = alone(s.model, s.tokens);
  for (bool keep : {false, true}) {
    Trace trace{keep};
    Batch large, batch;
    for (int i = 0; i < 9; ++i) large.add(random_tokens(60, 67, static_cast<std::uint64_t>(i)));
    batch.add(s.tokens);
    other.model.forward(large, trace);
    s.model.forward(batch, trace);
    CHECK(same_bits(logits_of(s.model, trace, 0, batch.size()), expected));
    s.model.forward(batch, trace);
    CHECK(same_bits(logits_of(s.model, trace, 0, batch.size()), expected));
  }
}

TEST_CASE("a model with wider heads can follow one with narrower heads in the same working memory") {
  const ModelConfig narrow = shape_of(1, 4, 3, 9, 29, 40), wide = shape_of(1, 2, 31, 9, 29, 40);
  const Transformer first = random_transformer(narrow, 1, 1), second = random_transformer(wide, 2, 1);
  Batch batch;
  for (int i = 0; i < 3; ++i) batch.add(random_tokens(33, 29, static_cast<std::uint64_t>(i)));
  Trace fresh, used;
  second.forward(batch, fresh);
  first.forward(batch, used);
  second.forward(batch, used);
  CHECK(same_bits(logits_of(second, used, 0, 99), logits_of(second, fresh, 0, 99)));
}

TEST_CASE("logits of a row are the same bits for any rows beside it") {
  const Subject& s = wide_subject();
  Batch batch;
  batch.add(s.tokens);
  Trace trace;
  s.model.forward(batch, trace);
  const auto V = static_cast<std::size_t>(s.model.config().vocab);
  const Floats all = logits_of(s.model, trace, 0, batch.size());
  at_every_setting([&] {
    for (std::int64_t n : {1, 2, 5, 12, 13, 25, 64}) {
      for (std::int64_t begin : {std::int64_t{0}, std::int64_t{3}, batch.size() - n}) {
        const Floats some = logits_of(s.model, trace, begin, n);
        CHECK(same_bits(some.data(), all.data() + static_cast<std::size_t>(begin) * V, some.size()));
      }
    }
  });
}
