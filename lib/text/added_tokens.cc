#include "lib/text/added_tokens.h"

#include <algorithm>

#include "lib/text/unicode.h"

namespace nudge {
namespace {

bool is_space(std::uint32_t c) { return CharClasses::get()[c] == CharClass::kSpace; }

bool touches_word(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t at = begin;
  if (begin > 0 && is_word(previous_char(text, at))) return true;
  at = end;
  return end < text.size() && is_word(next_char(text, at));
}

std::size_t skip_space_before(std::string_view text, std::size_t at) {
  while (at > 0) {
    std::size_t before = at;
    if (!is_space(previous_char(text, before))) break;
    at = before;
  }
  return at;
}

std::size_t skip_space_after(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    std::size_t after = at;
    if (!is_space(next_char(text, after))) break;
    at = after;
  }
  return at;
}

}  // namespace

void AddedTokenFinder::insert(std::string_view content, const AddedToken& token) {
  if (content.empty()) return;
  starts_[static_cast<unsigned char>(content[0])] = true;
  std::uint32_t node = 0;
  for (const char c : content) {
    const auto [edge, fresh] = edges_.emplace(std::uint64_t{node} * 256 + static_cast<unsigned char>(c),
                                              static_cast<std::uint32_t>(nodes_.size()));
    if (fresh) nodes_.push_back(-1);
    node = edge->second;
  }
  if (nodes_[node] >= 0) return;
  nodes_[node] = static_cast<std::int32_t>(tokens_.size());
  tokens_.push_back(token);
}

std::int32_t AddedTokenFinder::longest_at(std::string_view text, std::size_t at, std::size_t& length) const {
  std::int32_t found = -1;
  std::uint32_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto edge = edges_.find(std::uint64_t{node} * 256 + static_cast<unsigned char>(text[i]));
    if (edge == edges_.end()) break;
    node = edge->second;
    if (nodes_[node] >= 0) found = nodes_[node], length = i + 1 - at;
  }
  return found;
}

std::vector<TextPiece> AddedTokenFinder::split(std::string_view text) const {
  std::vector<TextPiece> pieces;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 0;
    const std::int32_t index = starts_[static_cast<unsigned char>(text[at])] ? longest_at(text, at, length) : -1;
    if (index < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(index)];
    std::size_t begin = at, end = at + length;
    at = end;
    if (token.single_word && touches_word(text, begin, end)) continue;
    if (token.lstrip) begin = std::max(skip_space_before(text, begin), done);
    if (token.rstrip) end = skip_space_after(text, end);
    if (done < begin) pieces.push_back({text.substr(done, begin - done), -1});
    pieces.push_back({text.substr(std::min(begin, end), end - std::min(begin, end)), token.id});
    done = end;
  }
  if (done < text.size()) pieces.push_back({text.substr(done), -1});
  return pieces;
}

}  // namespace nudge
