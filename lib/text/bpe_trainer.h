// Trains a byte-level BPE tokenizer on texts, like GPT-2's (Sennrich et al. 2016 over bytes).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nudge {

struct TrainedTokenizer {
  std::string tokenizer_json, tokenizer_config_json;
  std::int32_t vocab_size = 0;  // less than requested if the texts have too few repeated pairs
};

struct BpeTraining {
  std::int32_t vocab_size = 0;  // at most
  // The model's family. For some, transformers has a class that composes characters (NFC) or splits words in its own
  // way; the tokenizer is made so that this class gives the same ids.
  std::string_view family = "gpt2";
  bool pad = true;  // <|pad|> as the last id
};

// Ids: 256 bytes, then merges in the order found, then <|endoftext|>, then <|pad|>. The most frequent pair is merged
// next; of equal ones that with the smallest left id, then right id. Pairs that occur once are not merged. The last two
// tokens end a document where they occur in a text and are not learnt. Words over 1 KiB are learnt in pieces of 1 KiB.
// The result depends on the texts only as a multiset. Error: `vocab_size` is too small for the bytes and these tokens
// (kUsage), a text is not UTF-8 (kBadInput, naming its number from 0).
TrainedTokenizer train_bpe(std::span<const std::string> texts, const BpeTraining& training);

}  // namespace nudge
