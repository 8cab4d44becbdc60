// The gradient of a minibatch by the law (g): its members, in their order, are cut into groups (run_begin in
// minibatch.h); a group's gradient is one chain from zero, in which a tensor used twice has a chain for each use,
// added at its end; the groups' gradients are added by one binary tree, adjacent ones first: ((g0 + g1) + (g2 + g3))
// + ... Each rank takes as many adjacent groups, which makes its part a subtree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/transformer.h"

namespace nudge {

class GroupSum {
 public:
  // A power of two that the number of ranks divides.
  explicit GroupSum(std::int64_t groups) : groups_(groups) {}

  // Calls group(begin, end) for each group of this rank, in their order, to add the gradient of the minibatch's members
  // begin .. end - 1. Leaves in `gradients` the sum over all groups of all ranks. Beside them it keeps, for log2 of
  // the rank's groups, as much memory as they have.
  void run(std::int64_t members, std::span<Gradients* const> gradients,
           const std::function<void(std::int64_t begin, std::int64_t end)>& group);
  // How many gradients it keeps beside each of those that it was given, for tests.
  std::size_t kept() const { return waiting_.size(); }

 private:
  void fold(std::int64_t done, bool last, std::span<Gradients* const> gradients);

  std::int64_t groups_;
  // waiting_[l]: sums of 2^l groups that wait for their neighbours', one for each of the gradients: a binary counter.
  std::vector<std::vector<Buffer<float>>> waiting_;
};

}  // namespace nudge
