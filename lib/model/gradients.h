// The gradient accumulated by backward passes for one optimizer step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/config.h"
#include "lib/model/parameters.h"

namespace nudge {

// Gradients of what is trained in the layout of the parameters, from its trained_begin on, one minibatch after another. A tied embedding is used twice, and each use
// has a chain of its own, added once at the end (law (g)): the head's is at the layout's offset, the other in one row
// per token of the minibatch. Where a matrix's chain begins, products write its gradient without reading it, so zero()
// touches small tensors only.
class Gradients {
 public:
  // `layout`: of what is trained, a model or an adapter.
  Gradients(const ModelConfig& config, const Layout& layout);
  float* at(std::int64_t offset) { return values_.data() + offset - layout_->trained_begin; }
  // Whether the chain of the product's matrix at `offset` begins now, so that what is stored there counts as 0. Call it
  // once before each product.
  bool begins(std::int64_t offset);
  // Reserves rows for the embedding's gradient by these tokens; embedding() is the row of one of them.
  void meet(std::span<const std::int32_t> tokens);
  float* embedding(std::int32_t token);
  // Goes on in the memory of another, of this or another layout, which gets this one's: so that one of two that are
  // never needed at once takes no memory. What both held is lost.
  void take_memory(Gradients& other);
  // Gives its memory back; the next minibatch takes it again.
  void release();
  // Before a minibatch.
  void zero();
  // Call it once when all sequences of the minibatch have been added.
  void finish();
  // The gradient of a finished minibatch.
  const Buffer<float>& values() const { return values_; }
  // Write access, also to swap in a buffer of the same size; the next zero() clears what is there then.
  Buffer<float>& change() {
    changed_ = true;
    return values_;
  }

 private:
  static constexpr std::int32_t kRows = 256;  // of a piece
  struct Range {
    std::int64_t begin, end;
    bool begun;
  };

  float* row(std::int32_t r) { return pieces_[static_cast<std::size_t>(r / kRows)].data() + r % kRows * width_; }
  float* in_place(std::int32_t token) { return at(layout_->embedding + token * width_); }
  void fill_zero(std::int64_t begin, std::int64_t end);

  const Layout* layout_;
  std::int64_t width_;
  bool tied_, changed_ = false;
  Buffer<float> values_;
  std::vector<Range> matrices_;             // that products write, in their order
  std::vector<std::int32_t> row_of_, met_;  // a token's row or -1, [V]; the tokens by their rows
  std::vector<Buffer<float>> pieces_;       // tied: the rows
};

}  // namespace nudge
