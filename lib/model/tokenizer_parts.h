// What tokenizer.json says, read and checked: the parts that Tokenizer puts together.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/added_tokens.h"
#include "lib/model/bpe.h"
#include "lib/model/normalizer.h"
#include "lib/model/pretokenize.h"
#include "lib/model/token_decoder.h"

namespace nudge {

struct TokenizerParts {
  std::vector<std::string> tokens;      // the vocabulary's texts by id, added tokens behind it
  std::size_t model_tokens = 0;         // how many of them the vocabulary holds
  std::vector<BpeMerge> merges;         // in order of rank
  BpeOptions options;
  std::vector<AddedToken> added;        // ids as the reference gives them: the file's own are not looked at
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizer::Step> steps;
  std::vector<DecoderStep> decoder;
  std::vector<std::int32_t> before, after;  // the template's tokens around a text
  std::string pipeline;                 // normalizer, pre-tokenizer and decoder in one canonical text, for the digest
};

// Error kBadInput: "WHERE/tokenizer.json: cause".
TokenizerParts parse_tokenizer(std::string_view json, const std::string& where);

struct SpecialNames {
  // The token's text; `said` is false where the configuration does not speak of it, and an empty text is none.
  struct Name {
    std::string text;
    bool said = false;
  };
  Name eos, bos, pad;
};

// Error kBadInput: "WHERE/tokenizer_config.json: cause". An empty `json` says nothing.
SpecialNames parse_tokenizer_config(std::string_view json, const std::string& where);

}  // namespace nudge
