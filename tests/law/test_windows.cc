// Layers with windows in the cache and in continuous batching: what a window has left goes back, and no bit depends on
// it.
#include <cmath>

#include "tests/law/sampling.h"
#include "tests/law/ways.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// Two layers, one of which sees 40 tokens.
const Subject& windowed_subject() {
  static const Subject s = [] {
    ModelConfig c = shape_of(2, 2, 21, 77, 67, 560);
    c.layer_forms = {{}, {40}};
    return Subject{random_transformer(c, 23, 1.5), random_tokens(545, c.vocab, 24)};
  }();
  return s;
}

// Nothing ends a response of these models; their layers have these windows.
Model windowed(std::vector<LayerForm> forms, std::int64_t context) {
  Model model = tiny_model(1, 8, {2, 36, 3, context});
  model.eos.clear();
  ModelConfig c = model.transformer.config();
  c.layer_forms = std::move(forms);
  model.transformer = std::move(model.transformer).with(c);
  model.transformer.pack();
  return model;
}

std::vector<SampleRequest> of_one_prompt(std::size_t n, std::size_t tokens) {
  std::vector<SampleRequest> asked(n, {"", std::vector<std::int32_t>(tokens, 65)});
  for (std::size_t k = 0; k < n; ++k) asked[k].id = std::to_string(k);
  return asked;
}

}  // namespace

TEST_CASE("a layer with a window holds the blocks that its last token sees, the others all") {
  const Subject& s = windowed_subject();
  KvCache cache = cache_of(s, 1);
  std::int64_t most = 0;
  for (std::int64_t n = 1; n <= 545; ++n) {
    const std::int64_t before = cache.held(), more = cache.to_take(0, n);
    cache.reserve(0, n);
    CHECK(cache.held() == before + more);
    const std::int64_t blocks = (n + 31) / 32;
    most = std::max(most, cache.held() - blocks);
    cache.set_length(0, n);
    const std::int64_t first = std::max<std::int64_t>(0, n - 40) / 32;  // the last token is n - 1
    CHECK(cache.held() == blocks + blocks - first);
    for (std::int64_t b = 0; b < blocks; ++b) {
      CHECK(cache.blocks(0, 0, 0).blocks[b] != nullptr);
      CHECK((cache.blocks(1, 0, 1).blocks[b] == nullptr) == (b < first));
    }
  }
  CHECK(most == 3);
  CHECK(cache.most_held(545, 1) == 18 + most);
  CHECK(cache.most_held(545, 1, 64) == 16 + most);
  CHECK(cache.most_held(40, 1) == 2 + 2);
  CHECK(cache.to_grow(0, 545, 1) == 0);  // it holds 18 + 3
  cache.clear(0);
  CHECK(cache.held() == 0);
}

TEST_CASE("what a sequence holds never passes what it was said to hold at most") {
  const Subject& s = windowed_subject();
  for (const std::int64_t step : {1, 7, 32, 100, 256}) {
    KvCache cache = cache_of(s, 1);
    const std::int64_t bound = cache.most_held(545, step);
    for (std::int64_t n = 0; n < 545; n += step) {
      CHECK(cache.to_grow(0, 545, step) <= bound - cache.held());
      cache.reserve(0, std::min<std::int64_t>(545, n + step));
      CHECK(cache.held() <= bound);
      cache.set_length(0, std::min<std::int64_t>(545, n + step));
    }
  }
}

TEST_CASE("a prompt can be shared while no window has left what its next token sees") {
  KvCache cache = cache_of(windowed_subject(), 2);
  cache.reserve(0, 104);
  cache.set_length(0, 104);  // the token at 103 sees those from 64 on
  CHECK(cache.can_share(0, 103));
  CHECK_FALSE(cache.can_share(0, 105));  // not there yet
  cache.share(0, 1, 103);
  CHECK(cache.held() == 4 + 2);
  CHECK(cache.to_take(1, 104) == 1 + 1);  // their last blocks
  cache.reserve(1, 104);
  CHECK(cache.held() == 4 + 2 + 2);
  cache.clear(0);
  CHECK(cache.held() == 4 + 2);
  cache.reserve(1, 136);
  cache.set_length(1, 136);  // the token at 135 sees those from 96 on
  CHECK(cache.can_share(1, 135));
  CHECK_FALSE(cache.can_share(1, 134));
  cache.clear(1);
  CHECK(cache.held() == 0);
}

TEST_CASE("sequences that share a prompt go on with the bits of the whole, whatever their windows leave") {
  const Subject& s = windowed_subject();
  std::vector<std::vector<std::int32_t>> whole;
  std::vector<Floats> expected;
  for (std::uint64_t seed : {61, 62, 63}) {
    whole.push_back(std::vector<std::int32_t>(s.tokens.begin(), s.tokens.begin() + 104));
    for (std::int32_t t : random_tokens(60, s.model.config().vocab, seed)) whole.back().push_back(t);
    expected.push_back(alone(s.model, whole.back()));
  }
  at_every_setting([&] {
    KvCache cache = poisoned_cache(s, 3);
    Trace trace;
    Batch first;
    first.add(part(s.tokens, 0, 104));
    std::int64_t zero = 0;
    s.model.extend(first, {&zero, 1}, cache, trace);
    for (std::int64_t i : {1, 2}) cache.share(0, i, 103);
    for (std::int64_t t = 103; t < 164; ++t) {
      Batch batch;
      std::vector<std::int64_t> all;
      for (std::int64_t i : {2, 0, 1}) {
        if (i == 0 && t == 103) continue;
        batch.add(part(whole[static_cast<std::size_t>(i)], t, 1));
        all.push_back(i);
      }
      s.model.extend(batch, all, cache, trace);
      const std::int64_t V = s.model.config().vocab;
      for (std::size_t i = 0; i < all.size(); ++i) {
        const Floats& e = expected[static_cast<std::size_t>(all[i])];
        CHECK(same_bits(logits_of(s.model, trace, static_cast<std::int64_t>(i), 1),
                        Floats(e.begin() + t * V, e.begin() + (t + 1) * V)));
      }
    }
  });
}

TEST_CASE("samples of models with windows are those of whole forwards, whatever the slots and tokens in flight") {
  const Model model = windowed({{5}, {20}}, 90);
  const auto asked = requests();
  const auto expected = Generator(model, options_with(1, 1, 50)).run(asked);
  Buffer<float> weights;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    std::vector<std::int32_t> tokens = asked[i].prompt;
    tokens.insert(tokens.end(), expected[i].ids.begin(), expected[i].ids.end());
    const Floats logits = alone(model.transformer, tokens);
    for (std::size_t k = 0; k < expected[i].ids.size(); ++k) {
      float logprob = 0;
      const auto row = static_cast<std::int64_t>(asked[i].prompt.size() + k) - 1;
      CHECK(sample_token(logits.data() + row * 257, 257, {}, uniform(3, stream_of(asked[i].id), k), weights,
                         &logprob) == expected[i].ids[k]);
      CHECK(logprob == expected[i].logprobs[k]);
    }
  }
  for (std::int64_t slots : {1, 3, 20})
    for (std::int64_t in_flight : {0, 96, 160}) {
      GenerateOptions o = options_with(1, slots, 50);
      o.tokens_in_flight = in_flight;
      Generator generator(model, o);
      const auto sampled = generator.run(asked);
      for (std::size_t i = 0; i < asked.size(); ++i) CHECK(same_response(sampled[i], expected[i]));
      if (in_flight > 0) CHECK(generator.counts().blocks <= in_flight / 32);
    }
}

TEST_CASE("the cache gives back what windows have left while a response grows") {
  // 539 tokens fill 17 blocks, and a window of 33 is in 3 at most.
  for (const auto& [forms, blocks] : std::vector<std::pair<std::vector<LayerForm>, std::int64_t>>{
           {{}, 17}, {{{33}, {}}, (17 + 3) / 2}, {{{33}, {33}}, 3}}) {
    const Model model = windowed(forms, 600);
    Generator generator(model, options_with(1, 1, 500));
    CHECK(generator.run(of_one_prompt(1, 40))[0].ids.size() == 500);
    CHECK(generator.counts().blocks == blocks);
  }
}

TEST_CASE("tokens in flight count as what the cache holds of them") {
  const Model model = windowed({{33}, {33}}, 600);
  GenerateOptions o = options_with(1, 4, 500);
  const auto asked = of_one_prompt(6, 40);
  const auto expected = Generator(model, o).run(asked);
  // A step reads 256 tokens at most, a window of 33 before them: ten blocks, where 539 tokens fill 17.
  o.tokens_in_flight = 319;
  CHECK_FALSE(Generator(model, o).fits(40));
  o.tokens_in_flight = 320;
  Generator bounded(model, o);
  CHECK(bounded.fits(40));
  const auto sampled = bounded.run(asked);
  for (std::size_t i = 0; i < asked.size(); ++i) CHECK(same_response(sampled[i], expected[i]));
  CHECK(bounded.counts().blocks <= 10);
}

TEST_CASE("a prompt that windows have left is read again") {
  const Model model = windowed({{5}, {}}, 120);
  const auto asked = of_one_prompt(3, 70);
  const auto rows = [&](std::int64_t slots, std::int64_t max_tokens) {
    Generator generator(model, options_with(1, slots, max_tokens));
    generator.run(asked);
    return generator.counts().rows;
  };
  CHECK(rows(3, 40) == 70 + 2 + 3 * 39);  // read at once: shared
  CHECK(rows(1, 5) == 70 + 2 + 3 * 4);    // the window is still in the prompt's last block
  CHECK(rows(1, 40) == 3 * (70 + 39));
}
