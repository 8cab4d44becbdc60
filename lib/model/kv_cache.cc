#include "lib/model/kv_cache.h"

#include <algorithm>
#include <cstring>

namespace nudge {

// Allocation doubles the number of blocks, up to so many bytes at a time, in huge pages where there are any: a step
// reads a few kilobytes here and there in hundreds of megabytes, each a TLB miss with small pages.
std::int32_t KvPool::take() {
  constexpr std::int64_t kSlab = std::int64_t{32} << 20;
  if (free_.empty()) {
    const std::int64_t first = std::ssize(pool_);
    const std::int64_t more = std::max<std::int64_t>(1, std::min(first, kSlab / bytes_));
    slabs_.emplace_back(more * bytes_);
    for (std::int64_t i = 0; i < more; ++i) pool_.push_back(slabs_.back().data() + i * bytes_);
    holders_.resize(pool_.size(), 0);
    for (std::int64_t i = std::ssize(pool_); i-- > first;) free_.push_back(static_cast<std::int32_t>(i));
  }
  const std::int32_t block = free_.back();
  free_.pop_back();
  holders_[static_cast<std::size_t>(block)] = 1;
  return block;
}

std::int32_t KvPool::own_copy(std::int32_t block) {
  const std::int32_t copy = take();
  std::memcpy(at(copy), at(block), static_cast<std::size_t>(bytes_));
  give_back(block);
  return copy;
}

KvCache::KvCache(std::int64_t layers, const ModelConfig& config, std::int64_t sequences, Dtype dtype)
    : heads_(config.kv_heads()), dim_(config.head_dim()), dtype_(dtype),
      sequences_(static_cast<std::size_t>(sequences)) {
  for (std::int64_t l = 0; l < layers; ++l) {
    const std::int64_t window = layers == config.layers ? config.form_of(l).window : 0;
    std::size_t k = 0;
    while (k < kinds_.size() && kinds_[k].window != window) ++k;
    if (k == kinds_.size()) kinds_.push_back({window, 0, KvPool(0)});
    places_.push_back({k, kinds_[k].layers++});
  }
  for (Kind& kind : kinds_) kind.pool = KvPool(kind.layers * heads_ * head_bytes());
  for (Sequence& q : sequences_) q.lists.resize(kinds_.size());
}

// Between the step's last token and the first one that its first query sees lie step + window - 1 tokens, and a query
// more is kept (see set_length); neither end is one of a block.
std::int64_t KvCache::Kind::most(std::int64_t tokens, std::int64_t step) const {
  const std::int64_t all = blocks_for(tokens);
  return window == 0 ? all : std::min(all, (window + step + 2 * kKvBlock - 2) / kKvBlock);
}

std::int64_t KvCache::held() const {
  std::int64_t n = 0;
  for (const Kind& kind : kinds_) n += kind.layers * kind.pool.held();
  return n;
}

std::int64_t KvCache::to_take(std::int64_t s, std::int64_t tokens) const {
  std::int64_t n = 0;
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    const std::int64_t more = blocks_for(tokens) - std::ssize(of(s).lists[k].blocks);
    const bool copies = tokens > length(s) && end_is_shared(of(s), k);
    n += kinds_[k].layers * (std::max<std::int64_t>(0, more) + copies);
  }
  return n;
}

std::int64_t KvCache::most_held(std::int64_t tokens, std::int64_t step, std::int64_t shared) const {
  std::int64_t n = 0;
  for (const Kind& kind : kinds_)
    n += kind.layers * std::min(kind.most(tokens, step), blocks_for(tokens) - shared / kKvBlock);
  return n;
}

std::int64_t KvCache::to_grow(std::int64_t s, std::int64_t tokens, std::int64_t step) const {
  std::int64_t n = 0;
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    const std::int64_t more = kinds_[k].most(tokens, step) - of(s).lists[k].held();
    const bool copies = tokens > length(s) && end_is_shared(of(s), k);
    n += kinds_[k].layers * (std::max<std::int64_t>(0, more) + copies);
  }
  return n;
}

void KvCache::reserve(std::int64_t s, std::int64_t tokens) {
  Sequence& q = of(s);
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    List& list = q.lists[k];
    KvPool& pool = kinds_[k].pool;
    if (tokens > q.length && end_is_shared(q, k)) {
      const auto end = static_cast<std::size_t>(q.length / kKvBlock);
      list.blocks[end] = pool.own_copy(list.blocks[end]);
      list.pointers[end] = pool.at(list.blocks[end]);
    }
    while (std::ssize(list.blocks) < blocks_for(tokens)) {
      list.blocks.push_back(pool.take());
      list.pointers.push_back(pool.at(list.blocks.back()));
    }
  }
}

// What the last token sees is kept, for a sequence that shares all tokens before it.
void KvCache::set_length(std::int64_t s, std::int64_t n) {
  Sequence& q = of(s);
  q.length = n;
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    List& list = q.lists[k];
    const std::int64_t seen = std::min(kinds_[k].first_seen(n - 1), std::ssize(list.blocks));
    for (; list.first < seen; ++list.first) {
      const auto i = static_cast<std::size_t>(list.first);
      kinds_[k].pool.give_back(list.blocks[i]);
      list.blocks[i] = -1, list.pointers[i] = nullptr;
    }
  }
}

void KvCache::clear(std::int64_t s) {
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    List& list = of(s).lists[k];
    for (std::int64_t i = list.first; i < std::ssize(list.blocks); ++i)
      kinds_[k].pool.give_back(list.blocks[static_cast<std::size_t>(i)]);
    list = {};
  }
  of(s).length = 0;
}

bool KvCache::can_share(std::int64_t from, std::int64_t n) const {
  bool all = length(from) >= n;
  for (std::size_t k = 0; k < kinds_.size(); ++k) all = all && of(from).lists[k].first <= kinds_[k].first_seen(n);
  return all;
}

void KvCache::share(std::int64_t from, std::int64_t to, std::int64_t n) {
  const std::ptrdiff_t blocks = blocks_for(n);
  Sequence shared{{}, n};
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    const List& list = of(from).lists[k];
    shared.lists.push_back({{list.blocks.begin(), list.blocks.begin() + blocks},
                            {list.pointers.begin(), list.pointers.begin() + blocks},
                            list.first});
    for (std::int64_t i = list.first; i < blocks; ++i) kinds_[k].pool.hold(list.blocks[static_cast<std::size_t>(i)]);
  }
  clear(to);
  of(to) = std::move(shared);
}

KvBlocks KvCache::blocks(std::int64_t layer, std::int64_t s, std::int64_t head) const {
  const Place& place = places_[static_cast<std::size_t>(layer)];
  return {of(s).lists[place.kind].pointers.data(), (place.layer * heads_ + head) * head_bytes(),
          dtype_ == Dtype::kBf16};
}

bool KvCache::end_is_shared(const Sequence& q, std::size_t kind) const {
  const List& list = q.lists[kind];
  const std::int64_t end = q.length / kKvBlock;
  return end < std::ssize(list.blocks) && end >= list.first &&
         kinds_[kind].pool.shared(list.blocks[static_cast<std::size_t>(end)]);
}

}  // namespace nudge
