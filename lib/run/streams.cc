#include "lib/run/streams.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "lib/base/comm.h"
#include "lib/base/error.h"
#include "lib/cli/signals.h"

namespace nudge {
namespace {

std::string counted(std::int64_t n) { return grouped_digits(n) + (n == 1 ? " record" : " records"); }

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
  tool.note(o.output + " is there already, made by this very run: " + counted(mark->records));
  return true;
}

RecordWriter open_output(const Tool& tool, const StreamOptions& o, std::string digest, Unfinished unfinished) {
  return RecordWriter({.path = o.output,
                       .zstd = o.zstd,
                       .force = o.force,
                       .resume = unfinished == Unfinished::kGoOn,
                       .shard = static_cast<int>(o.shard.index),
                       .shards = static_cast<int>(o.shard.count),
                       .digest = std::move(digest),
                       .program = tool.about().name});
}

void heed_stop() {
  if (stop_requested()) throw Error(Exit::kStopped, "stopped");
}

void save_on_stop(RecordWriter& out, const std::string& output, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    if (e.status() != Exit::kStopped) throw;
    const std::string done = counted(out.records());
    if (out.suspend()) throw Error(Exit::kStopped, output + ": stopped: " + done + " saved");
    throw Error(Exit::kStopped, (output == "-" ? "stdout" : output) + ": stopped after " + done + ": incomplete",
                "a stream begins anew; with -o FILE the same command goes on");
  }
}

bool KeptRecords::take(const std::function<Record(const Record& kept)>& made) {
  Record kept;
  if (over_) return false;
  if (out_.next_kept(kept)) {
    try {
      if (made(kept).line() == kept.line()) {
        ++taken_;
        return true;
      }
    } catch (const Error& e) {
      if (e.status() != Exit::kBadInput) throw;
    }
  }
  end();
  return false;
}

void KeptRecords::end() {
  if (std::exchange(over_, true)) return;
  if (const std::int64_t dropped = out_.resumed() - taken_; dropped > 0) {
    out_.keep_first(taken_);
    tool_.warn(output_ + ": the input no longer gives " + counted(dropped) + " of an unfinished run: made anew");
  }
  if (taken_ > 0) tool_.note(output_ + ": goes on after " + counted(taken_) + " of an unfinished run");
}

void warn_of_losses(Tool& tool, const RecordReader& reader) {
  if (const std::string lost = reader.salvage_report(); !lost.empty()) tool.warn(lost);
}

void finish_output(RecordWriter& out, const RecordReader& reader, const Origin& origin, std::int64_t skipped) {
  if (out.records() == 0 && !reader.salvage_report().empty()) bad_input("nothing succeeded: 0 records");
  if (out.records() == 0 && skipped > 0 && origin.shard.count == 1)
    bad_input("nothing succeeded: all of the input is too long",
              "give shorter records, or a model of a longer context");
  out.set_digest(origin.digest);
  out.set_shard(static_cast<int>(origin.shard.index), static_cast<int>(origin.shard.count));
  out.finish();
}

namespace {

// Records from rank 0 to the others, in blocks of texts that stand behind their sizes; an empty block is the end.
class HandOut {
 public:
  void add(const Record& record) {
    if (comm().size() == 1) return;
    put(record.where());
    put(record.line());
    if (block_.size() >= kBlock) send();
  }
  void finish() {
    if (!block_.empty()) send();
    send();
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 22;
  void put(const std::string& text) {
    const std::uint64_t size = text.size();
    block_.append(reinterpret_cast<const char*>(&size), sizeof size);
    block_ += text;
  }
  void send() {
    comm().broadcast(block_);
    block_.clear();
  }
  std::string block_;
};

std::string take(const std::string& block, std::size_t& at) {
  std::uint64_t size;
  block.copy(reinterpret_cast<char*>(&size), sizeof size, at);
  at += sizeof size + size;
  return block.substr(at - size, size);
}

void receive(const std::function<void(Record&)>& use) {
  for (std::string block;;) {
    comm().broadcast(block);
    if (block.empty()) return;
    for (std::size_t at = 0; at < block.size();) {
      std::string where = take(block, at);
      Record record = Record::parse(take(block, at), std::move(where));
      use(record);
    }
  }
}

}  // namespace

std::string each_record(Tool& tool, InputSpool& spool, bool salvage, const std::function<void(Record&)>& use) {
  std::string digest;
  if (comm().first()) {
    RecordReader in(spool.files(), spool.reader_options(salvage));
    HandOut others;
    for (Record record; in.next(record);) {
      others.add(record);
      use(record);
    }
    others.finish();
    warn_of_losses(tool, in);
    spool.finish();
    digest = in.digest();
  } else {
    receive(use);
  }
  comm().broadcast(digest);
  return digest;
}

LoadedRecords load_records(Tool& tool, const std::vector<std::string>& files, bool salvage) {
  InputSpool keeps_nothing(files);
  return load_records(tool, keeps_nothing, salvage);
}

LoadedRecords load_records(Tool& tool, InputSpool& spool, bool salvage) {
  LoadedRecords loaded;
  loaded.digest = each_record(tool, spool, salvage, [&](Record& r) { loaded.records.push_back(r); });
  return loaded;
}

}  // namespace nudge
