#include "lib/cli/exit_table.h"

namespace nudge {
namespace {

constexpr ExitMeaning kTable[] = {
    {Exit::kDone, "done", ""},
    {Exit::kUsage, "the command line is wrong", "--help lists the options"},
    {Exit::kBadInput, "damaged, incomplete or inconsistent input",
     "fix the file that the message names, then run the command again"},
    {Exit::kNoInput, "an input does not exist or can't be opened", "check the name and its permissions"},
    {Exit::kInternal, "a bug in the program", "please report it with the command line and, if you can, the input"},
    {Exit::kNoMemory, "the system refused memory", "free memory, raise the limit, or give the program less at once"},
    {Exit::kCannotCreate, "an output exists already or can't be created",
     "choose another output, or make its folder writable"},
    {Exit::kIo, "reading or writing failed half-way, for example on a full disk",
     "check that the disk has space and works, then run the command again"},
    {Exit::kStopped, "stopped by SIGTERM, SIGINT, SIGUSR1 or SIGHUP with the work saved",
     "run the same command again to resume"},
};

}  // namespace

std::span<const ExitMeaning> exit_table() { return kTable; }

const ExitMeaning& exit_meaning(Exit status) {
  for (const ExitMeaning& row : kTable) {
    if (row.status == status) return row;
  }
  return exit_meaning(Exit::kInternal);
}

std::string advice_on(Exit status, const std::string& message) {
  // As RecordReader names a record: "FILE: record N: cause".
  const bool record = message.find(": record ") != message.npos || message.find(": after record ") != message.npos;
  if (status == Exit::kBadInput && record) return "look at the input with peek, then run the command again";
  return exit_meaning(status).advice;
}

}  // namespace nudge
