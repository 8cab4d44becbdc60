#include "lib/text/pretokenize.h"

#include <algorithm>

#include "lib/text/normalizer.h"
#include "lib/text/unicode.h"

namespace nudge {
namespace {

using Span = std::pair<std::size_t, std::size_t>;

// The end of 's 't 're 've 'm 'll 'd at the apostrophe `at`; `at` if there is none. Either case; U+017F also counts as
// an s.
std::size_t contraction_end(std::string_view text, std::size_t at, bool either_case) {
  const auto letter = [&](std::size_t i) {
    const char c = at + i < text.size() ? text[at + i] : '\0';
    return either_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  switch (letter(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd': return at + 2;
    case 'r':
    case 'v': return letter(2) == 'e' ? at + 3 : at;
    case 'l': return letter(2) == 'l' ? at + 3 : at;
    default: return either_case && text.substr(at + 1).starts_with("\u017F") ? at + 3 : at;
  }
}

class Classifier {
 public:
  explicit Classifier(std::string_view text) : text_(text), classes_(CharClasses::get()) {}
  // The class of the character at `at`, which moves past it.
  CharClass next(std::size_t& at) const {
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte < 0x80) return ++at, classes_.ascii(byte);
    return classes_[next_char(text_, at)];
  }
  // The end of the run of `wanted` characters at `at`.
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

// \s+(?!\S)|\s+ : white space up to the end of the text; else all but its last character; else that one.
std::size_t white_space_end(std::string_view text, std::size_t begin, const Classifier& classify) {
  const std::size_t end = classify.run_end(begin, CharClass::kSpace);
  if (end == text.size()) return end;
  std::size_t last = end;
  previous_char(text, last);
  return last > begin ? last : end;
}

// The pieces of `text`, matches and what is between them, each with whether it is a match.
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
  std::vector<Span> out;  // in reverse order
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
    const std::size_t end = contraction_end(text, begin, false);
    if (end != begin) return end;
  }
  if (text[begin] == ' ' && at < text.size()) first = classify.next(at);  // " ?" belongs to the following word
  if (first == CharClass::kSpace) return white_space_end(text, begin, classify);
  return classify.run_end(at, first);
}

namespace {

bool line_end(char c) { return c == '\n' || c == '\r'; }

// \s*[\r\n]+ : white space up to its last newline, if any; else as white_space_end.
std::size_t lines_end(std::string_view text, std::size_t begin, const Classifier& classify) {
  const std::size_t end = classify.run_end(begin, CharClass::kSpace);
  for (std::size_t at = end; at > begin; --at) {
    if (line_end(text[at - 1])) return at;
  }
  return white_space_end(text, begin, classify);
}

}  // namespace

std::size_t llama3_word_end(std::string_view text, std::size_t begin, int digits) {
  const Classifier classify(text);
  std::size_t at = begin;
  CharClass first = classify.next(at);
  if (first == CharClass::kLetter) return classify.run_end(at, first);
  if (first == CharClass::kNumber) {
    for (int i = 1; i < digits && at < text.size(); ++i) {
      std::size_t after = at;
      if (classify.next(after) != CharClass::kNumber) break;
      at = after;
    }
    return at;
  }
  if (text[begin] == '\'') {
    const std::size_t end = contraction_end(text, begin, true);
    if (end != begin) return end;
  }
  std::size_t after = at;
  const CharClass second = at < text.size() ? classify.next(after) : CharClass::kSpace;
  if (second == CharClass::kLetter && !line_end(text[begin])) return classify.run_end(after, second);
  if (text[begin] == ' ' && second == CharClass::kOther) first = second, at = after;
  if (first == CharClass::kSpace) return lines_end(text, begin, classify);
  at = classify.run_end(at, first);
  while (at < text.size() && line_end(text[at])) ++at;
  return at;
}

WordEnd known_expression(std::string_view pattern) {
  static constexpr std::string_view kHead = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}";
  static constexpr std::string_view kTail = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  static constexpr std::string_view kGpt2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  if (pattern == kGpt2) return gpt2_word_end;
  if (!pattern.starts_with(kHead) || !pattern.ends_with(kTail)) return nullptr;
  if (pattern.size() == kHead.size() + kTail.size()) {
    return [](std::string_view text, std::size_t begin) { return llama3_word_end(text, begin, 1); };
  }
  if (pattern.substr(kHead.size(), pattern.size() - kHead.size() - kTail.size()) != "{1,3}") return nullptr;
  return [](std::string_view text, std::size_t begin) { return llama3_word_end(text, begin, 3); };
}

PreTokenizer::PreTokenizer(std::vector<Step> steps) : steps_(std::move(steps)) {
  const auto byte_level = [&](bool use_regex) {
    if (steps_.empty()) return false;
    const Step& last = steps_.back();
    return last.kind == Step::Kind::kByteLevel && !last.add_prefix_space && last.use_regex == use_regex;
  };
  if (byte_level(false)) steps_.pop_back();  // Bpe itself maps bytes to characters
  if (steps_.empty()) return;
  const Step& last = steps_.back();
  if (byte_level(true)) {
    last_ = gpt2_word_end;
  } else if (last.kind == Step::Kind::kSplit) {
    // The known expressions match everywhere, so nothing is between matches for an inverted Removed to remove.
    const bool removes_none = last.behavior == SplitBehavior::kRemoved && last.invert;
    if (removes_none || (last.behavior == SplitBehavior::kIsolated && !last.invert)) last_ = last.known;
  }
  if (last_ != nullptr) steps_.pop_back();
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
      const bool prefix = step.add_prefix_space && piece.place != TextPlace::kContinues;
      if (prefix && text.front() != ' ') text = storage.emplace_back(" " + std::string(text));
      // No later step depends on a piece's position.
      const auto keep = [&](std::string_view word) { out.push_back({word, TextPlace::kInside}); };
      step.use_regex ? cut_words(text, gpt2_word_end, keep) : keep(text);
      continue;
    }
    matches.clear();
    step.kind == Step::Kind::kDigits ? find_digits(text, matches) : step.regex->find(text, matches);
    for (const auto& [begin, end] : cut(mark(text, matches, step.invert), step.behavior)) {
      if (begin == end) continue;
      out.push_back({text.substr(begin, end - begin), begin == 0 ? piece.place : TextPlace::kInside});
    }
  }
  return out;
}

void PreTokenizer::apply_metaspace(const Step& step, const Piece& piece, std::deque<std::string>& storage,
                                   std::vector<Piece>& out) {
  std::string& text = storage.emplace_back(replace_all(piece.text, " ", step.replacement));
  const PrependScheme scheme = step.prepend;
  const bool always = scheme == PrependScheme::kAlways && piece.place != TextPlace::kContinues;
  const bool wanted = always || (scheme == PrependScheme::kFirst && piece.place == TextPlace::kStart);
  if (wanted && !text.starts_with(step.replacement)) text.insert(0, step.replacement);
  std::string_view rest = text;
  for (TextPlace place = piece.place; !rest.empty(); place = TextPlace::kInside) {
    const std::size_t end = step.split ? std::min(rest.find(step.replacement, 1), rest.size()) : rest.size();
    out.push_back({rest.substr(0, end), place});
    rest.remove_prefix(end);
  }
}

}  // namespace nudge
