// Whether a training run is to stop. Signals only set a flag (lib/cli/signals.h); a run asks at places where its state
// is whole.
#pragma once

#include "lib/base/error.h"

namespace nudge {

// A run that gives up the minibatch in hand, or a pass over the data, whose results it would have to do again anyway.
class StopRequested : public Error {
 public:
  StopRequested() : Error(Exit::kStopped, "stopped") {}
};

// At the end of a step, in all ranks: whether to save and leave, because one of them was told to.
bool stop_now();

// From now on leave_if_stopped() does.
void let_stops_interrupt();

// Between two micro-batches: throws StopRequested where stop_now() will say yes. Nothing is changed by then, because
// weights change at the end of a minibatch alone. Programs that don't train never leave here, nor do several ranks,
// which would have to agree: they stop after the step.
void leave_if_stopped();

}  // namespace nudge
