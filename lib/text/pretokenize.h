// The pre-tokenizer: cuts a text into the words that BPE then merges each for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

// The end of the word that starts at `begin` (< text.size()) in valid UTF-8, by GPT-2's expression
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// of which each alternative is tried in turn and each match is as long as it can be. It matches at every
// position, so words follow each other without gaps.
std::size_t gpt2_word_end(std::string_view text, std::size_t begin);

// The end of the word that starts at `begin`, by the expression of Llama 3 (`digits` 3) and Qwen 2, 2.5 and 3 (1):
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// It matches at every position, too. Several times as fast as PCRE2, which says the same (tested).
std::size_t llama3_word_end(std::string_view text, std::size_t begin, int digits);

using WordEnd = std::size_t (*)(std::string_view text, std::size_t begin);

// The function above that an expression means, letter for letter, or none.
WordEnd known_expression(std::string_view pattern);

// What a Split step does with its matches.
enum class SplitBehavior : std::uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// A regular expression (PCRE2) with \p{L}, \p{N} and \s as the reference engine takes them.
// Error (std::invalid_argument): the expression is damaged or uses what can't be translated.
class SplitRegex {
 public:
  explicit SplitRegex(const std::string& pattern);
  static SplitRegex literal(const std::string& text);
  SplitRegex(SplitRegex&&) noexcept;
  SplitRegex& operator=(SplitRegex&&) noexcept;
  ~SplitRegex();

  // Appends [begin, end) of each match in `text`, in order, none overlapping and none empty.
  // Error kBadInput: the expression needs more steps than PCRE2 allows.
  void find(std::string_view text, std::vector<std::pair<std::size_t, std::size_t>>& matches) const;

 private:
  struct Compiled;
  SplitRegex();
  std::unique_ptr<Compiled> compiled_;
};

// Where a piece of the text that is encoded stands: at its start; at its start where the text itself continues another
// one, so that no space is put in front; behind something else of it.
enum class TextPlace : std::uint8_t { kStart, kContinues, kInside };

// Where Metaspace puts its character in front of a piece that does not begin with it.
enum class PrependScheme : std::uint8_t { kFirst, kNever, kAlways };  // kFirst: where the text begins

class PreTokenizer {
 public:
  struct Step {
    enum class Kind : std::uint8_t { kByteLevel, kSplit, kDigits, kMetaspace } kind = Kind::kByteLevel;
    bool add_prefix_space = false, use_regex = true;    // kByteLevel
    SplitBehavior behavior = SplitBehavior::kIsolated;  // kSplit and kDigits
    bool invert = false;
    std::shared_ptr<const SplitRegex> regex;         // kSplit
    WordEnd known = nullptr;                         // kSplit: does what `regex` does, where that is known
    std::string replacement;                         // kMetaspace: the character that stands for a space
    PrependScheme prepend = PrependScheme::kAlways;  // kMetaspace
    bool split = true;                               // kMetaspace: cut before each replacement
  };

  explicit PreTokenizer(std::vector<Step> steps);

  // Calls f(word) for each word of `text`, which stands at `place`, in order; none is empty.
  template <class F>
  void words(std::string_view text, TextPlace place, F&& f) const {
    std::deque<std::string> storage;  // texts that got other characters
    std::vector<Piece> pieces;
    if (!text.empty()) pieces.push_back({text, place});
    for (const Step& step : steps_) pieces = apply(step, pieces, storage);
    for (const Piece& piece : pieces) last_ != nullptr ? cut_words(piece.text, last_, f) : f(piece.text);
  }

 private:
  struct Piece {
    std::string_view text;
    TextPlace place;
  };
  template <class F>
  static void cut_words(std::string_view text, WordEnd word_end, F&& f) {
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = word_end(text, begin);
      f(text.substr(begin, end - begin));
      begin = end;
    }
  }
  static std::vector<Piece> apply(const Step& step, const std::vector<Piece>& pieces, std::deque<std::string>& storage);
  static void apply_metaspace(const Step& step, const Piece& piece, std::deque<std::string>& storage,
                              std::vector<Piece>& out);

  std::vector<Step> steps_;  // without the last where last_ does it, so that nothing is stored on the usual way
  WordEnd last_ = nullptr;
};

}  // namespace nudge
