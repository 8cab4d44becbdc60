// Models and examples small enough to train in a moment, with sizes that end oddly.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/rng.h"
#include "lib/model/folder.h"
#include "lib/rl/preference.h"
#include "lib/rl/sft.h"
#include "lib/text/bpe_trainer.h"

namespace nudge::test {

inline constexpr std::int32_t kTinyVocab = 261;

// A byte-level tokenizer with a few merges, whose last token ends a text.
inline Tokenizer tiny_tokenizer() {
  const std::vector<std::string> texts = {"abab abab ababab", "cdcd cdcd"};
  const TrainedTokenizer trained = train_bpe(texts, {.vocab_size = kTinyVocab, .pad = false});
  return Tokenizer::from_json(trained.tokenizer_json, trained.tokenizer_config_json, "tiny");
}

inline Model tiny_model(HeadKind head, std::uint64_t seed) {
  ModelConfig config;
  config.layers = 2;
  config.width = 36;
  config.heads = 3;
  config.feed_forward = 52;
  config.context = 40;
  config.vocab = kTinyVocab;
  config.head = head;
  Tokenizer tokenizer = tiny_tokenizer();
  config.eos = tokenizer.eos_id();
  Buffer<float> values = initial_parameters(config, Layout(config), seed);
  const std::int32_t eos = config.eos;
  return Model{Transformer(config, std::move(values)), std::move(tokenizer), "", {eos}};
}

inline std::vector<std::int32_t> tiny_tokens(std::int64_t n, std::uint64_t stream) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < n; ++i)
    tokens.push_back(static_cast<std::int32_t>(uniform(3, stream, static_cast<std::uint64_t>(i)) * kTinyVocab));
  return tokens;
}

// Rankings of so many answers each, of differing lengths.
inline std::vector<Ranking> tiny_rankings(const std::vector<int>& answers) {
  std::vector<Ranking> rankings;
  std::uint64_t stream = 0;
  for (int k : answers) {
    Ranking r;
    ++stream;
    r.prompt = tiny_tokens(5 + static_cast<std::int64_t>(stream % 4), stream);
    for (int a = 0; a < k; ++a) {
      r.answers.push_back(tiny_tokens(3 + (5 * a) % 17, ++stream));
    }
    rankings.push_back(std::move(r));
  }
  return rankings;
}

inline std::vector<SftExample> tiny_examples(std::int64_t n) {
  std::vector<SftExample> examples;
  for (std::int64_t i = 0; i < n; ++i) {
    SftExample e;
    e.id = std::to_string(i) + "/0";
    e.tokens = tiny_tokens(2 + (i * 7) % 38, static_cast<std::uint64_t>(100 + i));
    const std::int64_t size = std::ssize(e.tokens);
    e.learnt = {{i % 3 == 0 ? 1 : std::min<std::int64_t>(3, size - 1), size}};
    examples.push_back(std::move(e));
  }
  return examples;
}

}  // namespace nudge::test
