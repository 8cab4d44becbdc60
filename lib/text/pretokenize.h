// The pre-tokenizer: splits a text into words, within which BPE then merges.
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
// with alternatives tried in order and greedy matches. It matches at every position, so words follow each other without
// gaps.
std::size_t gpt2_word_end(std::string_view text, std::size_t begin);

// The end of the word that starts at `begin`, by the expression of Llama 3 (`digits` 3) and Qwen 2, 2.5 and 3 (1):
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// It also matches at every position. Several times as fast as PCRE2, with the same result (tested).
std::size_t llama3_word_end(std::string_view text, std::size_t begin, int digits);

using WordEnd = std::size_t (*)(std::string_view text, std::size_t begin);

// The function above that implements exactly this expression, or null.
WordEnd known_expression(std::string_view pattern);

// What a Split step does with its matches.
enum class SplitBehavior : std::uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// A regular expression (PCRE2) with \p{L}, \p{N} and \s as in the reference engine.
// Error (std::invalid_argument): the expression is malformed or uses a construct that can't be translated.
class SplitRegex {
 public:
  explicit SplitRegex(const std::string& pattern);
  static SplitRegex literal(const std::string& text);
  SplitRegex(SplitRegex&&) noexcept;
  SplitRegex& operator=(SplitRegex&&) noexcept;
  ~SplitRegex();

  // Appends [begin, end) of each match in `text`, in order, non-overlapping and non-empty.
  // Error kBadInput: the expression needs more steps than PCRE2 allows.
  void find(std::string_view text, std::vector<std::pair<std::size_t, std::size_t>>& matches) const;

 private:
  struct Compiled;
  SplitRegex();
  std::unique_ptr<Compiled> compiled_;
};

// The position of a piece in the encoded text: at its start; at the start of a text that continues another one, so that
// no space is prepended; after another piece.
enum class TextPlace : std::uint8_t { kStart, kContinues, kInside };

// When Metaspace prepends its character to a piece that does not begin with it.
enum class PrependScheme : std::uint8_t { kFirst, kNever, kAlways };  // kFirst: at the start of the text

class PreTokenizer {
 public:
  struct Step {
    enum class Kind : std::uint8_t { kByteLevel, kSplit, kDigits, kMetaspace } kind = Kind::kByteLevel;
    bool add_prefix_space = false, use_regex = true;    // kByteLevel
    SplitBehavior behavior = SplitBehavior::kIsolated;  // kSplit and kDigits
    bool invert = false;
    std::shared_ptr<const SplitRegex> regex;         // kSplit
    WordEnd known = nullptr;                         // kSplit: a function equivalent to `regex`, if there is one
    std::string replacement;                         // kMetaspace: the character that stands for a space
    PrependScheme prepend = PrependScheme::kAlways;  // kMetaspace
    bool split = true;                               // kMetaspace: split before each replacement
  };

  explicit PreTokenizer(std::vector<Step> steps);

  // Calls f(word) for each word of `text`, which is at `place`, in order; none is empty.
  template <class F>
  void words(std::string_view text, TextPlace place, F&& f) const {
    std::deque<std::string> storage;  // rewritten pieces
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

  std::vector<Step> steps_;  // without the last if last_ does it, so that the common case stores nothing
  WordEnd last_ = nullptr;
};

}  // namespace nudge
