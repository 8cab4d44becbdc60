// What is in a file of records: counts, statistics by field, samples. For peek.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/io/stream.h"

namespace nudge {

// Count, mean and spread of numbers seen one by one (Welford's recurrence); of none, all are 0.
struct Moments {
  std::int64_t n = 0;
  double mean = 0, squares = 0, min = 0, max = 0;
  void add(double x);
  double sd() const;  // of the population: divided by n
};

struct FieldSummary {
  std::string key;
  std::int64_t records = 0;                   // that have it
  std::map<std::string, std::int64_t> kinds;  // text, number, boolean, null, object, and lists: numbers, texts, list
  Moments values;                             // numbers, those in lists too
  Moments lengths;                            // characters of texts, elements of lists
};

struct SampleOptions {
  std::int64_t count = 0;
  bool random = false;     // drawn from all records, else the first
  std::uint64_t seed = 0;  // the draw is a function of seed and the records' numbers
};

class Summary {
 public:
  static constexpr std::size_t kMostFields = 1000;  // names; what comes under others is counted

  explicit Summary(SampleOptions options = {}) : options_(options) {}
  void add(const Record& record);

  std::int64_t records() const { return records_; }
  const std::map<std::string, std::int64_t>& schemas() const { return schemas_; }  // "" for records without one
  const std::vector<FieldSummary>& fields() const { return fields_; }              // in the order they appeared
  std::int64_t fields_left_out() const { return left_out_; }  // each time that another name was seen
  std::vector<Record> samples() const;                        // in the records' order

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

// The report, as lines for a reader and as one JSON object. What a terminal would take as a command is made
// visible.
std::string describe_streams(const std::vector<StreamInfo>& streams);
std::string describe_fields(const Summary& summary);
std::string summary_json(const Summary& summary, const std::vector<StreamInfo>& streams);

}  // namespace nudge
