// Records in and out of a program, as its options name them (lib/cli/common_options.h).
#pragma once

#include <string>
#include <vector>

#include "lib/cli/common_options.h"
#include "lib/io/stream.h"

namespace nudge {

struct StreamOptions {
  std::vector<std::string> files;
  std::string output;
  bool zstd = false, force = false, salvage = false;
  Shard shard;
};

// Registers -o, -z, --force and --salvage under "Output".
void output_options(Tool& tool, StreamOptions& options);

// Usage error where the metrics would be appended to an input: one of `files` (none is stdin), or of `others`, names of
// options' files, where "" is none.
void refuse_metrics_in_input(const MetricsFile& metrics, const std::vector<std::string>& files,
                             const std::vector<std::string>& others = {});

// Opens the output; `digest` names input and options. Errors: RecordWriter's.
RecordWriter open_output(const Tool& tool, const StreamOptions& options, std::string digest);

// Warns of what --salvage left out. To be called at the input's end.
void warn_of_losses(Tool& tool, const RecordReader& reader);

// Finishes the output of a program that writes records for each one it reads. Without a record it fails (kBadInput)
// and leaves no output, unless all of the input was read: then the shard has none of it, or its marks prove that it
// has none itself, as those of an empty shard do.
void finish_output(RecordWriter& out, const RecordReader& reader);

struct LoadedRecords {
  std::vector<Record> records;
  std::string digest;  // of the files' text
};

// All records of the files. Errors: RecordReader's.
LoadedRecords load_records(Tool& tool, const std::vector<std::string>& files, bool salvage);

}  // namespace nudge
