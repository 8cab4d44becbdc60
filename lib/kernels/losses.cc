// The loss of pairs with its gradient, to be minimised.
#include "lib/kernels/level.h"
#include "lib/kernels/vector_math.h"

namespace nudge::NUDGE_LEVEL {
void bradley_terry(const float* chosen, const float* rejected, const float* margin, int64_t n, float* loss,
                   float* dchosen) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    f32x16 difference = load_first(chosen + i, lanes) - load_first(rejected + i, lanes);
    if (margin != nullptr) difference = difference - load_first(margin + i, lanes);
    store_first(loss + i, negate(log_sigmoid(difference)), lanes);
    // sigmoid(difference) - 1, without its cancellation.
    store_first(dchosen + i, negate(sigmoid(negate(difference))), lanes);
  }
}

}  // namespace nudge::NUDGE_LEVEL
