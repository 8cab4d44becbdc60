#include "lib/train/streams.h"

#include <filesystem>
#include <optional>

#include "lib/base/error.h"

namespace nudge {
namespace {

bool same_shard(const StreamMark& mark, const Shard& shard) {
  return mark.shard == shard.index && mark.shards == shard.count;
}

// The end mark of a file that is one whole stream of `tool` with this opening mark; nothing of any other file.
std::optional<StreamMark> finished_output(const Tool& tool, const StreamOptions& o, const std::string& opening) {
  RecordReader there({o.output});
  const auto& streams = there.streams();
  const auto is_of_this_work = [&] {
    if (streams.empty() || streams[0].marks.empty()) return false;
    const StreamMark& first = streams[0].marks[0];
    return !first.closing && first.program == tool.about().name && first.digest == opening &&
           same_shard(first, o.shard);
  };
  try {
    Record record;
    bool more = there.next(record);
    if (!is_of_this_work()) return {};  // told by its beginning
    while (more) more = there.next(record);
  } catch (const Error& e) {
    if (!is_of_this_work() || e.status() != Exit::kBadInput) return {};
    throw Error(Exit::kCannotCreate, std::string(e.what()) + "; it was to be the output",
                "it is from an earlier run of the same work, and damaged: --force makes it again");
  }
  const bool one_stream = streams[0].marks.size() == 2 && streams[0].unmarked == 0;
  return one_stream ? std::optional(streams[0].marks[1]) : std::nullopt;
}

}  // namespace

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

Origin origin_of(const RecordReader& in, const StreamOptions& o, Provenance opening, const std::string& input) {
  if (const auto lone = in.lone_shard(); lone && o.shard.count == 1) {
    return {opening.input(input + " by shards", lone->digest).digest(), {lone->shard, lone->shards}};
  }
  return {opening.input(input, in.digest()).digest(), o.shard};
}

void set_origin(RecordWriter& out, const Origin& origin) {
  out.set_digest(origin.digest);
  out.set_shard(static_cast<int>(origin.shard.index), static_cast<int>(origin.shard.count));
}

Origin read_for_origin(const StreamOptions& o, const ReaderOptions& reading, const Provenance& opening,
                       const std::string& input) {
  RecordReader in(o.files, reading);
  for (Record record; in.next(record);) {
  }
  return origin_of(in, o, opening, input);
}

bool made_already(Tool& tool, const StreamOptions& o, const std::string& opening,
                  const std::function<Origin()>& origin) {
  const bool compressed = o.zstd || o.output.ends_with(".zst");
  if (o.output == "-" || o.force || !compressed) return false;
  if (std::error_code error; !std::filesystem::is_regular_file(o.output, error)) return false;
  const std::optional<StreamMark> mark = finished_output(tool, o, opening);
  if (!mark) return false;
  const Origin now = origin();
  if (mark->digest != now.digest || !same_shard(*mark, now.shard)) return false;
  tool.note(o.output + " is there already, made by this very run: " + std::to_string(mark->records) +
            (mark->records == 1 ? " record" : " records"));
  return true;
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
  InputSpool keeps_nothing(files);
  return load_records(tool, keeps_nothing, salvage);
}

LoadedRecords load_records(Tool& tool, InputSpool& spool, bool salvage) {
  RecordReader in(spool.files(), spool.reader_options(salvage));
  LoadedRecords loaded;
  for (Record record; in.next(record);) loaded.records.push_back(record);
  warn_of_losses(tool, in);
  spool.finish();
  loaded.digest = in.digest();
  return loaded;
}

}  // namespace nudge
