// A language model from nothing: sizes, a tokenizer learnt from the texts, fresh weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"

namespace nudge {

struct NewModelOptions {
  std::string family = "gpt2";  // family.h's model_type
  std::int64_t layers = 4, width = 128, heads = 4, context = 256;
  std::int64_t kv_heads = 0;  // 0: as many as heads
  std::int64_t inner = 0;     // 0: the usual one, see below
  std::int64_t vocab = 2048;  // at most: texts with few repetitions give fewer tokens
  Dtype dtype = Dtype::kF32;

  void check() const;  // throws kUsage for sizes that don't go together or that the family doesn't have
};

// A family's usual block with tied embeddings, <|endoftext|> as beginning and ending token and <|pad|> to pad with. The
// inner width is four widths; of a gated block, whose inner part has three matrices instead of two, 8/3 of the width, up
// to a multiple of 32. The tokenizer is one of the family (bpe_trainer.h) and learns from the fields "text", "prompt" and "completion" of the records. Errors: kUsage, kBadInput naming the record whose field is no text.
Model new_model(const NewModelOptions& options, const std::vector<Record>& records, std::uint64_t seed);

}  // namespace nudge
