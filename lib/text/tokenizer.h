// Text to token ids and back, by tokenizer.json: byte-level BPE (GPT-2, Llama 3, Qwen, NeoX) and character BPE with
// byte fallback, SentencePiece's kind (Llama 2, TinyLlama, Mistral).
// Gives the same ids as Hugging Face's tokenizers library on the same file. An unsupported kind of model, normalizer,
// pre-tokenizer, post-processor or decoder is refused by name, never ignored.
// A tokenizer is immutable once loaded: any number of threads may share one.
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
  // Reads folder/tokenizer.json and, if they exist, the other files that transformers' AutoTokenizer reads:
  // tokenizer_config.json, in older folders special_tokens_map.json and added_tokens.json, and config.json, all of
  // which may add tokens or select a class that overrides parts of tokenizer.json; and the chat template files.
  // Error: kNoInput (no tokenizer.json), kBadInput (damaged or not supported).
  static Tokenizer load(const std::string& folder);

  // The same from the files' contents; messages name the folder `where`. An empty config counts as absent.
  static Tokenizer from_json(std::string_view tokenizer_json, std::string_view config_json, const std::string& where,
                             std::string_view template_file = {});
  static Tokenizer from_files(const TokenizerFiles& files, const std::string& where,
                              std::vector<std::pair<std::string, std::string>> template_files = {});

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // The ids of `text`, in which added tokens are recognised. `add_special` adds the tokens of the post-processor's
  // template. Without an unknown token, symbols that the vocabulary lacks are dropped, as in the reference. Error:
  // `text` is not UTF-8.
  std::vector<std::int32_t> encode(std::string_view text) const;
  std::vector<std::int32_t> encode(std::string_view text, bool add_special) const;

  // The start of a sequence: the template's leading tokens (<s>) and the ids of `text`, unless the text already begins
  // with those tokens, as a rendered dialogue may.
  std::vector<std::int32_t> encode_prompt(std::string_view text) const;

  // The ids of `text` as the continuation of another text: as encode(), but nothing is prepended (the space of Prepend,
  // Metaspace and ByteLevel). An added token that is matched with such a space is not found at the start.
  std::vector<std::int32_t> encode_continuation(std::string_view text) const;

  // The text of `ids`; `skip_special` omits special tokens. Bytes that are not UTF-8 become U+FFFD: byte-level, one per
  // maximal subpart; with byte fallback, one per byte of a run that is not UTF-8 as a whole. SentencePiece's kind
  // removes a leading space. Ids without a token (as in a padded embedding) give nothing.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special) const;

  // What follows the prompt in the decoded text of both, without special tokens. A character that the prompt begins and
  // the response completes belongs to the response.
  std::string decode_continuation(std::span<const std::int32_t> prompt, std::span<const std::int32_t> response) const;

  // The bytes of a token in the middle of a text; may be part of a character. Empty for ids without a token.
  std::string token_bytes(std::int32_t id) const;

  std::int32_t vocab_size() const;  // ids are 0 .. vocab_size() - 1, added tokens included; not all need exist
  std::int32_t eos_id() const;      // -1 if there is none. If neither the files nor the class name eos_token or
  std::int32_t bos_id() const;      // bos_token, it is <|endoftext|>, as in GPT-2, provided that is a special
  std::int32_t pad_id() const;      // token.
  bool is_special(std::int32_t id) const;

  // Covers everything that determines ids and texts: vocabulary, merges, added tokens, options. Formatting and the
  // configuration do not matter.
  const std::string& digest() const;

  // The files' contents as loaded, to be copied to other folders unchanged.
  const std::string& json() const;
  const std::string& config_json() const;
  // chat_template.jinja and the files of additional_chat_templates/, sorted by name: names and contents.
  const std::vector<std::pair<std::string, std::string>>& template_files() const;
  // Replaces all chat templates of the folder.
  void set_chat_template(const std::string& source);
  // Named tokens as templates see them: bos_token, eos_token, ... and their texts.
  std::vector<std::pair<std::string, std::string>> named_tokens() const;
  // special_tokens_map.json and added_tokens.json, if they were read: names and contents.
  const std::vector<std::pair<std::string, std::string>>& older_files() const;

  // Why this tokenizer doesn't fit a model with `vocab` tokens: "FILE: cause", or "".
  std::string excess(std::int64_t vocab) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nudge
