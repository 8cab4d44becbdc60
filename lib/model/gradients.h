// What a backward pass adds up for one step of the optimizer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/config.h"
#include "lib/model/parameters.h"

namespace nudge {

// Gradients in the layout of the parameters, for one minibatch after the other. A tied embedding is used twice, and
// each use has a chain of its own, added once at the end (the law, g): the head's stands in the layout's place, the other in
// rows of the tokens that the minibatch has. Products write a matrix's gradient without reading it where its chain
// begins, so that between two minibatches only what is small has to be zeroed.
class Gradients {
 public:
  Gradients(const ModelConfig& config, const Layout& layout);
  float* at(std::int64_t offset) { return values_.data() + offset; }
  // Whether the chain of the matrix at `offset`, a product's, begins now: 0 is meant by what stands there. To be asked
  // once before each product.
  bool begins(std::int64_t offset);
  // Makes room for the embedding's gradient by these tokens; then the row of one of them.
  void meet(std::span<const std::int32_t> tokens);
  float* embedding(std::int32_t token);
  // Before a minibatch.
  void zero();
  // To be called once when all sequences of the minibatch have been added.
  void finish();
  // Of a minibatch that is finished.
  const Buffer<float>& values() const { return values_; }
  // The same, to be changed, or exchanged for another of its size: the next zero() clears what stands there then.
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
