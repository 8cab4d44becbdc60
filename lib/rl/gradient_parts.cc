#include "lib/rl/gradient_parts.h"

#include <utility>

#include "lib/base/comm.h"
#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/kernels/kernels.h"
#include "lib/rl/minibatch.h"

namespace nudge {
namespace {

void add(const Buffer<float>& from, Buffer<float>& to) {
  const ProfileScope scope(Part::kOptimizer, 0, 12.0 * static_cast<double>(to.size()));
  parallel_ranges(to.size(), 65536, [&](std::int64_t begin, std::int64_t end) {
    kernels().add(from.data() + begin, to.data() + begin, end - begin);
  });
}

}  // namespace

// A binary counter: `done` parts leave one waiting sum for each 1 bit of their number, and the next part carries.
void GradientParts::fold(std::int64_t done, bool last, std::span<Gradients* const> gradients) {
  std::size_t level = 0;
  for (; (done >> level & 1) != 0; ++level)
    for (std::size_t k = 0; k < gradients.size(); ++k) add(waiting_[level][k], gradients[k]->change());
  if (last) return;
  if (level == waiting_.size()) {
    waiting_.emplace_back();
    for (const Gradients* g : gradients) waiting_.back().emplace_back(g->values().size());
  }
  for (std::size_t k = 0; k < gradients.size(); ++k) std::swap(waiting_[level][k], gradients[k]->change());
}

void GradientParts::run(std::int64_t members, std::span<Gradients* const> gradients,
                        const std::function<void(std::int64_t begin, std::int64_t end)>& part) {
  Comm& world = comm();
  const std::int64_t mine = parts_ / world.size(), first = mine * world.rank();
  if (mine < 1) throw Error(Exit::kInternal, "more ranks than groups");
  for (std::int64_t i = 0; i < mine; ++i) {
    for (Gradients* g : gradients) g->zero();
    part(run_begin(members, parts_, first + i), run_begin(members, parts_, first + i + 1));
    for (Gradients* g : gradients) g->finish();
    if (mine > 1) fold(i, i + 1 == mine, gradients);
  }
  if (world.size() == 1) return;
  const ProfileScope scope(Part::kExchange);
  for (Gradients* g : gradients) world.sum(g->change().data(), g->values().size());
}

}  // namespace nudge
