// Exit statuses, with the numbers of <sysexits.h>. Each has one meaning in all programs.
#pragma once

namespace nudge {

enum class Exit : int {
  kDone = 0,
  kUsage = 64,         // invalid command line
  kBadInput = 65,      // damaged, incomplete or inconsistent input
  kNoInput = 66,       // an input is missing or can't be opened
  kInternal = 70,      // a bug in nudge
  kNoMemory = 71,      // out of memory
  kCannotCreate = 73,  // an output exists already or can't be created
  kIo = 74,            // reading or writing failed, such as on a full disk
  kStopped = 75,       // stopped by a signal, work saved: run the same command again
};

}  // namespace nudge
