// Keys and values of past tokens, for every layer, in blocks of kKvBlock tokens. A sequence is a list of blocks, so
// memory follows the tokens held, and sequences with a common prefix share blocks. Layers with the same window have
// blocks of their own, which go back when the window has left them. Memory is counted in blocks of one layer.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/dtype.h"
#include "lib/kernels/kernels.h"
#include "lib/model/config.h"

namespace nudge {

// Blocks of one size, each with as many holders as sequences have it in their list.
class KvPool {
 public:
  explicit KvPool(std::int64_t bytes) : bytes_(bytes) {}

  std::int64_t held() const { return std::ssize(pool_) - std::ssize(free_); }
  bool shared(std::int32_t block) const { return holders_[static_cast<std::size_t>(block)] > 1; }
  void* at(std::int32_t block) { return pool_[static_cast<std::size_t>(block)]; }
  std::int32_t take();  // with one holder
  void hold(std::int32_t block) { ++holders_[static_cast<std::size_t>(block)]; }
  void give_back(std::int32_t block) {
    if (--holders_[static_cast<std::size_t>(block)] == 0) free_.push_back(block);
  }
  // A block with what is in this one; its holder gives that one back.
  std::int32_t own_copy(std::int32_t block);

 private:
  std::int64_t bytes_;
  std::vector<Buffer<unsigned char>> slabs_;
  std::vector<unsigned char*> pool_;  // all blocks, in slabs
  std::vector<std::int32_t> holders_;
  std::vector<std::int32_t> free_;
};

class KvCache {
 public:
  KvCache() = default;
  // With `sequences` empty sequences; those of one that is to give back what windows have left grow by set_length. With
  // kBf16 keys and values are rounded when stored.
  KvCache(std::int64_t layers, const ModelConfig& config, std::int64_t sequences, Dtype dtype);

  std::int64_t sequences() const { return std::ssize(sequences_); }
  std::int64_t layers() const { return std::ssize(places_); }
  std::int64_t length(std::int64_t s) const { return of(s).length; }
  static std::int64_t blocks_for(std::int64_t tokens) { return (tokens + kKvBlock - 1) / kKvBlock; }

  // Bytes of a token's keys and values in one layer.
  std::int64_t token_bytes() const { return 2 * heads_ * dim_ * number_bytes(); }

  // Counts of blocks of one layer: those in use, shared ones once; those that reserve(s, tokens) would take; the most
  // that a sequence can hold of its own on its way to `tokens` tokens, of which it shares the first ones, in steps of at
  // most `step`; and how many more that is than s holds.
  std::int64_t held() const;
  std::int64_t to_take(std::int64_t s, std::int64_t tokens) const;
  std::int64_t most_held(std::int64_t tokens, std::int64_t step, std::int64_t shared = 0) const;
  std::int64_t to_grow(std::int64_t s, std::int64_t tokens, std::int64_t step) const;

  // Makes space for `tokens` tokens in sequence s. Copies its last block first if its next token would go into one that
  // others share.
  void reserve(std::int64_t s, std::int64_t tokens);
  // The first n tokens of s have been stored. Gives back blocks that neither the last of these nor any later one sees.
  void set_length(std::int64_t s, std::int64_t n);
  void clear(std::int64_t s);

  // Whether `from` still has all that a sequence of its first n tokens needs to go on, and a restart of sequence `to`
  // as that, sharing its blocks.
  bool can_share(std::int64_t from, std::int64_t n) const;
  void share(std::int64_t from, std::int64_t to, std::int64_t n);

  // The kernels' view of a key-value head; what a window has left is null. Valid until reserve or set_length.
  KvBlocks blocks(std::int64_t layer, std::int64_t s, std::int64_t head) const;

 private:
  // Layers with the same window.
  struct Kind {
    std::int64_t window, layers;
    KvPool pool;

    // The first block with a token that a query at this position sees.
    std::int64_t first_seen(std::int64_t position) const {
      return window == 0 || position < window ? 0 : (position - window + 1) / kKvBlock;
    }
    // The most blocks at a time of a sequence that grows to so many tokens.
    std::int64_t most(std::int64_t tokens, std::int64_t step) const;
  };
  struct Place {
    std::size_t kind;
    std::int64_t layer;  // of the kind
  };
  // The blocks of one kind: null and -1 before the first that is still held.
  struct List {
    std::vector<std::int32_t> blocks;
    std::vector<void*> pointers;  // where these lie
    std::int64_t first = 0;

    std::int64_t held() const { return std::ssize(blocks) - first; }
  };
  struct Sequence {
    std::vector<List> lists;  // by kind
    std::int64_t length = 0;
  };

  Sequence& of(std::int64_t s) { return sequences_[static_cast<std::size_t>(s)]; }
  const Sequence& of(std::int64_t s) const { return sequences_[static_cast<std::size_t>(s)]; }
  std::int64_t number_bytes() const { return dtype_ == Dtype::kBf16 ? sizeof(std::uint16_t) : sizeof(float); }
  std::int64_t head_bytes() const { return kernels().kv_block_size(dim_) * number_bytes(); }
  // Whether others share the block that the next token goes into.
  bool end_is_shared(const Sequence& q, std::size_t kind) const;

  std::int64_t heads_ = 0, dim_ = 0;
  Dtype dtype_ = Dtype::kF32;
  std::vector<Kind> kinds_;
  std::vector<Place> places_;  // of each layer
  std::vector<Sequence> sequences_;
};

}  // namespace nudge
