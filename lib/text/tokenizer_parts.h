// What a folder's files say, read and checked: the parts that Tokenizer puts together.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/added_tokens.h"
#include "lib/text/bpe.h"
#include "lib/text/normalizer.h"
#include "lib/text/pretokenize.h"
#include "lib/text/token_decoder.h"
#include "lib/text/tokenizer_config.h"

namespace nudge {

struct TokenizerParts {
  std::vector<std::string> vocabulary;  // the model's texts by id; empty where an id is left out
  std::vector<std::string> tokens;      // likewise with the added tokens
  std::vector<bool> present;            // by id: there is a token
  std::vector<BpeMerge> merges;         // in order of rank
  BpeOptions options;
  std::vector<AddedToken> added;  // in the order in which they were added
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizer::Step> steps;
  std::vector<DecoderStep> decoder;
  std::vector<std::int32_t> before, after;  // the template's tokens around a text
  std::string pipeline;  // normalizer, pre-tokenizer and decoder in one canonical text, for the digest
};

// Error kBadInput: "WHERE/tokenizer.json: cause".
TokenizerParts parse_tokenizer(const TokenizerFiles& files, const TokenizerConfig& config, const std::string& where);

}  // namespace nudge
