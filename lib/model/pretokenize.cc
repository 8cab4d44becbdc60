#include "lib/model/pretokenize.h"

#include <algorithm>

#include "lib/model/normalizer.h"
#include "lib/model/unicode.h"

namespace nudge {
namespace {

using Span = std::pair<std::size_t, std::size_t>;

// The end of 's 't 're 've 'm 'll 'd at `at`, where an apostrophe stands; `at` where there is none.
std::size_t contraction_end(std::string_view text, std::size_t at) {
  const auto letter = [&](std::size_t i) { return at + i < text.size() ? text[at + i] : '\0'; };
  switch (letter(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return at + 2;
    case 'r':
    case 'v':
      return letter(2) == 'e' ? at + 3 : at;
    case 'l':
      return letter(2) == 'l' ? at + 3 : at;
    default:
      return at;
  }
}

class Classifier {
 public:
  explicit Classifier(std::string_view text) : text_(text), classes_(CharClasses::get()) {}
  // The class of the character at `at`, and `at` moved behind it.
  CharClass next(std::size_t& at) const {
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte < 0x80) return ++at, classes_.ascii(byte);
    return classes_[next_char(text_, at)];
  }
  // The end of the run of characters of `wanted` that `at` stands in.
  std::size_t run_end(std::size_t at, CharClass wanted) const {
    while (at < text_.size()) {
      std::size_t after = at;
      if (next(after) != wanted) break;
      at = after;
    }
    return at;
  }

 private:
  std::string_view text_;
  const CharClasses& classes_;
};

// \s+(?!\S)|\s+ : white space up to the end, else all but its last character, else that one alone.
std::size_t white_space_end(std::string_view text, std::size_t begin, const Classifier& classify) {
  const std::size_t end = classify.run_end(begin, CharClass::kSpace);
  if (end == text.size()) return end;
  std::size_t last = end;
  previous_char(text, last);
  return last > begin ? last : end;
}

// The pieces of `text` between and inside the matches, each with whether it is a match.
std::vector<std::pair<Span, bool>> mark(std::string_view text, const std::vector<Span>& matches, bool invert) {
  std::vector<std::pair<Span, bool>> marked;
  std::size_t done = 0;
  for (const Span& match : matches) {
    if (done != match.first) marked.push_back({{done, match.first}, invert});
    marked.push_back({match, !invert});
    done = match.second;
  }
  if (done != text.size()) marked.push_back({{done, text.size()}, invert});
  return marked;
}

std::vector<Span> merge_with_previous(const std::vector<std::pair<Span, bool>>& marked) {
  std::vector<Span> out;
  bool after_match = false;
  for (const auto& [span, match] : marked) {
    if (match && !after_match && !out.empty()) {
      out.back().second = span.second;
    } else {
      out.push_back(span);
    }
    after_match = match;
  }
  return out;
}

std::vector<Span> merge_with_next(const std::vector<std::pair<Span, bool>>& marked) {
  std::vector<Span> out;  // from the end
  bool before_match = false;
  for (auto at = marked.rbegin(); at != marked.rend(); ++at) {
    if (at->second && !before_match && !out.empty()) {
      out.back().first = at->first.first;
    } else {
      out.push_back(at->first);
    }
    before_match = at->second;
  }
  return {out.rbegin(), out.rend()};
}

std::vector<Span> cut(const std::vector<std::pair<Span, bool>>& marked, SplitBehavior behavior) {
  if (behavior == SplitBehavior::kMergedWithPrevious) return merge_with_previous(marked);
  if (behavior == SplitBehavior::kMergedWithNext) return merge_with_next(marked);
  std::vector<Span> out;
  bool last_match = false;
  for (const auto& [span, match] : marked) {
    if (behavior == SplitBehavior::kRemoved && match) continue;
    if (behavior == SplitBehavior::kContiguous && !out.empty() && match == last_match) {
      out.back().second = span.second;
    } else {
      out.push_back(span);
    }
    last_match = match;
  }
  return out;
}

void find_digits(std::string_view text, std::vector<Span>& matches) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (is_numeric(next_char(text, at))) matches.push_back({begin, at});
  }
}

}  // namespace

std::size_t gpt2_word_end(std::string_view text, std::size_t begin) {
  const Classifier classify(text);
  std::size_t at = begin;
  CharClass first = classify.next(at);
  if (text[begin] == '\'') {
    const std::size_t end = contraction_end(text, begin);
    if (end != begin) return end;
  }
  if (text[begin] == ' ' && at < text.size()) first = classify.next(at);  // " ?" belongs to the word behind it
  if (first == CharClass::kSpace) return white_space_end(text, begin, classify);
  return classify.run_end(at, first);
}

std::vector<PreTokenizer::Piece> PreTokenizer::apply(const Step& step, const std::vector<Piece>& pieces,
                                                     std::deque<std::string>& storage) {
  std::vector<Piece> out;
  std::vector<Span> matches;
  for (Piece piece : pieces) {
    std::string_view& text = piece.text;
    if (step.kind == Step::Kind::kMetaspace) {
      apply_metaspace(step, piece, storage, out);
      continue;
    }
    if (step.kind == Step::Kind::kByteLevel) {
      if (step.add_prefix_space && text.front() != ' ') text = storage.emplace_back(" " + std::string(text));
      // No step follows that asks where a piece stands.
      const auto keep = [&](std::string_view word) { out.push_back({word, false}); };
      step.use_regex ? gpt2_words(text, keep) : keep(text);
      continue;
    }
    matches.clear();
    step.kind == Step::Kind::kDigits ? find_digits(text, matches) : step.regex->find(text, matches);
    for (const auto& [begin, end] : cut(mark(text, matches, step.invert), step.behavior)) {
      if (begin != end) out.push_back({text.substr(begin, end - begin), piece.at_start && begin == 0});
    }
  }
  return out;
}

void PreTokenizer::apply_metaspace(const Step& step, const Piece& piece, std::deque<std::string>& storage,
                                   std::vector<Piece>& out) {
  std::string& text = storage.emplace_back(replace_all(piece.text, " ", step.replacement));
  const PrependScheme scheme = step.prepend;
  const bool wanted = scheme == PrependScheme::kAlways || (scheme == PrependScheme::kFirst && piece.at_start);
  if (wanted && !text.starts_with(step.replacement)) text.insert(0, step.replacement);
  std::string_view rest = text;
  for (bool at_start = piece.at_start; !rest.empty(); at_start = false) {
    const std::size_t end = step.split ? std::min(rest.find(step.replacement, 1), rest.size()) : rest.size();
    out.push_back({rest.substr(0, end), at_start});
    rest.remove_prefix(end);
  }
}

}  // namespace nudge
