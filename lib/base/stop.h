// Leaving a training run in the middle of a step. A signal only sets a flag (lib/cli/signals.h); long loops ask here, at
// places where leaving loses nothing but work.
#pragma once

#include "lib/base/error.h"

namespace nudge {

// A run gives up the minibatch in hand, or a pass over the data. The next run repeats that work anyway.
class StopRequested : public Error {
 public:
  StopRequested() : Error(Exit::kStopped, "stopped") {}
};

// From now on leave_if_stopped() throws where `stopped` says yes. Until then it does nothing.
void let_stops_interrupt(bool (*stopped)());

// Call between two micro-batches: throws StopRequested once a stop was asked for. Weights change only at the end of a
// minibatch, so nothing is half changed here. With several ranks it does nothing: they would have to agree, and stop
// after the step instead.
void leave_if_stopped();

}  // namespace nudge
