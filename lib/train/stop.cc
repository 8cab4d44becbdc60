#include "lib/train/stop.h"

#include "lib/base/comm.h"
#include "lib/cli/signals.h"

namespace nudge {
namespace {
bool interruptible = false;
}

bool stop_now() { return comm().any(stop_requested()); }

void let_stops_interrupt() { interruptible = true; }

void leave_if_stopped() {
  if (interruptible && comm().size() == 1 && stop_requested()) throw StopRequested();
}

}  // namespace nudge
