#include "lib/train/streams.h"

#include "lib/base/error.h"

namespace nudge {

void output_options(Tool& tool, StreamOptions& o) {
  tool.group("Output");
  output_option(tool, o.output);
  compress_option(tool, o.zstd);
  force_option(tool, o.force);
  salvage_option(tool, o.salvage);
}

void refuse_metrics_in_input(const MetricsFile& metrics, const std::vector<std::string>& files,
                             const std::vector<std::string>& others) {
  if (metrics.path().empty()) return;
  refuse_same_file(files, metrics.path());
  for (const std::string& other : others)
    if (!other.empty()) refuse_same_file({other}, metrics.path());
}

RecordWriter open_output(const Tool& tool, const StreamOptions& o, std::string digest) {
  return RecordWriter({.path = o.output,
                       .zstd = o.zstd,
                       .force = o.force,
                       .shard = static_cast<int>(o.shard.index),
                       .shards = static_cast<int>(o.shard.count),
                       .digest = std::move(digest),
                       .program = tool.about().name});
}

void warn_of_losses(Tool& tool, const RecordReader& reader) {
  if (const std::string lost = reader.salvage_report(); !lost.empty()) tool.warn(lost);
}

void finish_output(RecordWriter& out, const RecordReader& reader) {
  if (out.records() == 0 && !reader.salvage_report().empty()) bad_input("nothing succeeded: 0 records");
  out.finish();
}

LoadedRecords load_records(Tool& tool, const std::vector<std::string>& files, bool salvage) {
  RecordReader in(files, {.salvage = salvage});
  LoadedRecords loaded;
  for (Record record; in.next(record);) loaded.records.push_back(record);
  warn_of_losses(tool, in);
  loaded.digest = in.digest();
  return loaded;
}

}  // namespace nudge
