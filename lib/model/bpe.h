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

struct BpeOptions {
  bool ignore_merges = false;   // a word that is a token is that token, whatever the merges say
  bool fuse_unknown = false;    // neighbouring unknown bytes are one unknown token
  std::int32_t unknown = -1;    // the token for a byte without one; -1: such bytes are left out
};

class Bpe {
 public:
  // `token_bytes[id]`: the bytes a token stands for; empty for one that no bytes lead to. Where a pair
  // occurs in two merges, the later one counts.
  Bpe(std::vector<std::string> token_bytes, const std::vector<BpeMerge>& merges, const BpeOptions& options);

  // Appends the ids of `word` to `out`. Time grows as n log n with its length, for any word.
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
  void insert_word(std::int32_t id);
  const Join* find(std::int32_t left, std::int32_t right) const;
  std::int32_t find_word(std::string_view word) const;
  void bytes_to_ids(std::string_view word, std::vector<std::int32_t>& ids) const;
  void merge_all(std::string_view word, std::vector<std::int32_t>& out) const;
  void merge_short(std::int32_t* ids, std::size_t n, std::vector<std::int32_t>& out) const;
  void merge_long(std::vector<std::int32_t>& ids, std::vector<std::int32_t>& out) const;

  std::vector<std::string> token_bytes_;
  BpeOptions options_;
  std::int32_t byte_ids_[256];
  std::vector<Slot> merges_;                // open addressing, a power of two
  std::vector<std::int32_t> words_;         // likewise: ids of the tokens that are whole words, or -1
  std::size_t longest_word_ = 0;            // bytes
};

}  // namespace nudge
