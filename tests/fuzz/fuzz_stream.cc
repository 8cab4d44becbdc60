// Streams of records and the marks around them.
#include "lib/base/digest.h"
#include "lib/io/mark.h"
#include "lib/io/stream.h"
#include "tests/fuzz/fuzz.h"

namespace nudge::fuzz {
namespace {

struct Reading {
  std::vector<std::string> lines;
  bool whole = false;
  std::string lost;
};

Reading read(const std::string& path, bool salvage) {
  ReaderOptions options;
  options.salvage = salvage;
  options.max_line = 4096;
  Reading reading;
  RecordReader reader({path}, options);
  const auto rest = [&] {
    for (Record record; reader.next(record);) reading.lines.push_back(record.line());
  };
  reading.whole = accepts(path, rest);
  promise(reading.whole || !accepts(path, rest), "a reader that failed stays so");
  promise(reader.records() == static_cast<std::int64_t>(reading.lines.size()), "what is delivered is counted");
  reading.lost = reader.salvage_report();
  return reading;
}

}  // namespace

void stream(std::string_view input) {
  const MemoryFile file(input);
  const Reading strict = read(file.path(), false), salvaged = read(file.path(), true);
  promise(strict.lost.empty(), "without salvage nothing is left out");
  promise(salvaged.lines.size() >= strict.lines.size(), "salvage delivers all that was delivered without");
  for (std::size_t i = 0; i < strict.lines.size(); ++i) {
    promise(salvaged.lines[i] == strict.lines[i], "salvage begins alike");
  }
  if (strict.whole) {
    promise(salvaged.whole && salvaged.lost.empty(), "nothing is lost of what is whole: " + salvaged.lost);
    promise(salvaged.lines.size() == strict.lines.size(), "nor is there more of it");
  }
  for (const std::string& line : salvaged.lines) {
    promise(Record::parse(line, "again").line() == line, "a record that was written is read as it is");
  }
}

void mark(std::string_view input) {
  const std::string payload = std::string(input) + '\n' + Digest().text(input).hex();
  const auto read = decode_mark(payload);
  if (!read) return;
  promise(read->shard >= 0 && read->shard < read->shards, "a shard is one of its number");
  const std::string frame = encode_mark(*read);
  const auto again = decode_mark(std::string_view(frame).substr(8));
  promise(again.has_value(), "a mark that was written is one");
  promise(again->closing == read->closing && again->program == read->program && again->digest == read->digest &&
              again->shard == read->shard && again->shards == read->shards && again->records == read->records &&
              again->text == read->text,
          "a mark says what was written");
}

}  // namespace nudge::fuzz
