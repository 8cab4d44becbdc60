// Makes a byte-level BPE tokenizer from text, as GPT-2's was made (Sennrich et al. 2016 over bytes).
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace nudge {

struct TrainedTokenizer {
  std::string tokenizer_json, tokenizer_config_json;
  std::int32_t vocab_size = 0;  // less than asked for where the texts hold too few repeated pairs
};

// 256 bytes, then merges in the order they were found, then <|endoftext|> as the last id. The pair that
// occurs most often is merged next; among equals the one with the smallest left id, then right id. A pair
// that occurs once is not merged. Occurrences of <|endoftext|> in a text end a document and are not learnt.
// Words of more than 1 KiB are learnt in pieces of 1 KiB. The result depends on the texts as a multiset only.
// Error: `vocab_size` is below 257 (kUsage), a text is not UTF-8 (kBadInput, naming its number from 0).
TrainedTokenizer train_bpe(std::span<const std::string> texts, std::int32_t vocab_size);

}  // namespace nudge
