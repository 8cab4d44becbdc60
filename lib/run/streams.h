// Records in and out of a program, as its options name them (lib/cli/common_options.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/cli/common_options.h"
#include "lib/io/stream.h"
#include "lib/run/input_spool.h"

namespace nudge {

struct StreamOptions {
  std::vector<std::string> files;
  std::string output;
  bool zstd = false, force = false, salvage = false;
  Shard shard;

  // Registers -o, -z, --force and --salvage under "Output".
  void add_to(Tool& tool);
};

// Usage error where the metrics would be appended to an input: to one of `files` (none: stdin) or of `others`, the
// files that options name ("": none).
void refuse_metrics_in_input(const MetricsFile& metrics, const std::vector<std::string>& files,
                             const std::vector<std::string>& others = {});

// Opens the output; `digest` names inputs and options. With kGoOn the caller goes on after the records that a stopped
// run with the same digest left: KeptRecords (lib/run/filter.h). Errors: RecordWriter's.
enum class Unfinished { kRemove, kGoOn };
RecordWriter open_output(const Tool& tool, const StreamOptions& options, std::string digest,
                         Unfinished unfinished = Unfinished::kRemove);

// Warns of what --salvage left out. Call at the input's end.
void warn_of_losses(Tool& tool, const RecordReader& reader);

// Warns where --too-long skip left out records of `what`.
void warn_of_skipped(Tool& tool, std::int64_t skipped, std::int64_t records, const std::string& what);

// Warns of pairs in `what` whose two answers are the same tokens; accuracy leaves them out.
void warn_of_identical(Tool& tool, std::int64_t identical, std::int64_t pairs, const std::string& what);

// Calls `use` on every record, file by file. All shards must be present. Returns the text's digest. With several ranks
// the first one reads and hands the records to the others. Errors: RecordReader's.
std::string each_record(Tool& tool, InputSpool& spool, bool salvage, const std::function<void(Record&)>& use);

struct LoadedRecords {
  std::vector<Record> records;
  std::string digest;  // of the files' text
};

// All records of the files.
LoadedRecords load_records(Tool& tool, const std::vector<std::string>& files, bool salvage);
// All records of a training run; the spool keeps a copy of those that come through a pipe.
LoadedRecords load_records(Tool& tool, InputSpool& spool, bool salvage);

// The records' ids; a record without one gets its number, from 0. Error kBadInput: a duplicate id.
std::vector<std::string> unique_ids(const std::vector<Record>& records);

}  // namespace nudge
