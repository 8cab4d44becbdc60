// Records in and out of a program, as its options name them (lib/cli/common_options.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/cli/common_options.h"
#include "lib/io/stream.h"
#include "lib/run/input_spool.h"
#include "lib/run/run_folder.h"

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

// What an end mark tells of the work: the digest of options and inputs, the same for all of its shards, and the shard.
struct Origin {
  std::string digest;
  Shard shard;
};

// Of a program that writes a record for each one it reads, when `in` was read to its end. `opening` holds options and
// models. An input that is one shard alone makes the output that shard, of the work that its shards all are of.
Origin origin_of(const RecordReader& in, const StreamOptions& options, Provenance opening, const std::string& input);

// Reads the input through, for its origin alone.
Origin read_for_origin(const StreamOptions& options, const ReaderOptions& reading, const Provenance& opening,
                       const std::string& input);

// True where the output is there already, whole and from this very work, by its marks: it says so, and the program has
// nothing to do. To be called before open_output, which refuses all else that is there. `opening` is the digest that
// open_output gets; `origin` is asked for where the opening mark is the same. Never with --force, nor of plain text,
// which has no marks. Error kCannotCreate where it is from this work, but damaged.
bool made_already(Tool& tool, const StreamOptions& options, const std::string& opening,
                  const std::function<Origin()>& origin);

// Opens the output; `digest` names input and options. Errors: RecordWriter's. With kGoOn a program promises to go on
// behind what a stopped run of the same digest left: KeptRecords.
enum class Unfinished { kRemove, kGoOn };
RecordWriter open_output(const Tool& tool, const StreamOptions& options, std::string digest,
                         Unfinished unfinished = Unfinished::kRemove);

// Throws kStopped once there was a stop signal (lib/cli/signals.h). To be asked wherever the work may be cut.
void heed_stop();

// Runs `work`, which writes to `out` and is cut by heed_stop() or a reader. What it has written is then kept for the
// same command, where it is a file, and the Error kStopped says so.
void save_on_stop(RecordWriter& out, const std::string& output, const std::function<void()>& work);

// The records that a stopped or killed run of the same command left, beside what the input gives now. They were made by
// the same options and models, but the input may have changed since: what it does not give any more is made anew.
class KeptRecords {
 public:
  KeptRecords(Tool& tool, RecordWriter& out, std::string output)
      : tool_(tool), out_(out), output_(std::move(output)), over_(out.resumed() == 0) {}

  // Whether the program's next record is there already: what `made` gives is the very line that is kept. It gets the
  // kept record for what the input alone can't tell, and may fail (kBadInput) where it lacks it. With the first that
  // isn't the same all those behind are dropped.
  bool take(const std::function<Record(const Record& kept)>& made);
  // The input has ended: those that are left are not of it.
  void end();

 private:
  Tool& tool_;
  RecordWriter& out_;
  std::string output_;
  std::int64_t taken_ = 0;
  bool over_;
};

// Warns of what --salvage left out. To be called at the input's end.
void warn_of_losses(Tool& tool, const RecordReader& reader);

// Finishes the output of a program that writes records for each one it reads, but for those that it `skipped`. Without
// a record it fails (kBadInput) and leaves no output, unless all of the input was read: then the shard has none of it,
// or its marks prove that it has none itself, as those of an empty shard do. A shard may skip all it has, a whole may
// not.
void finish_output(RecordWriter& out, const RecordReader& reader, const Origin& origin, std::int64_t skipped = 0);

// Calls use for each record of the files, of which shards have to be there all, in their order, and returns the digest of
// their text. Of several ranks the first one reads, and the others get the records from it. Errors: RecordReader's.
std::string each_record(Tool& tool, InputSpool& spool, bool salvage, const std::function<void(Record&)>& use);

struct LoadedRecords {
  std::vector<Record> records;
  std::string digest;  // of the files' text
};

// All of them.
LoadedRecords load_records(Tool& tool, const std::vector<std::string>& files, bool salvage);
// Those of a training run, kept where they come from no file.
LoadedRecords load_records(Tool& tool, InputSpool& spool, bool salvage);

}  // namespace nudge
