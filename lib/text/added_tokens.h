// Tokens that are found in a text before it is cut into words.
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
  bool special = false;                      // left out by decode() on request
  bool lstrip = false;                       // takes the white space before it
  bool rstrip = false;                       // takes the white space behind it
  bool single_word = false;                  // is found only where no word character touches it
  bool normalized = false;                   // is looked for in the normalized text, and is normalized itself
  std::string_view file = "tokenizer.json";  // that names it
};

// A piece of a text: an added token, or text between them (id -1).
struct TextPiece {
  std::string_view text;
  std::int32_t id;
};

// Finds the leftmost token, the longest among those that start there, then goes on behind it.
class AddedTokenFinder {
 public:
  // Holds `content` for `token`; the first of equal ones counts.
  void insert(std::string_view content, const AddedToken& token);

  // Cuts `text` into pieces, in order. The white space that tokens take is in no piece.
  std::vector<TextPiece> split(std::string_view text) const;

 private:
  // The index of the longest token at `at`, or -1, and its length.
  std::int32_t longest_at(std::string_view text, std::size_t at, std::size_t& length) const;

  std::vector<AddedToken> tokens_;
  std::vector<std::int32_t> nodes_{-1};  // index into tokens_ of the token that ends at a node, or -1
  std::unordered_map<std::uint64_t, std::uint32_t> edges_;  // node * 256 + byte, to node
  bool starts_[256] = {};
};

}  // namespace nudge
