#include "lib/base/stop.h"

#include "lib/base/comm.h"

namespace nudge {
namespace {
bool (*interrupts)() = nullptr;
}

void let_stops_interrupt(bool (*stopped)()) { interrupts = stopped; }

void leave_if_stopped() {
  if (interrupts != nullptr && comm().size() == 1 && interrupts()) throw StopRequested();
}

}  // namespace nudge
