// Exit statuses, the names and numbers of <sysexits.h>. One meaning each, in every program.
#pragma once

namespace nudge {

enum class Exit : int {
  kDone = 0,
  kUsage = 64,         // the command line is wrong
  kBadInput = 65,      // damaged, incomplete or inconsistent input
  kNoInput = 66,       // an input does not exist or can't be opened
  kInternal = 70,      // our own fault
  kNoMemory = 71,      // the system refused memory
  kCannotCreate = 73,  // an output exists already or can't be made
  kIo = 74,            // reading or writing failed half-way, a full disk among the causes
  kStopped = 75,       // stopped by a signal with the work saved: run the same command again
};

}  // namespace nudge
