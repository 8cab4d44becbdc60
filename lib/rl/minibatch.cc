#include "lib/rl/minibatch.h"

#include <numeric>

#include "lib/base/comm.h"

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

}  // namespace nudge
