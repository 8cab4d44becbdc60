// A model small enough for any test, made on the spot: a byte-level tokenizer without merges and random weights
// large enough that two seeds are clearly different policies.
#pragma once

#include <filesystem>
#include <string>

#include "lib/model/folder.h"
#include "lib/text/bpe_trainer.h"
#include "tests/harness/harness.h"

namespace nudge::test {

struct TinyShape {
  std::int64_t layers = 2, width = 32, heads = 2, context = 48;
};

// 257 tokens: the bytes, then <|endoftext|>. `scale` multiplies GPT-2's initial weights, not biases and gains.
inline Model tiny_model(std::uint64_t seed, float scale = 10, const TinyShape& shape = {}) {
  const std::string text;
  const TrainedTokenizer trained = train_bpe({&text, 1}, {.vocab_size = 257, .pad = false});
  ModelConfig config;
  config.layers = shape.layers, config.width = shape.width, config.heads = shape.heads, config.context = shape.context;
  config.feed_forward = 4 * shape.width, config.vocab = trained.vocab_size;
  config.dtype = test_dtype();
  config.bos = config.eos = trained.vocab_size - 1;
  const Layout layout(config);
  Buffer<float> values = initial_parameters(config, layout, seed);
  for (const TensorInfo& t : layout.tensors) {
    if (t.shape.size() < 2) continue;
    for (std::int64_t i = 0; i < t.size; ++i) values[t.offset + i] *= scale;
  }
  Tokenizer tokenizer = Tokenizer::from_json(trained.tokenizer_json, trained.tokenizer_config_json, "tiny");
  return Model{Transformer(config, std::move(values)), std::move(tokenizer), "", {config.eos}};
}

// The same as a folder, which must not exist yet.
inline std::string tiny_folder(const std::string& path, std::uint64_t seed, float scale = 10,
                               const TinyShape& shape = {}) {
  std::filesystem::create_directories(path);
  save_model(tiny_model(seed, scale, shape), path);
  return path;
}

}  // namespace nudge::test
