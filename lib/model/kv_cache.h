// Keys and values of the tokens seen so far, per layer, slot and head of keys and values, in the form the attention
// kernel reads: keys transposed in blocks of 16, values as rows.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/config.h"

namespace nudge {

class KvCache {
 public:
  KvCache() = default;
  // `slots` sequences of at most `capacity` tokens each.
  KvCache(std::int64_t layers, const ModelConfig& config, std::int64_t slots, std::int64_t capacity)
      : layers_(layers), heads_(config.kv_heads()), dim_(config.head_dim()), slots_(slots),
        capacity_((capacity + 15) / 16 * 16), lengths_(static_cast<std::size_t>(slots)),
        data_(layers * slots * slot_size()) {}

  // Whether it can serve `slots` sequences of `capacity` tokens of a model with these heads.
  bool fits(const ModelConfig& config, std::int64_t slots, std::int64_t capacity) const {
    return heads_ == config.kv_heads() && dim_ == config.head_dim() && slots <= slots_ && capacity <= capacity_;
  }
  std::int64_t slots() const { return slots_; }
  std::int64_t capacity() const { return capacity_; }
  std::int64_t length(std::int64_t slot) const { return lengths_[static_cast<std::size_t>(slot)]; }
  void set_length(std::int64_t slot, std::int64_t n) { lengths_[static_cast<std::size_t>(slot)] = n; }

  // A cache of one layer serves any layer: what stands in it is only the current one's.
  float* keys(std::int64_t layer, std::int64_t slot, std::int64_t head) {
    return data_.data() + ((layer % layers_) * slots_ + slot) * slot_size() + head * 2 * capacity_ * dim_;
  }
  float* values(std::int64_t layer, std::int64_t slot, std::int64_t head) {
    return keys(layer, slot, head) + capacity_ * dim_;
  }
  // Makes slot `to` hold what `from` holds: the samples of one prompt start from the same bits.
  void copy(std::int64_t from, std::int64_t to) {
    for (std::int64_t l = 0; l < layers_; ++l)
      std::memcpy(keys(l, to, 0), keys(l, from, 0), static_cast<std::size_t>(slot_size()) * sizeof(float));
    set_length(to, length(from));
  }

 private:
  std::int64_t slot_size() const { return heads_ * 2 * capacity_ * dim_; }

  std::int64_t layers_ = 1, heads_ = 0, dim_ = 0, slots_ = 0, capacity_ = 0;
  std::vector<std::int64_t> lengths_;
  Buffer<float> data_;
};

}  // namespace nudge
