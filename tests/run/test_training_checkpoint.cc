// When a training run saves its state.
#include "lib/run/training_checkpoint.h"

#include "tests/harness/harness.h"

using namespace nudge;

TEST_CASE("checkpoints are due by steps, by time, or never") {
  const SaveOptions by_time, never{0}, third{3};
  CHECK(by_time.due(1, 600));
  CHECK(!by_time.due(1000, 599));
  CHECK(!never.due(1, 1e6));
  for (std::int64_t step = 1; step <= 9; ++step) CHECK(third.due(step, 0) == (step % 3 == 0));
}
