#include "lib/run/filter.h"

#include <filesystem>
#include <utility>

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
    if (!is_of_this_work()) return {};  // its beginning is enough to tell
    while (more) more = there.next(record);
  } catch (const Error& e) {
    if (!is_of_this_work() || e.status() != Exit::kBadInput) return {};
    throw Error(Exit::kCannotCreate, std::string(e.what()) + "; it is the output of this command",
                "an earlier run of the same command wrote it, and it was damaged since: --force writes it again");
  }
  const bool one_stream = streams[0].marks.size() == 2 && streams[0].unmarked == 0;
  return one_stream ? std::optional(streams[0].marks[1]) : std::nullopt;
}

// Plain text has no marks that would tell.
bool made_already(Tool& tool, const StreamOptions& o, const Filter& filter) {
  const bool compressed = o.zstd || o.output.ends_with(".zst");
  if (o.output == "-" || o.force || !compressed) return false;
  if (std::error_code error; !std::filesystem::is_regular_file(o.output, error)) return false;
  const std::optional<StreamMark> mark = finished_output(tool, o, filter.opening);
  if (!mark) return false;
  const Origin now = filter.origin();
  if (mark->digest != now.digest || !same_shard(*mark, now.shard)) return false;
  tool.note(o.output + ": exists already, from the same inputs and options: " + counted(mark->records));
  return true;
}

// What was written is kept for the same command, where it is a file.
[[noreturn]] void stop(RecordWriter& out, const std::string& output) {
  const std::string done = counted(out.records());
  if (out.suspend()) throw Error(Exit::kStopped, output + ": stopped: " + done + " saved");
  throw Error(Exit::kStopped, (output == "-" ? "stdout" : output) + ": stopped after " + done + ": incomplete",
              "a stream starts over; with -o FILE the same command resumes");
}

}  // namespace

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
    tool_.warn(output_ + ": the input no longer gives " + counted(dropped) +
               " of an unfinished run: they are recomputed");
  }
  if (taken_ > 0) tool_.note(output_ + ": resuming after " + counted(taken_) + " of an unfinished run");
}

void heed_stop() {
  if (stop_requested()) throw Error(Exit::kStopped, "stopped");
}

bool run_filter(Tool& tool, const StreamOptions& streams, const Filter& filter) {
  if (made_already(tool, streams, filter)) return false;
  RecordWriter out = open_output(tool, streams, filter.opening, Unfinished::kGoOn);
  KeptRecords kept(tool, out, streams.output);
  try {
    filter.work(out, kept);
  } catch (const Error& e) {
    if (e.status() != Exit::kStopped) throw;
    stop(out, streams.output);
  }
  filter.finish(out);
  return true;
}

FilterInput::FilterInput(const StreamOptions& streams, Provenance opening, std::string name, Yield yield)
    : streams_(streams), opening_(std::move(opening)),
      name_(std::move(name)), reading_{.salvage = streams.salvage,
                                       .whole_shards = true,
                                       .lone_shard = yield == Yield::kOneForOne && streams.shard.count == 1} {}

RecordReader FilterInput::open() const {
  ReaderOptions reading = reading_;
  reading.stop = stop_descriptor();
  return RecordReader(streams_.files, reading);
}

std::int64_t FilterInput::expected(Tool& tool) const {
  if (!tool.console().shows_progress()) return 0;
  const std::int64_t all = expected_records(streams_.files), n = streams_.shard.count;
  return (all + n - 1 - streams_.shard.index) / n;
}

RecordReader& FilterInput::reader() {
  if (!in_) in_.emplace(open());
  return *in_;
}

Origin FilterInput::origin_of(const RecordReader& in) const {
  Provenance whole = opening_;
  if (const auto lone = in.lone_shard(); lone && streams_.shard.count == 1)
    return {whole.input(name_ + " by shards", lone->digest).digest(), {lone->shard, lone->shards}};
  return {whole.input(name_, in.digest()).digest(), streams_.shard};
}

Origin FilterInput::origin() const {
  RecordReader in = open();
  for (Record record; in.next(record);) {
  }
  return origin_of(in);
}

bool FilterInput::next(Record& record, RecordWriter& out, const std::function<void()>& before_waiting) {
  RecordReader& in = reader();
  std::int64_t unit = 0;
  do {
    if (!in.ready()) {
      if (before_waiting) before_waiting();
      out.pass_on();
    }
    if (!in.next(record)) return false;
    heed_stop();
    out.keep_up();
    unit = unit_ ? unit_(record) : read_;
    ++read_;
  } while (!streams_.shard.takes(unit));
  ++taken_;
  return true;
}

void FilterInput::finish(Tool& tool, RecordWriter& out, std::int64_t skipped) {
  warn_of_losses(tool, *in_);
  warn_of_skipped(tool, skipped, taken_, "the input");
  const Origin origin = origin_of(*in_);
  if (out.records() == 0 && !in_->salvage_report().empty()) bad_input("nothing succeeded: 0 records");
  if (out.records() == 0 && skipped > 0 && origin.shard.count == 1)
    bad_input("nothing succeeded: every record is too long", "give shorter records, or a model with a longer context");
  out.set_digest(origin.digest);
  out.set_shard(static_cast<int>(origin.shard.index), static_cast<int>(origin.shard.count));
  out.finish();
}

bool run_filter(Tool& tool, FilterInput& in,
                const std::function<std::int64_t(RecordWriter& out, KeptRecords& kept)>& work) {
  catch_stops();
  std::int64_t skipped = 0;
  return run_filter(tool, in.streams(),
                    {in.opening(), [&] { return in.origin(); },
                     [&](RecordWriter& out, KeptRecords& kept) { skipped = work(out, kept); },
                     [&](RecordWriter& out) { in.finish(tool, out, skipped); }});
}

}  // namespace nudge
