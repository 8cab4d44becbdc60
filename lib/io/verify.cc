#include "lib/io/verify.h"

#include <unordered_set>

#include "lib/io/json.h"
#include "lib/io/stream.h"

namespace nudge {
namespace {

// Compares ids by value, however they are written; other JSON, which is no id for our programs, by its text.
std::string id_of(const Record& record) {
  try {
    return json_quote(record.name("id"));
  } catch (const Error&) {
    return std::string(record.raw("id"));
  }
}

}  // namespace

Verification verify_streams(const std::vector<std::string>& files) {
  constexpr std::int64_t kMostNamed = 20;  // a repeated shard repeats all its ids
  RecordReader reader(files, {.salvage = true, .whole_shards = true});
  std::unordered_set<std::string> ids;
  std::vector<std::string> repeated;
  std::int64_t repetitions = 0;
  for (Record record; reader.next(record);) {
    if (!record.has("id") || ids.insert(id_of(record)).second) continue;
    if (++repetitions <= kMostNamed) repeated.push_back(record.where() + ": duplicate id " + id_of(record));
  }
  Verification found;
  found.records = reader.records();
  for (const StreamInfo& stream : reader.streams()) {
    found.faults.insert(found.faults.end(), stream.damage.begin(), stream.damage.end());
    if (stream.unmarked > 0) {
      found.faults.push_back(stream.name + ": " + std::to_string(stream.unmarked) +
                             (stream.unmarked == 1 ? " record stands" : " records stand") +
                             " outside any marks, so it can't be proved that none is missing");
    }
    for (const StreamMark& mark : stream.marks) found.streams += mark.closing;
  }
  found.faults.insert(found.faults.end(), repeated.begin(), repeated.end());
  if (repetitions > kMostNamed) {
    found.faults.push_back(std::to_string(repetitions - kMostNamed) + " more duplicate ids");
  }
  return found;
}

}  // namespace nudge
