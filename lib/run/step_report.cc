#include "lib/run/step_report.h"

#include <ctime>
#include <filesystem>
#include <system_error>

#include "lib/base/error.h"
#include "lib/io/files.h"
#include "lib/io/json.h"
#include "lib/io/record.h"

namespace nudge {

void warn_of_no_metrics(Tool& tool, const std::vector<std::string>& names, const std::string& folder) {
  for (const std::string& name : names)
    tool.warn(name + ": no metrics were written, because nothing was computed; --force writes " + folder +
              " again, with metrics");
}

std::string config_json(const std::deque<Option>& options) {
  JsonWriter w;
  w.begin_object();
  for (const Option& o : options) {
    const auto value = o.counts() ? o.value() : std::nullopt;
    if (!value) continue;
    w.key(o.key());
    if (o.flag() || parse_double(*value)) w.raw(*value);
    else w.value(*value);
  }
  return w.end_object().text();
}

namespace {

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  ::gmtime_r(&now, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

}  // namespace

void attach_facts(Metrics& metrics, const std::vector<std::string>& warnings, const Tool& tool) {
  JsonWriter list;
  list.begin_array();
  for (const std::string& warning : warnings) list.value(warning);
  if (!warnings.empty()) metrics.attach("warnings", list.end_array().text());
  metrics.attach("time", json_quote(utc_now()));
  metrics.attach("config", config_json(tool.options()));
}

std::int64_t last_update_told(const MetricsFile& metrics, std::int64_t iteration) {
  if (std::error_code error; !std::filesystem::is_regular_file(metrics.path(), error)) return 0;
  try {
    std::string text = read_file(metrics.path());
    while (text.ends_with('\n')) text.pop_back();
    const Record last = Record::parse(text.substr(text.rfind('\n') + 1), metrics.path());
    return last.find_integer("iteration") == iteration ? last.find_integer("update").value_or(0) : 0;
  } catch (const Error&) {
    return 0;  // another program's line, or no file to read
  }
}

OnMetrics StepReport::on_metrics() {
  return [this](std::int64_t step, std::int64_t steps, const Metrics& metrics) {
    metrics_.write(metrics);
    if (!progress_) progress_.emplace(tool_.console(), "steps", steps);
    if (const auto loss = metrics.get(loss_)) progress_->update(step, "loss " + number_text(static_cast<float>(*loss)));
  };
}

}  // namespace nudge
