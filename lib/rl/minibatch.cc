#include "lib/rl/minibatch.h"

#include <numeric>

#include "lib/base/comm.h"
#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/kernels/kernels.h"
#include "lib/model/gradients.h"

namespace nudge {

std::vector<std::pair<std::int64_t, std::int64_t>> runs_within(std::span<const std::int64_t> sizes,
                                                               std::int64_t limit) {
  std::vector<std::pair<std::int64_t, std::int64_t>> runs;
  std::int64_t begin = 0, sum = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    if (at > begin && sum + sizes[i] > limit) {
      runs.emplace_back(begin, at);
      begin = at;
      sum = 0;
    }
    sum += sizes[i];
  }
  if (begin < static_cast<std::int64_t>(sizes.size()))
    runs.emplace_back(begin, static_cast<std::int64_t>(sizes.size()));
  return runs;
}

std::int64_t run_begin(std::int64_t n, std::int64_t runs, std::int64_t i) { return n * i / runs; }

std::pair<std::size_t, std::size_t> share_of(std::span<const std::int64_t> sizes) {
  const std::int64_t all = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  // Where the sizes before come to rank r's part of all.
  const auto begin_of = [&](int rank) {
    std::size_t i = 0;
    for (std::int64_t sum = 0; i < sizes.size() && sum < run_begin(all, comm().size(), rank); ++i) sum += sizes[i];
    return i;
  };
  const int rank = comm().rank();
  return {begin_of(rank), rank + 1 == comm().size() ? sizes.size() : begin_of(rank + 1)};
}

bool id_less(std::string_view a, std::string_view b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }

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
  if (mine < 1) throw Error(Exit::kInternal, "more ranks than gradient parts");
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
