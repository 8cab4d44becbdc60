#include "lib/cli/signals.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/comm.h"
#include "lib/cli/exit_table.h"

namespace nudge {
namespace {

volatile std::sig_atomic_t stop_flag = 0;
volatile std::sig_atomic_t stop_event = -1;

void on_stop(int) {
  const int error = errno;  // of the interrupted call
  stop_flag = 1;
  if (stop_event >= 0) ::eventfd_write(stop_event, 1);
  errno = error;
}

std::string last_words;  // of leave()

// Async-signal-safe.
void leave(int) {
  (void)!::write(STDERR_FILENO, last_words.data(), last_words.size());
  ::_exit(static_cast<int>(Exit::kStopped));
}

void handle_stops(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESETHAND;
  sigemptyset(&action.sa_mask);
  for (const int signal : kStopSignals) sigaction(signal, &action, nullptr);
}

}  // namespace

void prepare_process() {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_DFL);
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free descriptor is fd itself. The wrong direction is intended: use must fail.
    if (::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

void leave_on_stops(const std::string& program) {
  if (comm().first())
    last_words = program + ": error: stopped before its work began, with nothing to save\n" + program +
                 ": hint: " + exit_meaning(Exit::kStopped).advice + "\n";
  handle_stops(leave);
}

void catch_stops() {
  if (stop_event < 0) stop_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  handle_stops(on_stop);
}

void end_on_stops() { handle_stops(SIG_DFL); }

bool stop_requested() { return stop_flag != 0; }

int stop_descriptor() { return stop_event; }

}  // namespace nudge
