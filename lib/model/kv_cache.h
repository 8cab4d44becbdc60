// Keys and values of past tokens, for every layer, in blocks of kKvBlock tokens. A sequence is a list of blocks, so
// memory follows the tokens held, and sequences with a common prefix share blocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/dtype.h"
#include "lib/kernels/kernels.h"
#include "lib/model/config.h"

namespace nudge {

class KvCache {
 public:
  KvCache() = default;
  // With `sequences` empty sequences. A cache of one layer serves every layer, one at a time. With kBf16 keys and values
  // are rounded when stored.
  KvCache(std::int64_t layers, const ModelConfig& config, std::int64_t sequences, Dtype dtype)
      : layers_(layers), heads_(config.kv_heads()), dim_(config.head_dim()), dtype_(dtype),
        sequences_(static_cast<std::size_t>(sequences)) {}

  // Whether it fits the heads of such a model.
  bool serves(const ModelConfig& config) const { return heads_ == config.kv_heads() && dim_ == config.head_dim(); }
  std::int64_t sequences() const { return std::ssize(sequences_); }
  std::int64_t length(std::int64_t s) const { return of(s).length; }
  static std::int64_t blocks_for(std::int64_t tokens) { return (tokens + kKvBlock - 1) / kKvBlock; }

  // Bytes of a token's keys and values in one layer.
  std::int64_t token_bytes() const { return 2 * heads_ * dim_ * number_bytes(); }

  // Blocks in use, shared ones counted once; and how many reserve(s, tokens) would take.
  std::int64_t blocks_held() const { return std::ssize(pool_) - std::ssize(free_); }
  std::int64_t blocks_to_take(std::int64_t s, std::int64_t tokens) const {
    const std::int64_t more = blocks_for(tokens) - std::ssize(of(s).blocks);
    return std::max<std::int64_t>(0, more) + (tokens > length(s) && end_is_shared(s));
  }

  // Makes space for `tokens` tokens in sequence s. Copies its last block first if its next token would go into one that
  // others share.
  void reserve(std::int64_t s, std::int64_t tokens) {
    Sequence& to = of(s);
    if (tokens > to.length && end_is_shared(s)) {
      const auto end = static_cast<std::size_t>(to.length / kKvBlock);
      const std::int32_t old = to.blocks[end], copy = take();
      std::memcpy(at(copy), at(old), static_cast<std::size_t>(block_bytes()));
      give_back(old);
      to.blocks[end] = copy, to.pointers[end] = at(copy);
    }
    while (std::ssize(to.blocks) < blocks_for(tokens)) {
      to.blocks.push_back(take());
      to.pointers.push_back(at(to.blocks.back()));
    }
  }
  // The first n tokens of s have been stored.
  void set_length(std::int64_t s, std::int64_t n) { of(s).length = n; }

  void clear(std::int64_t s) {
    for (std::int32_t block : of(s).blocks) give_back(block);
    of(s) = {};
  }
  // Restarts sequence `to` with the first n tokens of `from`, sharing their blocks.
  void share(std::int64_t from, std::int64_t to, std::int64_t n) {
    const auto blocks = static_cast<std::size_t>(blocks_for(n));
    Sequence shared{{of(from).blocks.begin(), of(from).blocks.begin() + std::ptrdiff_t(blocks)},
                    {of(from).pointers.begin(), of(from).pointers.begin() + std::ptrdiff_t(blocks)},
                    n};
    for (std::int32_t block : shared.blocks) ++holders_[static_cast<std::size_t>(block)];
    clear(to);
    of(to) = std::move(shared);
  }

  // The kernels' view of a key-value head. Valid until reserve.
  KvBlocks blocks(std::int64_t layer, std::int64_t s, std::int64_t head) const {
    return {of(s).pointers.data(), (layer % layers_ * heads_ + head) * head_bytes(), dtype_ == Dtype::kBf16};
  }

 private:
  // Allocation doubles the number of blocks, up to so many bytes at a time, in huge pages where there are any: a step
  // reads a few kilobytes here and there in hundreds of megabytes, each a TLB miss with small pages.
  static constexpr std::int64_t kSlab = std::int64_t{32} << 20;

  struct Sequence {
    std::vector<std::int32_t> blocks;
    std::vector<void*> pointers;  // where these lie
    std::int64_t length = 0;
  };

  Sequence& of(std::int64_t s) { return sequences_[static_cast<std::size_t>(s)]; }
  const Sequence& of(std::int64_t s) const { return sequences_[static_cast<std::size_t>(s)]; }
  void* at(std::int32_t block) { return pool_[static_cast<std::size_t>(block)]; }
  std::int64_t number_bytes() const { return dtype_ == Dtype::kBf16 ? sizeof(std::uint16_t) : sizeof(float); }
  std::int64_t head_bytes() const { return kernels().kv_block_size(dim_) * number_bytes(); }
  std::int64_t block_bytes() const { return layers_ * heads_ * head_bytes(); }

  // Whether others share the block that the next token goes into.
  bool end_is_shared(std::int64_t s) const {
    const Sequence& q = of(s);
    const auto end = static_cast<std::size_t>(q.length / kKvBlock);
    return end < q.blocks.size() && holders_[static_cast<std::size_t>(q.blocks[end])] > 1;
  }
  std::int32_t take() {
    if (free_.empty()) {
      const std::int64_t first = std::ssize(pool_);
      const std::int64_t more = std::max<std::int64_t>(1, std::min(first, kSlab / block_bytes()));
      slabs_.emplace_back(more * block_bytes());
      for (std::int64_t i = 0; i < more; ++i) pool_.push_back(slabs_.back().data() + i * block_bytes());
      holders_.resize(pool_.size(), 0);
      for (std::int64_t i = std::ssize(pool_); i-- > first;) free_.push_back(static_cast<std::int32_t>(i));
    }
    const std::int32_t block = free_.back();
    free_.pop_back();
    holders_[static_cast<std::size_t>(block)] = 1;
    return block;
  }
  void give_back(std::int32_t block) {
    if (--holders_[static_cast<std::size_t>(block)] == 0) free_.push_back(block);
  }

  std::int64_t layers_ = 1, heads_ = 0, dim_ = 0;
  Dtype dtype_ = Dtype::kF32;
  std::vector<Sequence> sequences_;
  std::vector<Buffer<unsigned char>> slabs_;
  std::vector<unsigned char*> pool_;   // all blocks, in slabs
  std::vector<std::int32_t> holders_;  // of each, how many sequences
  std::vector<std::int32_t> free_;
};

}  // namespace nudge
