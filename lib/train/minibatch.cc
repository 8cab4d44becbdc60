#include "lib/train/minibatch.h"

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

bool id_less(std::string_view a, std::string_view b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }

}  // namespace nudge
