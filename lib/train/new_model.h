// A language model from nothing: sizes, a tokenizer learnt from the texts, fresh weights.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"

namespace nudge {

struct NewModelOptions {
  std::int64_t layers = 4, width = 128, heads = 4, context = 256;
  std::int64_t vocab = 2048;  // at most: texts with few repetitions give fewer tokens

  void check() const;  // throws kUsage for a width that the heads don't divide
};

// GPT-2's architecture with <|endoftext|> as beginning and ending token. The tokenizer learns from the fields "text",
// "prompt" and "completion" of the records. Errors: kUsage, kBadInput naming the record whose field is no text.
Model new_model(const NewModelOptions& options, const std::vector<Record>& records, std::uint64_t seed);

}  // namespace nudge
