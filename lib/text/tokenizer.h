// Text to token ids and back, as tokenizer.json says: byte-level BPE (GPT-2, Llama 3, Qwen, NeoX) and BPE of
// characters with byte fallback, SentencePiece's kind (Llama 2, TinyLlama, Mistral).
// The ids are those of Hugging Face's tokenizers library on the same file. A kind of model, normalizer,
// pre-tokenizer, post-processor or decoder that is not supported is refused by name, never ignored.
// A tokenizer is immutable once loaded: any number of threads may use one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nudge {

struct TokenizerFiles;

class Tokenizer {
 public:
  // Reads folder/tokenizer.json and, where they exist, what transformers' AutoTokenizer reads besides:
  // tokenizer_config.json, in older folders special_tokens_map.json and added_tokens.json, and config.json, all of which
  // may add tokens or choose a class that does not take all of tokenizer.json; and the files of chat templates.
  // Error: kNoInput (no tokenizer.json), kBadInput (damaged or not supported).
  static Tokenizer load(const std::string& folder);

  // The same from the files' texts; `where` is the folder that messages name. An empty config is none.
  static Tokenizer from_json(std::string_view tokenizer_json, std::string_view config_json, const std::string& where,
                             std::string_view template_file = {});
  static Tokenizer from_files(const TokenizerFiles& files, const std::string& where,
                              std::vector<std::pair<std::string, std::string>> template_files = {});

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // The ids of `text`, added tokens recognised in it. With `add_special`, the tokens that the
  // post-processor's template puts around a text are added. What the vocabulary has no token for is left out where
  // there is no unknown token, as the reference does. Error: `text` is not UTF-8.
  std::vector<std::int32_t> encode(std::string_view text) const;
  std::vector<std::int32_t> encode(std::string_view text, bool add_special) const;

  // What a sequence begins with: the ids of `text` behind those that the template puts before one (<s>), unless the
  // text begins with them already, as a rendered dialogue may.
  std::vector<std::int32_t> encode_prompt(std::string_view text) const;

  // The ids of `text` behind another text's: as encode() without what is put in front of a text's start (the space of
  // Prepend, Metaspace and ByteLevel). An added token that is looked for with such a space is not found at the start.
  std::vector<std::int32_t> encode_continuation(std::string_view text) const;

  // The text of `ids`; with `skip_special`, special tokens are left out. Bytes that are not UTF-8 become U+FFFD:
  // byte-level, one for each maximal subpart; with byte fallback, one for each byte of a run that is not UTF-8 as a
  // whole. SentencePiece's kind takes a space away from the start. Ids without a token (a padded embedding has
  // some) give nothing.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special) const;

  // What follows the prompt in the text of both together, special tokens left out. A character that the prompt begins
  // and the response completes is the response's.
  std::string decode_continuation(std::span<const std::int32_t> prompt, std::span<const std::int32_t> response) const;

  // The bytes of one token amid others; a token may hold part of a character. Empty for ids without a token.
  std::string token_bytes(std::int32_t id) const;

  std::int32_t vocab_size() const;  // ids are 0 .. vocab_size() - 1, the added tokens included; not all need exist
  std::int32_t eos_id() const;      // -1 where there is none. Where neither the files nor the class speak of
  std::int32_t bos_id() const;      // eos_token or bos_token, it is <|endoftext|>, as GPT-2's is, where
  std::int32_t pad_id() const;      // that is a special token.
  bool is_special(std::int32_t id) const;

  // Names what decides about ids and texts: vocabulary, merges, added tokens, options. The way they are
  // written, and the configuration, do not matter.
  const std::string& digest() const;

  // The files' texts as loaded, to be copied into other folders unchanged.
  const std::string& json() const;
  const std::string& config_json() const;
  // chat_template.jinja and those of additional_chat_templates/, in the order of their names: names and texts.
  const std::vector<std::pair<std::string, std::string>>& template_files() const;
  // In place of all chat templates that the folder had.
  void set_chat_template(const std::string& source);
  // The tokens that have a name, as templates know them: bos_token, eos_token, ... and their texts.
  std::vector<std::pair<std::string, std::string>> named_tokens() const;
  // Likewise special_tokens_map.json and added_tokens.json, where they are read: names and texts.
  const std::vector<std::pair<std::string, std::string>>& older_files() const;

  // Why a model with `vocab` tokens can't have this tokenizer: "FILE: cause", or nothing.
  std::string excess(std::int64_t vocab) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nudge
