#include "lib/run/streams.h"

#include <set>
#include <string_view>
#include <utility>

#include "lib/base/comm.h"
#include "lib/base/error.h"

namespace nudge {

void StreamOptions::add_to(Tool& tool) {
  tool.group("Output");
  output_option(tool, output);
  compress_option(tool, zstd);
  force_option(tool, force);
  salvage_option(tool, salvage);
}

void refuse_metrics_in_input(const MetricsFile& metrics, const std::vector<std::string>& files,
                             const std::vector<std::string>& others) {
  if (metrics.path().empty()) return;
  refuse_same_file(files, metrics.path());
  for (const std::string& other : others)
    if (!other.empty()) refuse_same_file({other}, metrics.path());
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

void warn_of_losses(Tool& tool, const RecordReader& reader) {
  if (const std::string lost = reader.salvage_report(); !lost.empty()) tool.warn(lost);
}

void warn_of_skipped(Tool& tool, std::int64_t skipped, std::int64_t records, const std::string& what) {
  if (skipped == 0) return;
  tool.warn(what + ": " + std::to_string(skipped) + " of " + std::to_string(records) +
            " records are too long and were left out");
}

void warn_of_identical(Tool& tool, std::int64_t identical, std::int64_t pairs, const std::string& what) {
  if (identical == 0) return;
  tool.warn(what + ": " + std::to_string(identical) + " of " + std::to_string(pairs) +
            (pairs == 1 ? " pair" : " pairs") + (identical == 1 ? " has" : " have") +
            " the same answer twice; accuracy ignores them; remove them from the input");
}

namespace {

// Sends records from rank 0 to the others, in blocks of texts, each after its size; an empty block is the end.
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

std::vector<std::string> unique_ids(const std::vector<Record>& records) {
  std::vector<std::string> ids;
  std::set<std::string_view> given;
  ids.reserve(records.size());
  for (const Record& r : records) {
    const auto id = r.find_name("id");
    ids.push_back(id.value_or(std::to_string(ids.size())));
    if (id && !given.insert(ids.back()).second) bad_input(r.where() + ": duplicate id \"" + *id + "\"");
  }
  return ids;
}

}  // namespace nudge
