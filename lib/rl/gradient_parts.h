// The gradient of a minibatch as a sum of parts (the law, g; docs/determinism.md). The members, in their order, are cut
// into parts (run_begin in minibatch.h). Each part is one chain from zero; a tensor used twice has a chain for each
// use, added at the end. The parts are added by a binary tree, neighbours first: ((g0 + g1) + (g2 + g3)) + ... Each
// rank takes adjacent parts, which makes its share a subtree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/transformer.h"

namespace nudge {

class GradientParts {
 public:
  // A power of two that the number of ranks divides: --groups.
  explicit GradientParts(std::int64_t parts) : parts_(parts) {}

  // Calls part(begin, end) for each part of this rank, in order, to add the gradient of the minibatch's members begin
  // .. end - 1. Leaves in `gradients` the sum over all parts of all ranks. Memory: beside the gradients, log2 of the
  // rank's parts times as much.
  void run(std::int64_t members, std::span<Gradients* const> gradients,
           const std::function<void(std::int64_t begin, std::int64_t end)>& part);
  // How many gradients are kept beside each of those given, for tests.
  std::size_t kept() const { return waiting_.size(); }

 private:
  void fold(std::int64_t done, bool last, std::span<Gradients* const> gradients);

  std::int64_t parts_;
  // waiting_[l]: sums of 2^l parts that wait for their neighbours', one for each of the gradients: a binary counter.
  std::vector<std::vector<Buffer<float>>> waiting_;
};

}  // namespace nudge
