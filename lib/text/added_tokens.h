// Tokens that are found in a text before pre-tokenization.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nudge {

struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool special = false;                      // decode() can skip it
  bool lstrip = false;                       // swallows white space before it
  bool rstrip = false;                       // swallows white space after it
  bool single_word = false;                  // matches only between non-word characters
  bool normalized = false;                   // matched in the normalized text, after being normalized itself
  std::string_view file = "tokenizer.json";  // the file that defines it
};

// A piece of a text: an added token, or text between added tokens (id -1).
struct TextPiece {
  std::string_view text;
  std::int32_t id;
};

// Leftmost-longest matching: finds the longest token at the leftmost position, then continues after it.
class AddedTokenFinder {
 public:
  // Adds `token`, to be found as `content`; the first of equal contents wins.
  void insert(std::string_view content, const AddedToken& token);

  // Splits `text` into pieces, in order. White space that tokens swallow is in no piece.
  std::vector<TextPiece> split(std::string_view text) const;

 private:
  // The index of the longest token at `at`, or -1, and its length.
  std::int32_t longest_at(std::string_view text, std::size_t at, std::size_t& length) const;

  std::vector<AddedToken> tokens_;
  std::vector<std::int32_t> nodes_{-1};  // of a trie: index into tokens_ of the token that ends at a node, or -1
  std::unordered_map<std::uint64_t, std::uint32_t> edges_;  // node * 256 + byte, to node
  bool starts_[256] = {};
};

}  // namespace nudge
