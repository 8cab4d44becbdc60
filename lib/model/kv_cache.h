// Keys and values of the tokens seen so far, for every layer, in blocks of kKvBlock tokens: a sequence is a list of
// blocks, so memory follows the tokens that are held, and sequences that begin with the same tokens share blocks.
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
  // `sequences` empty ones. A cache of one layer serves any layer: what stands in it is only the current one's.
  // With kBf16 keys and values are rounded when they are put.
  KvCache(std::int64_t layers, const ModelConfig& config, std::int64_t sequences, Dtype dtype)
      : layers_(layers), heads_(config.kv_heads()), dim_(config.head_dim()), dtype_(dtype),
        sequences_(static_cast<std::size_t>(sequences)) {}

  // Whether it is one for the heads of such a model.
  bool serves(const ModelConfig& config) const { return heads_ == config.kv_heads() && dim_ == config.head_dim(); }
  std::int64_t sequences() const { return std::ssize(sequences_); }
  std::int64_t length(std::int64_t s) const { return of(s).length; }
  static std::int64_t blocks_for(std::int64_t tokens) { return (tokens + kKvBlock - 1) / kKvBlock; }

  // Bytes of a token's keys and values in one layer.
  std::int64_t token_bytes() const { return 2 * heads_ * dim_ * number_bytes(); }

  // Blocks in use, those that are shared counted once; and those that reserve(s, tokens) would take.
  std::int64_t blocks_held() const { return std::ssize(pool_) - std::ssize(free_); }
  std::int64_t blocks_to_take(std::int64_t s, std::int64_t tokens) const {
    const std::int64_t more = blocks_for(tokens) - std::ssize(of(s).blocks);
    return std::max<std::int64_t>(0, more) + (tokens > length(s) && end_is_shared(s));
  }

  // Gives sequence s room for so many tokens in all. A block that others hold too and in which its next token has its
  // place is copied.
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
  // That its first n tokens have been put.
  void set_length(std::int64_t s, std::int64_t n) { of(s).length = n; }

  void clear(std::int64_t s) {
    for (std::int32_t block : of(s).blocks) give_back(block);
    of(s) = {};
  }
  // Sequence `to` begins anew with the first n tokens of `from`, in the same blocks.
  void share(std::int64_t from, std::int64_t to, std::int64_t n) {
    const auto blocks = static_cast<std::size_t>(blocks_for(n));
    Sequence shared{{of(from).blocks.begin(), of(from).blocks.begin() + std::ptrdiff_t(blocks)},
                    {of(from).pointers.begin(), of(from).pointers.begin() + std::ptrdiff_t(blocks)},
                    n};
    for (std::int32_t block : shared.blocks) ++holders_[static_cast<std::size_t>(block)];
    clear(to);
    of(to) = std::move(shared);
  }

  // What the kernels take for a head of keys and values. Valid until reserve.
  KvBlocks blocks(std::int64_t layer, std::int64_t s, std::int64_t head) const {
    return {of(s).pointers.data(), (layer % layers_ * heads_ + head) * head_bytes(), dtype_ == Dtype::kBf16};
  }

 private:
  // Blocks are allocated as many at a time as there are, up to so many bytes, in huge pages where there are some: a step
  // reads a few kilobytes here and there in hundreds of megabytes, each of them a miss of the TLB if pages were small.
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

  // Whether others hold the block in which the next token has its place.
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
