// The content of record files: counts, statistics per field, samples. For peek.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lib/io/json.h"
#include "lib/io/stream.h"

namespace nudge {

// Running count, mean, spread and range of numbers (Welford's recurrence); all 0 before the first.
struct RunningStatistics {
  std::int64_t n = 0;
  double mean = 0, squares = 0, min = 0, max = 0;
  void add(double x);
  double sd() const;  // of the population: divides by n
};

struct FieldSummary {
  std::string key;
  std::int64_t records = 0;                   // that have the field
  std::map<std::string, std::int64_t> kinds;  // text, number, boolean, null, object, and lists: numbers, texts, list
  RunningStatistics values;                   // of numbers, including those in lists
  RunningStatistics lengths;                  // characters of strings, elements of lists
};

struct SampleOptions {
  std::int64_t count = 0;
  bool random = false;     // drawn from all records; otherwise the first ones
  std::uint64_t seed = 0;  // the draw is a function of the seed and the record numbers
};

class Summary {
 public:
  static constexpr std::size_t kMostFields = 1000;  // fields beyond these are only counted

  explicit Summary(SampleOptions options = {}) : options_(options) {}
  void add(const Record& record);

  std::int64_t records() const { return records_; }
  const std::map<std::string, std::int64_t>& schemas() const { return schemas_; }  // "" for records without a schema
  const std::vector<FieldSummary>& fields() const { return fields_; }              // in order of appearance
  std::int64_t fields_left_out() const { return left_out_; }  // occurrences of fields beyond kMostFields
  std::vector<Record> samples() const;                        // in input order

 private:
  FieldSummary* field(const std::string& key);
  void sample(const Record& record);

  SampleOptions options_;
  std::int64_t records_ = 0, left_out_ = 0;
  std::map<std::string, std::int64_t> schemas_;
  std::vector<FieldSummary> fields_;
  std::map<std::string, std::size_t> places_;
  std::map<std::pair<double, std::int64_t>, Record> samples_;  // (draw, number)
};

// The report as lines of text, with terminal control characters made visible, and as one JSON object.
std::string describe_streams(const std::vector<StreamInfo>& streams);
std::string describe_fields(const Summary& summary);
// `more` adds members to the object.
std::string summary_json(const Summary& summary, const std::vector<StreamInfo>& streams,
                         const std::function<void(JsonWriter&)>& more = {});

}  // namespace nudge
