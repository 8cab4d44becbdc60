// Filters: programs that make records from records (rollout, score, kl-report -o, label --by). All begin, resume, stop
// and finish their output in the same way, here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "lib/cli/tool.h"
#include "lib/io/stream.h"
#include "lib/run/run_folder.h"
#include "lib/run/streams.h"

namespace nudge {

// The work that an end mark names: the digest of options and inputs, the same for all shards, and the shard.
struct Origin {
  std::string digest;
  Shard shard;
};

// The records that an interrupted run of the same command left in the output. They came from the same options and
// models, but the input may have changed since: each is compared with what the input gives now.
class KeptRecords {
 public:
  KeptRecords(Tool& tool, RecordWriter& out, std::string output)
      : tool_(tool), out_(out), output_(std::move(output)), over_(out.resumed() == 0) {}

  // Whether the next output record is there already: `made` must give the very line that was kept. It gets the kept
  // record, to take over what only a model can compute, and may throw kBadInput where that record lacks it. The first
  // record that differs is dropped with all after it.
  bool take(const std::function<Record(const Record& kept)>& made);
  // Call when the input has ended: drops what is left.
  void end();

 private:
  Tool& tool_;
  RecordWriter& out_;
  std::string output_;
  std::int64_t taken_ = 0;
  bool over_;
};

// One filter's part in the protocol.
struct Filter {
  std::string opening;             // digest of options and models, for the opening mark
  std::function<Origin()> origin;  // what the end mark would say; only called where an output with this opening exists
  // Writes every record that is not in `kept`. May be cut anywhere by heed_stop() or a reader.
  std::function<void(RecordWriter& out, KeptRecords& kept)> work;
  std::function<void(RecordWriter& out)> finish;  // closes the output
};

// Runs a filter; stop signals must be caught already (catch_stops). Returns false, with a note, where a finished output
// of the same work exists: compressed, whole, and without --force. Otherwise opens the output, resumes what an
// interrupted run left there, works and finishes. Errors: kCannotCreate where the output exists and is of other work or
// damaged; kStopped after a stop signal, with the written records saved where the output is a file.
bool run_filter(Tool& tool, const StreamOptions& streams, const Filter& filter);

// Throws kStopped after a stop signal. Call wherever the work may be cut.
void heed_stop();

// The input of a filter that goes record by record.
class FilterInput {
 public:
  // kOneForOne: the filter writes a record for each it reads. An input that is a single shard then makes the output
  // that same shard. With kManyForOne all shards must be present.
  enum class Yield { kOneForOne, kManyForOne };

  // `opening`: options and models; `name`: the records' name in the provenance. The input is opened on first use.
  FilterInput(const StreamOptions& streams, Provenance opening, std::string name, Yield yield);

  const StreamOptions& streams() const { return streams_; }

  std::string opening() const { return opening_.digest(); }
  Origin origin() const;  // reads the whole input, for its origin alone

  // How many records this shard will have, for the progress; 0 where that is unknown, or no progress is shown.
  std::int64_t expected(Tool& tool) const;
  // Shards take whole units of records, such as groups, instead of records: `of` gives a record's unit, numbered from 0,
  // and sees every record of the input in order.
  void shard_by(std::function<std::int64_t(const Record&)> of) { unit_ = std::move(of); }

  // Reads this shard's next record; false at the end. Before it waits for input it calls `before_waiting` and passes on
  // what was written to `out`. Stop signals are heeded.
  bool next(Record& record, RecordWriter& out, const std::function<void()>& before_waiting = nullptr);
  bool ready() { return reader().ready(); }          // whether there is input to go on with
  std::int64_t number() const { return read_ - 1; }  // of the last record, in the whole input, from 0

  // At the input's end: warns of what was lost and of the `skipped` records, and finishes `out` with its origin. Error
  // kBadInput, without an output, where no record was written and salvage lost some, or all were skipped; a shard may
  // skip all it has.
  void finish(Tool& tool, RecordWriter& out, std::int64_t skipped);

 private:
  RecordReader open() const;  // once stop signals are caught
  RecordReader& reader();
  Origin origin_of(const RecordReader& in) const;

  const StreamOptions& streams_;
  Provenance opening_;
  std::string name_;
  ReaderOptions reading_;
  std::optional<RecordReader> in_;
  std::function<std::int64_t(const Record&)> unit_;
  std::int64_t read_ = 0, taken_ = 0;  // records of the input; of this shard
};

// Catches stop signals and runs the filter that reads `in`. `work` returns the number of records that it skipped.
bool run_filter(Tool& tool, FilterInput& in,
                const std::function<std::int64_t(RecordWriter& out, KeptRecords& kept)>& work);

}  // namespace nudge
