// What a model is, read from a Hugging Face config.json and written as one. Letters used throughout
// lib/model: B sequences, T tokens, C width (channels), H heads, D = C / H channels of a head, F inner
// width of the feed-forward part, V vocabulary, L layers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nudge {

enum class Activation { kGeluTanh, kGeluErf };

// What stands on the trunk: a language model's logits, or one number a token (`score.weight`), which is
// a reward model read at the last token and a critic read at every token.
enum class HeadKind { kLanguage, kScore };

struct ModelConfig {
  std::string family = "gpt2";
  std::int64_t layers = 0, width = 0, heads = 0, inner = 0, context = 0, vocab = 0;
  double norm_eps = 1e-5;
  Activation activation = Activation::kGeluTanh;
  bool tied = true;  // the head's matrix is the embedding's
  HeadKind head = HeadKind::kLanguage;
  // A language model whose trunk also carries a value head (`--critic shared`). It is no part of the
  // language model's folder or digest.
  bool shared_value = false;
  std::int32_t bos = -1, eos = -1, pad = -1;  // -1 where there is none
  // Of a reward model: reward = (score - mean) / std (docs/mathematics.md, 3). Other software sees the score.
  double reward_mean = 0, reward_std = 1;

  std::int64_t head_dim() const { return width / heads; }

  // Throws kBadInput naming `where` and the key: unknown architectures, keys that change the mathematics
  // and are not supported, sizes that make no sense.
  static ModelConfig parse(std::string_view json, const std::string& where);
  std::string json() const;
  // The keys that change mathematics, as one text for digests.
  std::string mathematics() const;
};

}  // namespace nudge
