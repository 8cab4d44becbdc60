// The parsed and checked parts of a folder's files, from which Tokenizer is built.
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
  std::vector<std::string> vocabulary;  // the model's texts by id; empty for skipped ids
  std::vector<std::string> tokens;      // likewise, including added tokens
  std::vector<bool> present;            // by id: the token exists
  std::vector<BpeMerge> merges;         // in order of rank
  BpeOptions options;
  std::vector<AddedToken> added;  // in the order in which they were added
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizer::Step> steps;
  std::vector<DecoderStep> decoder;
  std::vector<std::int32_t> before, after;  // the template's tokens around a text
  std::string pipeline;  // normalizer, pre-tokenizer and decoder as one canonical text, for the digest
};

// Error kBadInput: "WHERE/tokenizer.json: cause".
TokenizerParts parse_tokenizer(const TokenizerFiles& files, const TokenizerConfig& config, const std::string& where);

}  // namespace nudge
