#include "lib/cli/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace nudge {
namespace {

volatile std::sig_atomic_t stop_flag = 0;

void on_stop(int) { stop_flag = 1; }

}  // namespace

void prepare_process() {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_DFL);
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is fd itself. The direction is the wrong one on purpose: use must fail.
    if (::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

void catch_stops() {
  struct sigaction action = {};
  action.sa_handler = on_stop;
  action.sa_flags = SA_RESETHAND;
  sigemptyset(&action.sa_mask);
  for (const int signal : kStopSignals) sigaction(signal, &action, nullptr);
}

bool stop_requested() { return stop_flag != 0; }

}  // namespace nudge
