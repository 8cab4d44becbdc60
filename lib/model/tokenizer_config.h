// What stands beside tokenizer.json and decides about ids, too, as transformers' AutoTokenizer reads it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/added_tokens.h"
#include "lib/model/json_reader.h"

namespace nudge {

// The texts of a folder's files; empty where there is none.
struct TokenizerFiles {
  std::string_view json, config, special_tokens_map, added_tokens, model_config;
};

// What a tokenizer class of transformers takes from tokenizer.json. kFile: all of it. The others take vocabulary,
// merges, added tokens and post-processor, and have everything else of their own.
enum class TokenizerKind : std::uint8_t { kFile, kGpt2, kNeox, kQwen2, kLlama, kCodeLlama };

struct NamedToken {
  std::string key;   // "eos_token" and so on
  AddedToken token;  // its content is empty where there is none
  bool said = false; // by a file, and not by the class alone
};

struct TokenizerConfig {
  TokenizerKind kind = TokenizerKind::kFile;
  std::string class_name;
  bool prefix_space = false;          // of the kinds that have an own pipeline
  bool prefix_everywhere = false;     // kLlama: before each piece between added tokens, not the first alone
  bool lists_added = false;           // added_tokens_decoder is there: the added tokens of other files are older
  std::map<std::int64_t, AddedToken> added;  // by the id that a file gives
  std::vector<NamedToken> named;
  std::vector<AddedToken> extra;      // more special tokens, without a name
  std::int64_t model_vocab = -1;      // tokens that the model has, where config.json says so

  const NamedToken& name(std::string_view key) const;  // of the seven that always are there
};

// Error kBadInput: "WHERE/FILE: cause".
TokenizerConfig read_tokenizer_config(const TokenizerFiles& files, const std::string& where);

// An added token's fields as all files have them.
AddedToken read_added_token(const JsonReader& in, JsonReader::Value entry, const std::string& what);

// Qwen 2's expression for words, as JSON writes it.
inline constexpr std::string_view kQwen2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*)"
    R"(|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)";

// tokenizer.json's normalizer, pre_tokenizer and decoder as such a class has them; empty for kFile.
std::string class_pipeline(const TokenizerConfig& config);

}  // namespace nudge
