// The files beside tokenizer.json that also determine ids, read as by transformers' AutoTokenizer.
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

// The contents of a folder's files; empty if absent.
struct TokenizerFiles {
  std::string_view json, config, special_tokens_map, added_tokens, model_config;
};

// A transformers tokenizer class that has built-in tokens and, but for Gemma's, reads add_prefix_space. kFile: any
// other. (Since version 5 these classes also split texts in their own way, whatever tokenizer.json says. Models were
// trained by tokenizer.json.)
enum class TokenizerKind : std::uint8_t { kFile, kGpt2, kNeox, kQwen2, kLlama, kCodeLlama, kGemma };

struct NamedToken {
  std::string key;    // "eos_token" and so on
  AddedToken token;   // with empty content if there is none
  bool said = false;  // named by a file, not only by the class
};

struct TokenizerConfig {
  TokenizerKind kind = TokenizerKind::kFile;
  std::optional<bool> prefix_space;          // a class's add_prefix_space, which overrides tokenizer.json
  bool lists_added = false;                  // has added_tokens_decoder, so older files' added tokens are ignored
  std::map<std::int64_t, AddedToken> added;  // by the id that a file gives
  std::vector<NamedToken> named;
  std::vector<AddedToken> extra;  // other special tokens, without a name
  std::int64_t model_vocab = -1;  // vocabulary size of the model, if config.json states it

  const NamedToken& name(std::string_view key) const;  // one of the seven that always exist
};

// Error kBadInput: "WHERE/FILE: cause".
TokenizerConfig read_tokenizer_config(const TokenizerFiles& files, const std::string& where);

// An added token's fields, which all files share.
AddedToken read_added_token(const JsonReader& in, JsonReader::Value entry, const std::string& what);

// Qwen 2's split expression, escaped for JSON.
inline constexpr std::string_view kQwen2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*)"
    R"(|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)";

}  // namespace nudge
