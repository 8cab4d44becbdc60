// Byte-pair encoding of one word: of all neighbours that a merge joins, those of the earliest merge are
// joined first, the leftmost of them first, until none is left.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

struct BpeMerge {
  std::int32_t left, right, result;  // token ids
};

// What a word consists of before anything is merged. With bytes, a vocabulary's texts are written in the characters
// of byte_level.h; with characters they are as they stand (SentencePiece's kind).
enum class BpeAlphabet : std::uint8_t { kBytes, kCharacters };

struct BpeOptions {
  BpeAlphabet alphabet = BpeAlphabet::kBytes;
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges say
  bool byte_fallback = false;  // a symbol without a token is the tokens <0x00> to <0xFF> of its bytes, if all exist
  bool fuse_unknown = false;   // neighbouring unknown symbols are one unknown token
  std::int32_t unknown = -1;   // the token for a symbol without one; -1: such symbols are left out
  static constexpr std::int32_t kMissing = -2;  // of `unknown`: such a symbol is an error
};

class Bpe {
 public:
  // `token_bytes[id]`: what a token stands for, in bytes or in UTF-8 by the alphabet; empty for one that no word
  // leads to. Where a pair occurs in two merges, the later one counts.
  Bpe(std::vector<std::string> token_bytes, const std::vector<BpeMerge>& merges, const BpeOptions& options);

  // Appends the ids of `word` (valid UTF-8 where the alphabet is characters) to `out`. Time grows with its length, for
  // any word; as n log n where the merges are not in the order in which a training finds them. Error kBadInput: a
  // symbol has no token and `unknown` is missing.
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
  std::size_t room(std::size_t bytes) const;
  std::size_t to_ids(std::string_view word, std::int32_t* ids) const;
  std::size_t fallback_ids(std::uint32_t symbol, std::int32_t* ids) const;
  void encode_piece(std::string_view word, std::vector<std::int32_t>& out) const;
  void merge_all(std::string_view word, std::vector<std::int32_t>& out) const;
  void merge_short(std::int32_t* ids, std::size_t n, std::vector<std::int32_t>& out) const;
  void merge_long(std::vector<std::int32_t>& ids, std::vector<std::int32_t>& out) const;
  void merge_by_turns(std::vector<std::int32_t>& ids, std::vector<std::int32_t>& out) const;

  std::vector<std::string> token_bytes_;
  BpeOptions options_;
  std::vector<std::uint32_t> pages_;   // of 256 symbols (bytes or characters), into symbols_; 0: none has an id
  std::vector<std::int32_t> symbols_;  // their ids, or -1; the first 256 stay -1, for all pages without an id
  std::int32_t fallback_[256];         // ids of <0x00> to <0xFF>, or -1
  std::vector<Slot> merges_;           // open addressing, a power of two
  std::vector<std::int32_t> words_;    // likewise: ids of the tokens that are whole words, or -1
  std::size_t longest_word_ = 0;       // bytes
  std::size_t turns_ = 0;              // merges, where none has a part that a later one makes too; else 0
  bool cut_at_spaces_ = false;         // no token holds "▁" behind anything else
};

}  // namespace nudge
