#include "lib/io/background.h"

#include <signal.h>

#include <exception>

namespace nudge {

std::thread background_thread(std::function<void()> work) {
  std::thread thread;
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);  // a thread inherits its creator's mask
  try {
    thread = std::thread(std::move(work));
  } catch (const std::exception&) {  // a limit of processes or memory: slower is better than not at all
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace nudge
