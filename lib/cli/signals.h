// What a program does about signals; docs/formats.md has the exit statuses. A signal handler has no argument to carry a
// state, so the flag and the descriptor are the process's, not an object's.
#pragma once

#include <csignal>
#include <string>

namespace nudge {

// SIGHUP, which a terminal that closes sends, is one unless the parent ignored it, as nohup does.
inline constexpr int kStopSignals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};

// Ignores SIGXFSZ, so that a file-size limit is a failed write (status 74); restores SIGPIPE, which ends the program
// quietly, even if the parent ignored it; opens closed standard descriptors on /dev/null, in the direction that fails,
// so that no output lands there by accident and writing to a closed stdout is still an error.
void prepare_process();

// From now until catch_stops() a stop signal ends the program at once with status 75 and the message that no work had
// begun (with several ranks the first one writes it). For the phase that has nothing to save, waits for input included.
void leave_on_stops(const std::string& program);

// From now on a stop signal sets the flag that stop_requested() reads, once: a second one of the same kind, 0.2 s later
// or more, ends the program at once. System calls are interrupted (EINTR), so a program that waits for input sees the
// flag too.
void catch_stops();
void end_on_stops();  // from now on stop signals have their default action
bool stop_requested();

// Readable once there was a stop signal, for callers that wait in poll(2): a signal between a look at the flag and the
// system call would go unnoticed. -1 before catch_stops().
int stop_descriptor();

}  // namespace nudge
