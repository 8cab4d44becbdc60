// Makes a byte-level BPE tokenizer from text, as GPT-2's was made (Sennrich et al. 2016 over bytes).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nudge {

struct TrainedTokenizer {
  std::string tokenizer_json, tokenizer_config_json;
  std::int32_t vocab_size = 0;  // less than asked for where the texts hold too few repeated pairs
};

struct BpeTraining {
  std::int32_t vocab_size = 0;  // at most
  // The family of the model: transformers has classes for some, which compose characters (NFC) or cut words in their
  // own way. The tokenizer is one that they load to the same ids.
  std::string_view family = "gpt2";
  bool pad = true;  // <|pad|> as the last id
};

// 256 bytes, then merges in the order they were found, then <|endoftext|>, then <|pad|>. The pair that
// occurs most often is merged next; among equals the one with the smallest left id, then right id. A pair
// that occurs once is not merged. Occurrences of the last two in a text end a document and are not learnt.
// Words of more than 1 KiB are learnt in pieces of 1 KiB. The result depends on the texts as a multiset only.
// Error: `vocab_size` is too small for the bytes and these (kUsage), a text is not UTF-8 (kBadInput, naming its number
// from 0).
TrainedTokenizer train_bpe(std::span<const std::string> texts, const BpeTraining& training);

}  // namespace nudge
