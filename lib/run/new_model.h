// A new language model: sizes, a tokenizer trained on the texts, initial weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/cli/tool.h"
#include "lib/io/record.h"
#include "lib/model/folder.h"

namespace nudge {

struct NewModelOptions {
  std::string family = "gpt2";  // family.h's model_type
  std::int64_t layers = 4, width = 128, heads = 4, context = 256;
  std::int64_t kv_heads = 0;  // 0: as many as heads
  std::int64_t head_dim = 0;  // 0: width / heads
  std::int64_t inner = 0;     // 0: the default, see below
  std::int64_t vocab = 2048;  // at most: texts with few repetitions give fewer tokens
  Dtype dtype = Dtype::kF32;

  // Registers the sizes under "A new model"; they are for `init` "new" alone.
  void add_to(Tool& tool, const std::string& init);
  void check() const;  // throws kUsage for sizes that are inconsistent or that the family doesn't have
};

// The family's standard block with tied embeddings, <|endoftext|> as BOS and EOS and <|pad|> for padding. The hidden
// size of the feed-forward block is four widths; if gated, with three matrices instead of two, 8/3 of the width,
// rounded up to a multiple of 32. The tokenizer is of the family's kind (bpe_trainer.h) and is trained on the records'
// fields "text", "prompt", "completion" and "messages". Errors: kUsage; kBadInput naming the record whose field is no
// text.
Model new_model(const NewModelOptions& options, const std::vector<Record>& records, std::uint64_t seed);

}  // namespace nudge
