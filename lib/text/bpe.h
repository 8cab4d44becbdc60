// Byte-pair encoding of one word: repeatedly applies the merge of lowest rank to its leftmost pair, until no pair
// merges.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

struct BpeMerge {
  std::int32_t left, right, result;  // token ids
};

// The initial symbols of a word. With bytes, vocabularies are written in the characters of byte_level.h; with
// characters, as plain text (SentencePiece's kind).
enum class BpeAlphabet : std::uint8_t { kBytes, kCharacters };

struct BpeOptions {
  BpeAlphabet alphabet = BpeAlphabet::kBytes;
  bool ignore_merges = false;  // a word that is in the vocabulary is that token, whatever the merges
  bool byte_fallback = false;  // a symbol without a token becomes its bytes' tokens <0x00> to <0xFF>, if all exist
  bool fuse_unknown = false;   // a run of unknown symbols is one unknown token
  std::int32_t unknown = -1;   // the token for unknown symbols; -1: they are dropped
  static constexpr std::int32_t kMissing = -2;  // for `unknown`: an unknown symbol is an error
};

class Bpe {
 public:
  // `token_bytes[id]`: a token's bytes, or its UTF-8 text, depending on the alphabet; empty for a token that no word
  // yields. If a pair occurs in two merges, the later one wins.
  Bpe(std::vector<std::string> token_bytes, const std::vector<BpeMerge>& merges, const BpeOptions& options);

  // Appends the ids of `word` (valid UTF-8 if the alphabet is characters) to `out`. Linear time for any word, or n log n
  // if the merges are not in training order. Error kBadInput: a symbol has no token and `unknown` is kMissing.
  void encode(std::string_view word, std::vector<std::int32_t>& out) const;

  const std::vector<std::string>& token_bytes() const { return token_bytes_; }

 private:
  struct Join {
    std::uint32_t rank, result;
  };
  struct Slot {
    std::uint64_t pair = ~0ull;  // left id in the upper half, right id in the lower
    Join join{};
  };

  void insert_merge(const BpeMerge& merge, std::uint32_t rank);
  void insert_symbol(std::string_view token, std::int32_t id);
  void insert_word(std::int32_t id);
  const Join* find(std::int32_t left, std::int32_t right) const;
  std::int32_t find_word(std::string_view word) const;
  std::int32_t symbol_id(std::uint32_t symbol) const { return symbols_[pages_[symbol >> 8] + (symbol & 255)]; }
  bool parts_come_first(const std::vector<BpeMerge>& merges) const;
  bool spaces_begin_tokens(const std::vector<BpeMerge>& merges) const;
  std::size_t most_symbols(std::size_t bytes) const;
  std::size_t to_ids(std::string_view word, std::int32_t* ids) const;
  std::size_t fallback_ids(std::uint32_t symbol, std::int32_t* ids) const;
  void encode_piece(std::string_view word, std::vector<std::int32_t>& out) const;
  void merge_all(std::string_view word, std::vector<std::int32_t>& out) const;
  void merge_short(std::int32_t* ids, std::size_t n, std::vector<std::int32_t>& out) const;
  void merge_long(std::vector<std::int32_t>& ids, std::vector<std::int32_t>& out) const;
  void merge_by_rank(std::vector<std::int32_t>& ids, std::vector<std::int32_t>& out) const;

  std::vector<std::string> token_bytes_;
  BpeOptions options_;
  std::vector<std::uint32_t> pages_;   // per 256 symbols (bytes or characters): offset in symbols_; 0: none has an id
  std::vector<std::int32_t> symbols_;  // ids, or -1; the first 256 stay -1, shared by pages without ids
  std::int32_t fallback_[256];         // ids of <0x00> to <0xFF>, or -1
  std::vector<Slot> merges_;           // hash table with open addressing, size a power of two
  std::vector<std::int32_t> words_;    // likewise: ids of the tokens that are whole words, or -1
  std::size_t longest_word_ = 0;       // bytes
  std::size_t ranks_ = 0;              // number of merges, if each comes after those that make its parts; else 0
  bool cut_at_spaces_ = false;         // no merge joins another character to a following "▁"
};

}  // namespace nudge
