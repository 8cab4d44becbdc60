// What stands beside tokenizer.json and decides about ids, too, as transformers' AutoTokenizer reads it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/io/json_reader.h"
#include "lib/text/added_tokens.h"

namespace nudge {

// The texts of a folder's files; empty where there is none.
struct TokenizerFiles {
  std::string_view json, config, special_tokens_map, added_tokens, model_config;
};

// A tokenizer class of transformers that knows tokens by itself and reads add_prefix_space. kFile: any other. (Since
// version 5 these classes also cut texts in their own way, whatever tokenizer.json says. Models were trained as that says.)
enum class TokenizerKind : std::uint8_t { kFile, kGpt2, kNeox, kQwen2, kLlama, kCodeLlama };

struct NamedToken {
  std::string key;    // "eos_token" and so on
  AddedToken token;   // its content is empty where there is none
  bool said = false;  // by a file, and not by the class alone
};

struct TokenizerConfig {
  TokenizerKind kind = TokenizerKind::kFile;
  std::optional<bool>
      prefix_space;          // whether a text gets a space in front, where a class is told; else tokenizer.json says
  bool lists_added = false;  // added_tokens_decoder is there: the added tokens of other files are older
  std::map<std::int64_t, AddedToken> added;  // by the id that a file gives
  std::vector<NamedToken> named;
  std::vector<AddedToken> extra;  // more special tokens, without a name
  std::int64_t model_vocab = -1;  // tokens that the model has, where config.json says so

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

}  // namespace nudge
