#include "lib/io/summary.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"
#include "lib/base/rng.h"
#include "lib/io/json.h"
#include "lib/io/record.h"

namespace nudge {
namespace {

std::int64_t characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

void RunningStatistics::add(double x) {
  min = n == 0 ? x : std::min(min, x);
  max = n == 0 ? x : std::max(max, x);
  ++n;
  const double delta = x - mean;
  mean += delta / static_cast<double>(n);
  squares += delta * (x - mean);
}

double RunningStatistics::sd() const { return n == 0 ? 0 : std::sqrt(squares / static_cast<double>(n)); }

FieldSummary* Summary::field(const std::string& key) {
  const auto found = places_.find(key);
  if (found != places_.end()) return &fields_[found->second];
  if (fields_.size() == kMostFields) {
    ++left_out_;
    return nullptr;
  }
  places_[key] = fields_.size();
  fields_.push_back({});
  fields_.back().key = key;
  return &fields_.back();
}

namespace {

// Those of a list; none if one is beyond double, since there is no mean then.
void add_numbers(const Record& record, const std::string& key, RunningStatistics& values) {
  try {
    for (const double x : record.numbers(key)) values.add(x);
  } catch (const Error&) {
    return;
  }
}

}  // namespace

void Summary::add(const Record& record) {
  ++schemas_[record.is_text("schema") ? record.text("schema") : ""];
  for (const Record::Field& f : record.fields()) {
    FieldSummary* summary = field(f.key);
    if (summary == nullptr) continue;
    ++summary->records;
    std::string kind;
    if (f.raw[0] == '"') {
      kind = "text";
      summary->lengths.add(static_cast<double>(characters(record.text(f.key))));
    } else if (f.raw[0] == '[') {
      const ListShape list = record.list_shape(f.key);
      kind = list.kind == '0' ? "numbers" : list.kind == '"' ? "texts" : "list";
      summary->lengths.add(static_cast<double>(list.size));
      if (list.kind == '0') {
        add_numbers(record, f.key, summary->values);
      }
    } else if (f.raw[0] == '{') {
      kind = "object";
    } else if (f.raw[0] == 'n') {
      kind = "null";
    } else if (f.raw[0] == 't' || f.raw[0] == 'f') {
      kind = "boolean";
    } else {
      kind = "number";
      if (const auto x = parse_double(f.raw)) summary->values.add(*x);
    }
    ++summary->kinds[kind];
  }
  sample(record);
  ++records_;
}

// Random samples are the records with the smallest random numbers, one drawn per record: no other state is needed.
void Summary::sample(const Record& record) {
  if (options_.count == 0) return;
  constexpr std::uint64_t kStream = 0x7065656b;  // "peek"
  const double draw = options_.random ? uniform(options_.seed, kStream, static_cast<std::uint64_t>(records_))
                                      : static_cast<double>(records_);
  if (static_cast<std::int64_t>(samples_.size()) == options_.count) {
    const auto last = std::prev(samples_.end());
    if (last->first.first <= draw) return;
    samples_.erase(last);
  }
  samples_.emplace(std::pair(draw, records_), record);
}

std::vector<Record> Summary::samples() const {
  std::vector<std::pair<std::int64_t, const Record*>> order;
  for (const auto& [key, record] : samples_) order.emplace_back(key.second, &record);
  std::sort(order.begin(), order.end());
  std::vector<Record> out;
  for (const auto& entry : order) out.push_back(*entry.second);
  return out;
}

}  // namespace nudge
