// How items are divided, into micro-batches, parts of a minibatch and shares of ranks, and how the parts' gradients are
// added.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/buffer.h"

namespace nudge {

class Gradients;

// Consecutive runs [begin, end) of items whose sizes add up to at most `limit`; a larger item is a run of its own.
// A micro-batch is such a run: it bounds memory and, by the law (g), changes no bit.
std::vector<std::pair<std::int64_t, std::int64_t>> runs_within(std::span<const std::int64_t> sizes, std::int64_t limit);

// Divides n items into `runs` contiguous runs; run i holds items floor(n i/runs) to floor(n (i+1)/runs) - 1 and may be
// empty. The parts of a minibatch's gradient (g) are cut so, whatever their members' sizes.
std::int64_t run_begin(std::int64_t n, std::int64_t runs, std::int64_t i);

// This rank's share [begin, end), balanced by size. For gathered per-item results only, so the split cannot affect any
// bit.
std::pair<std::size_t, std::size_t> share_of(std::span<const std::int64_t> sizes);

// The order of records wherever order matters: by id, shorter ones first, then bytewise.
bool id_less(std::string_view a, std::string_view b);

// The gradient of a minibatch as a sum of parts (the law, g; docs/determinism.md). The members, in their order, are cut
// into parts by run_begin. Each part is one chain from zero; a tensor used twice has a chain for each use, added at the
// end. The parts are added by a binary tree, neighbours first: ((g0 + g1) + (g2 + g3)) + ... Each rank takes adjacent
// parts, which makes its share a subtree.
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
