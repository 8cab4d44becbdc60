// What a program does about signals: docs/formats.md has the exit statuses.
#pragma once

#include <csignal>
#include <string>

namespace nudge {

inline constexpr int kStopSignals[] = {SIGTERM, SIGINT, SIGUSR1};

// SIGXFSZ is ignored, so that a file-size limit is a failed write (exit 74) and no death; SIGPIPE kills
// quietly, also where the parent ignored it; closed standard descriptors are taken by /dev/null, so that
// no output of ours lands on them by accident and writing to a closed stdout still fails.
void prepare_process();

// From now on, until catch_stops(), a stop signal ends the program at once with status 75, saying that it was stopped
// before its work began (of several ranks the first one says it). For the time in which there is nothing to be saved,
// also where it waits for input.
void leave_on_stops(const std::string& program);

// From now on the stop signals set the flag that stop_requested() reads, once each: a second
// one of the same kind ends the program at once. System calls are interrupted (EINTR), so a program that waits for
// input sees the flag too.
void catch_stops();
void end_on_stops();  // from now on they end the program as the system does
bool stop_requested();

// Readable once there was a stop signal, for those that wait in poll(2): between a look at the flag and the beginning
// of a call a signal would go unnoticed. -1 before catch_stops().
int stop_descriptor();

}  // namespace nudge
