#include "lib/cli/signals.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <iterator>

#include "lib/base/comm.h"
#include "lib/cli/exit_table.h"

namespace nudge {
namespace {

volatile std::sig_atomic_t stop_flag = 0;
volatile std::sig_atomic_t stop_event = -1;

// When each came first, in milliseconds of a steady clock; 0: not yet.
std::atomic<std::int64_t> first_at[std::size(kStopSignals)] = {};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

// Whether it is meant as another one. A terminal's ^C reaches a program a second time, at once, by `timeout` or `mpirun`
// in the same group.
bool came_before(int signal) {
  constexpr std::int64_t kEcho = 200;
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t ms = std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000 + 1;
  for (std::size_t i = 0; i < std::size(kStopSignals); ++i) {
    if (kStopSignals[i] != signal) continue;
    std::int64_t first = 0;
    return !first_at[i].compare_exchange_strong(first, ms) && ms - first >= kEcho;
  }
  return true;
}

void on_stop(int signal) {
  if (came_before(signal)) {  // ends the program once this handler has returned
    std::signal(signal, SIG_DFL);
    ::raise(signal);
    return;
  }
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

bool hangup_is_ignored() {
  struct sigaction now = {};
  return sigaction(SIGHUP, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

void handle_stops(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  for (const int signal : kStopSignals)
    if (signal != SIGHUP || !hangup_is_ignored()) sigaction(signal, &action, nullptr);
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
