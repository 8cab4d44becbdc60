#include "lib/train/stop.h"

#include "lib/cli/signals.h"

namespace nudge {
namespace {
bool interruptible = false;
}

bool stop_now() { return stop_requested(); }

void let_stops_interrupt() { interruptible = true; }

void leave_if_stopped() {
  if (interruptible && stop_requested()) throw StopRequested();
}

}  // namespace nudge
