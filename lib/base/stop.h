// Stopping a training run within a step. A signal only sets a flag (lib/cli/signals.h); long loops call
// leave_if_stopped() where leaving loses nothing but work.
#pragma once

#include "lib/base/error.h"

namespace nudge {

// Abandons the current minibatch or pass over the data, which the next run repeats.
class StopRequested : public Error {
 public:
  StopRequested() : Error(Exit::kStopped, "stopped") {}
};

// From now on leave_if_stopped() throws if `stopped` returns true; null: it does nothing, as at first. One for the
// process, like the signals it stands for. A program that trains in several threads leaves it alone.
void let_stops_interrupt(bool (*stopped)());

// Call between micro-batches: throws StopRequested once a stop was requested. Weights change only at the end of a pass
// through a minibatch, so they are consistent here. With several ranks it does nothing: they would have to agree, and stop after
// the step instead.
void leave_if_stopped();

}  // namespace nudge
