#include "lib/text/bpe.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <queue>

#include "lib/base/error.h"
#include "lib/text/byte_level.h"
#include "lib/text/token_decoder.h"
#include "lib/text/unicode.h"

namespace nudge {
namespace {

constexpr std::size_t kLong = 4096;  // symbols from which a pass over all merges costs little
constexpr std::size_t kShort = 32;   // symbols up to which rescanning all pairs beats a queue

std::size_t table_size(std::size_t items) { return std::bit_ceil(items * 2 + 2); }

std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

constexpr std::string_view kSpace = "▁";  // U+2581, a space in character vocabularies

std::size_t mix(std::uint64_t key) {
  key *= 0x9E3779B97F4A7C15ull;
  return static_cast<std::size_t>(key ^ key >> 32);
}

}  // namespace

Bpe::Bpe(std::vector<std::string> token_bytes, const std::vector<BpeMerge>& merges, const BpeOptions& options)
    : token_bytes_(std::move(token_bytes)), options_(options), pages_(0x1100, 0), symbols_(256, -1) {
  std::fill(std::begin(fallback_), std::end(fallback_), -1);
  for (std::size_t id = 0; id < token_bytes_.size(); ++id) {
    insert_symbol(token_bytes_[id], static_cast<std::int32_t>(id));
  }
  cut_at_spaces_ = spaces_begin_tokens(merges);
  if (parts_come_first(merges)) ranks_ = merges.size();
  merges_.resize(table_size(merges.size()));
  for (std::size_t i = 0; i < merges.size(); ++i) insert_merge(merges[i], static_cast<std::uint32_t>(i));

  // Most words are one token and need one lookup. These are the tokens that their own bytes merge to.
  words_.assign(table_size(token_bytes_.size()), -1);
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < token_bytes_.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    if (token_bytes_[i].empty()) continue;
    ids.clear();
    if (!options_.ignore_merges) merge_all(token_bytes_[i], ids);
    if (options_.ignore_merges || (ids.size() == 1 && ids[0] == id)) insert_word(id);
  }
}

void Bpe::insert_merge(const BpeMerge& merge, std::uint32_t rank) {
  const std::uint64_t pair = pair_of(merge.left, merge.right);
  std::size_t at = mix(pair) & (merges_.size() - 1);
  while (merges_[at].pair != ~0ull && merges_[at].pair != pair) at = (at + 1) & (merges_.size() - 1);
  merges_[at] = {pair, {rank, static_cast<std::uint32_t>(merge.result)}};
}

const Bpe::Join* Bpe::find(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = pair_of(left, right);
  std::size_t at = mix(pair) & (merges_.size() - 1);
  while (merges_[at].pair != pair) {
    if (merges_[at].pair == ~0ull) return nullptr;
    at = (at + 1) & (merges_.size() - 1);
  }
  return &merges_[at].join;
}

void Bpe::insert_word(std::int32_t id) {
  const std::string& word = token_bytes_[static_cast<std::size_t>(id)];
  std::size_t at = XXH3_64bits(word.data(), word.size()) & (words_.size() - 1);
  while (words_[at] >= 0) at = (at + 1) & (words_.size() - 1);
  words_[at] = id;
  longest_word_ = std::max(longest_word_, word.size());
}

std::int32_t Bpe::find_word(std::string_view word) const {
  if (word.size() > longest_word_) return -1;
  std::size_t at = XXH3_64bits(word.data(), word.size()) & (words_.size() - 1);
  while (words_[at] >= 0 && token_bytes_[static_cast<std::size_t>(words_[at])] != word) {
    at = (at + 1) & (words_.size() - 1);
  }
  return words_[at];
}

void Bpe::insert_symbol(std::string_view token, std::int32_t id) {
  if (token.empty()) return;
  const bool bytes = options_.alphabet == BpeAlphabet::kBytes;
  std::size_t end = 1;
  const std::uint32_t symbol = bytes ? static_cast<unsigned char>(token[0]) : (end = 0, next_char(token, end));
  if (end == token.size()) {
    std::uint32_t& page = pages_[symbol >> 8];
    if (page == 0) {
      page = static_cast<std::uint32_t>(symbols_.size());
      symbols_.resize(symbols_.size() + 256, -1);
    }
    symbols_[page + (symbol & 255)] = id;
  }
  const int byte = fallback_byte(token);
  const auto lower = [&](char c) { return c >= 'a' && c <= 'f'; };  // for decoding only
  if (byte >= 0 && !lower(token[3]) && !lower(token[4])) fallback_[byte] = id;
}

// Whether each merge comes after all merges that make its parts. Then no merge creates a pair of lower rank. That holds
// for merges in the order of training.
bool Bpe::parts_come_first(const std::vector<BpeMerge>& merges) const {
  std::vector<bool> used(token_bytes_.size());
  for (const BpeMerge& merge : merges) {
    if (used[static_cast<std::size_t>(merge.result)]) return false;
    used[static_cast<std::size_t>(merge.left)] = used[static_cast<std::size_t>(merge.right)] = true;
    if (used[static_cast<std::size_t>(merge.result)]) return false;  // of itself
  }
  return true;
}

// Whether words may be split before each space that follows another character: no merge crosses the split, so both
// sides encode as they would together. That holds for all SentencePiece vocabularies that split at spaces.
bool Bpe::spaces_begin_tokens(const std::vector<BpeMerge>& merges) const {
  std::size_t at = 0;
  if (options_.alphabet == BpeAlphabet::kBytes || options_.ignore_merges) return false;
  if (symbol_id(next_char(kSpace, at)) < 0) return false;
  return std::none_of(merges.begin(), merges.end(), [&](const BpeMerge& merge) {
    return token_bytes_[static_cast<std::size_t>(merge.right)].starts_with(kSpace) &&
           !token_bytes_[static_cast<std::size_t>(merge.left)].ends_with(kSpace);
  });
}

void Bpe::encode(std::string_view word, std::vector<std::int32_t>& out) const {
  if (!cut_at_spaces_) return encode_piece(word, out);
  std::size_t begin = 0;
  for (std::size_t at = 0; (at = word.find(kSpace, at)) != word.npos; at += kSpace.size()) {
    if (at == begin || word.substr(0, at).ends_with(kSpace)) continue;
    encode_piece(word.substr(begin, at - begin), out);
    begin = at;
  }
  encode_piece(word.substr(begin), out);
}

void Bpe::encode_piece(std::string_view word, std::vector<std::int32_t>& out) const {
  const std::int32_t whole = find_word(word);
  if (whole >= 0) {
    out.push_back(whole);
  } else {
    merge_all(word, out);
  }
}

// The most symbols of a word of this many bytes: a byte written as a two-byte character may fall back to two tokens.
std::size_t Bpe::most_symbols(std::size_t bytes) const {
  return options_.alphabet == BpeAlphabet::kBytes && options_.byte_fallback ? 2 * bytes : bytes;
}

// Writes the byte tokens of a symbol and returns their number; 0, with `ids` undefined, if one is missing.
std::size_t Bpe::fallback_ids(std::uint32_t symbol, std::int32_t* ids) const {
  if (!options_.byte_fallback) return 0;
  std::string text;
  append_utf8(options_.alphabet == BpeAlphabet::kBytes ? byte_level_char(static_cast<unsigned char>(symbol)) : symbol,
              text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((ids[i] = fallback_[static_cast<unsigned char>(text[i])]) < 0) return 0;
  }
  return text.size();
}

// Writes the symbols' ids, at most most_symbols(word.size()), and returns how many there are.
std::size_t Bpe::to_ids(std::string_view word, std::int32_t* ids) const {
  const bool bytes = options_.alphabet == BpeAlphabet::kBytes;
  std::size_t n = 0;
  bool unknown = false;  // one is pending: as in the reference, the next known symbol or the end emits it
  for (std::size_t at = 0; at < word.size();) {
    const std::uint32_t symbol = bytes ? static_cast<unsigned char>(word[at++]) : next_char(word, at);
    if (const std::int32_t id = symbol_id(symbol); id >= 0) {
      if (unknown) ids[n++] = options_.unknown, unknown = false;
      ids[n++] = id;
    } else if (const std::size_t count = fallback_ids(symbol, ids + n); count > 0) {
      n += count;
    } else if (options_.unknown >= 0) {
      if (unknown && !options_.fuse_unknown) ids[n++] = options_.unknown;
      unknown = true;
    } else if (options_.unknown == BpeOptions::kMissing) {
      bad_input("the text holds a character without a token, and the vocabulary lacks the unk_token for it");
    }
  }
  if (unknown) ids[n++] = options_.unknown;
  return n;
}

void Bpe::merge_all(std::string_view word, std::vector<std::int32_t>& out) const {
  const std::size_t most = most_symbols(word.size());
  if (most <= kShort) {
    std::int32_t ids[kShort];
    return merge_short(ids, to_ids(word, ids), out);
  }
  std::vector<std::int32_t> ids(most);
  ids.resize(to_ids(word, ids.data()));
  const bool by_rank = ranks_ > 0 && ids.size() >= kLong && ids.size() < (std::size_t{1} << 30);
  by_rank ? merge_by_rank(ids, out) : merge_long(ids, out);
}

void Bpe::merge_short(std::int32_t* ids, std::size_t n, std::vector<std::int32_t>& out) const {
  const Join none{~0u, 0};
  Join joins[kShort];  // of ids[i] and ids[i + 1]
  const auto look = [&](std::size_t i) {
    const Join* join = find(ids[i], ids[i + 1]);
    joins[i] = join != nullptr ? *join : none;
  };
  for (std::size_t i = 0; i + 1 < n; ++i) look(i);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i) best = joins[i].rank < joins[best].rank ? i : best;
    if (joins[best].rank == none.rank) break;
    ids[best] = static_cast<std::int32_t>(joins[best].result);
    std::copy(ids + best + 2, ids + n, ids + best + 1);
    std::copy(joins + std::min(best + 2, n - 1), joins + n - 1, joins + best + 1);
    --n;
    if (best > 0) look(best - 1);
    if (best + 1 < n) look(best);
  }
  out.insert(out.end(), ids, ids + n);
}

void Bpe::merge_long(std::vector<std::int32_t>& ids, std::vector<std::int32_t>& out) const {
  const auto n = static_cast<std::uint32_t>(ids.size());
  // A linked list of the remaining positions. A queue entry is rank and left position; it is stale if the pair now at
  // that position has another rank.
  std::vector<std::uint32_t> next(n), previous(n);
  std::vector<std::uint64_t> entries;
  const auto entry_of = [&](std::uint32_t at) -> std::uint64_t {
    if (ids[at] < 0 || next[at] >= n) return ~0ull;
    const Join* join = find(ids[at], ids[next[at]]);
    return join == nullptr ? ~0ull : static_cast<std::uint64_t>(join->rank) << 32 | at;
  };
  for (std::uint32_t i = 0; i < n; ++i) next[i] = i + 1, previous[i] = i - 1;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (const std::uint64_t entry = entry_of(i); entry != ~0ull) entries.push_back(entry);
  }
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue({}, std::move(entries));
  const auto push = [&](std::uint32_t at) {
    if (const std::uint64_t entry = entry_of(at); entry != ~0ull) queue.push(entry);
  };
  while (!queue.empty()) {
    const std::uint64_t entry = queue.top();
    queue.pop();
    const auto at = static_cast<std::uint32_t>(entry);
    if (entry_of(at) != entry) continue;
    const std::uint32_t right = next[at];
    ids[at] = static_cast<std::int32_t>(find(ids[at], ids[right])->result);
    ids[right] = -1;
    next[at] = next[right];
    if (next[at] < n) previous[next[at]] = at;
    if (at > 0) push(previous[at]);
    push(at);
  }
  for (std::uint32_t i = 0; i < n; i = next[i]) out.push_back(ids[i]);
}

// Applies merges in order of rank, each to all its pairs.
void Bpe::merge_by_rank(std::vector<std::int32_t>& ids, std::vector<std::int32_t>& out) const {
  constexpr std::uint32_t kNone = ~0u;
  const auto n = static_cast<std::uint32_t>(ids.size());
  struct Entry {
    std::uint32_t at, next;  // left position, and the merge's next entry; stale if another pair is there now
  };
  std::vector<Entry> entries;
  std::vector<std::uint32_t> first(ranks_, kNone);
  std::vector<std::uint32_t> next(n), previous(n), ranks(n, kNone);  // ranks: of the pair of a position and its next
  const auto look = [&](std::uint32_t at) {
    const Join* join = next[at] < n ? find(ids[at], ids[next[at]]) : nullptr;
    ranks[at] = join != nullptr ? join->rank : kNone;
    if (join == nullptr) return;
    entries.push_back({at, first[join->rank]});
    first[join->rank] = static_cast<std::uint32_t>(entries.size() - 1);
  };
  for (std::uint32_t i = 0; i < n; ++i) next[i] = i + 1, previous[i] = i == 0 ? kNone : i - 1;
  for (std::uint32_t i = 0; i < n; ++i) look(i);
  for (std::uint32_t rank = 0; rank < ranks_; ++rank) {
    for (std::uint32_t e = first[rank]; e != kNone; e = entries[e].next) {
      std::uint32_t at = entries[e].at;
      if (ranks[at] != rank) continue;
      // If equal pairs overlap, as in aaaa, the leftmost goes first.
      while (previous[at] != kNone && ranks[previous[at]] == rank) at = previous[at];
      while (at < n && ranks[at] == rank) {
        const std::uint32_t right = next[at], behind = next[right];
        ids[at] = static_cast<std::int32_t>(find(ids[at], ids[right])->result);
        ranks[right] = kNone;
        next[at] = behind;
        if (behind < n) previous[behind] = at;
        if (previous[at] != kNone) look(previous[at]);
        look(at);
        at = behind;
      }
    }
  }
  for (std::uint32_t i = 0; i < n; i = next[i]) out.push_back(ids[i]);
}

}  // namespace nudge
