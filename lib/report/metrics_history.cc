#include "lib/report/metrics_history.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>

#include "lib/base/error.h"
#include "lib/io/record.h"

namespace nudge {
namespace {

// Series by key, in the order in which keys first occur; each by x, so that a later line takes an earlier one's place.
class SeriesTable {
 public:
  void put(const std::string& key, double x, double value) {
    const auto [place, is_new] = places_.emplace(key, tables_.size());
    if (is_new) tables_.push_back({key, {}});
    tables_[place->second].second[x] = value;
  }

  std::vector<MetricSeries> series() const {
    std::vector<MetricSeries> all;
    for (const auto& [key, points] : tables_) {
      MetricSeries s{key, {}, {}};
      for (const auto& [x, value] : points) s.x.push_back(x), s.values.push_back(value);
      all.push_back(std::move(s));
    }
    return all;
  }

 private:
  std::map<std::string, std::size_t> places_;
  std::vector<std::pair<std::string, std::map<double, double>>> tables_;
};

using Config = std::vector<std::pair<std::string, std::string>>;

Config config_of(const Record& line) {
  Config config;
  if (!line.has("config") || line.is_null("config")) return config;
  if (!line.raw("config").starts_with('{')) line.fail("config", "is not an object");
  const Record options = Record::parse(line.raw("config"), line.where());
  for (const Record::Field& f : options.fields())
    config.emplace_back(f.key, options.is_text(f.key) ? options.text(f.key) : f.raw);
  return config;
}

// A number, NaN for null, nothing for anything else.
std::optional<double> value_of(const Record& line, const Record::Field& field) {
  if (line.is_null(field.key)) return std::numeric_limits<double>::quiet_NaN();
  const char first = field.raw.empty() ? ' ' : field.raw[0];
  if (first != '-' && (first < '0' || first > '9')) return std::nullopt;
  return line.number(field.key);
}

class Reader {
 public:
  explicit Reader(const std::string& file) { log_.file = file; }

  void add(std::string_view text) {
    ++number_;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) return;
    const std::string where = log_.file + ": line " + std::to_string(number_);
    Record line;
    try {
      line = Record::parse(text, where);
    } catch (const Error& e) {
      throw Error(e.status(), e.what(), "give a file that a trainer wrote with --metrics");
    }
    const auto update = line.find_integer("update");
    const double x = place(line);
    if (update) return add_update(line, x, *update);
    add_numbers(line, x, series_);
    if (const auto time = line.find_text("time")) times_[x] = *time;
    warnings_[x] =
        line.has("warnings") && !line.is_null("warnings") ? line.texts("warnings") : std::vector<std::string>();
    if (Config config = config_of(line); !config.empty()) configs_[x] = std::move(config);
  }

  MetricsHistory finish() {
    log_.x_name = iterations_ ? "iteration" : steps_ ? "step" : "line";
    log_.series = series_.series();
    SeriesTable updates;
    for (const auto& [key, x, update, value] : updates_) {
      const double share = static_cast<double>(update - 1) / static_cast<double>(most_updates_[x]);
      updates.put(key, x + share, value);
    }
    log_.updates = updates.series();
    for (const auto& [x, texts] : warnings_)
      for (const std::string& text : texts) log_.warnings.push_back({x, text});
    for (const auto& [x, config] : configs_) add_config(x, config);
    if (!times_.empty()) log_.first_time = times_.begin()->second, log_.last_time = times_.rbegin()->second;
    return std::move(log_);
  }

 private:
  struct Update {
    std::string key;
    double x;
    std::int64_t update;
    double value;
  };

  double place(const Record& line) {
    if (const auto n = line.find_integer("iteration")) return iterations_ = true, static_cast<double>(*n);
    if (const auto n = line.find_integer("step")) return steps_ = true, static_cast<double>(*n);
    return static_cast<double>(number_);
  }

  static bool is_place(const std::string& key) { return key == "iteration" || key == "step" || key == "update"; }

  void add_numbers(const Record& line, double x, SeriesTable& table) {
    for (const Record::Field& f : line.fields())
      if (!is_place(f.key))
        if (const auto value = value_of(line, f)) table.put(f.key, x, *value);
  }

  void add_update(const Record& line, double x, std::int64_t update) {
    if (update < 1) line.fail("update", "is below 1");
    std::int64_t& most = most_updates_[x];
    most = std::max(most, update);
    for (const Record::Field& f : line.fields())
      if (!is_place(f.key))
        if (const auto value = value_of(line, f)) updates_.push_back({f.key, x, update, *value});
  }

  void add_config(double x, const Config& config) {
    for (const auto& [key, value] : config) {
      auto option = std::ranges::find(log_.config, key, &ConfigOption::key);
      if (option == log_.config.end()) option = log_.config.insert(option, ConfigOption{key, {}});
      if (option->values.empty() || option->values.back().second != value) option->values.emplace_back(x, value);
    }
  }

  std::size_t number_ = 0;
  bool iterations_ = false, steps_ = false;
  MetricsHistory log_;
  SeriesTable series_;
  std::vector<Update> updates_;
  std::map<double, std::int64_t> most_updates_;
  std::map<double, std::vector<std::string>> warnings_;
  std::map<double, Config> configs_;
  std::map<double, std::string> times_;
};

}  // namespace

const MetricSeries* MetricsHistory::find(std::string_view key) const {
  const auto found = std::ranges::find(series, key, &MetricSeries::key);
  return found == series.end() ? nullptr : &*found;
}

MetricsHistory read_metrics(const std::string& file, std::string_view text) {
  Reader reader(file);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    reader.add(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return reader.finish();
}

}  // namespace nudge
