#include "lib/run/metrics_log.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "lib/base/comm.h"
#include "lib/base/error.h"

namespace nudge {
namespace {

using Entries = std::vector<std::pair<std::string, std::optional<double>>>;

// Without what tells the place: it is the axis, not a curve.
Entries curves_of(const Metrics& metrics) {
  Entries curves = metrics.entries();
  std::erase_if(curves,
                [](const auto& m) { return m.first == "step" || m.first == "iteration" || m.first == "update"; });
  return curves;
}

std::int64_t step_of(const Metrics& metrics) {
  const auto step = metrics.get("step");
  return static_cast<std::int64_t>(step ? *step : metrics.get("iteration").value_or(0));
}

bool is_within(const std::string& path, const std::string& folder) {
  std::error_code error;
  const auto whole = [&](const std::string& p) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(p), error).lexically_normal();
  };
  const std::filesystem::path inner = whole(path), outer = whole(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace

void SampleAnswers::add(const Record& trajectory) {
  if (!trajectory.has("response") || !trajectory.is_text("response")) return;
  std::string id = trajectory.find_name("id").value_or("");
  if (answers_.size() == kMost && !(id < answers_.back().first)) return;
  std::string prompt;
  if (trajectory.has("prompt"))
    prompt = trajectory.is_text("prompt") ? trajectory.text("prompt") : std::string(trajectory.raw("prompt"));
  const auto reward = trajectory.find_number("reward");
  EventFile::Row row = {std::move(prompt), trajectory.text("response"), reward ? number_text(*reward) : ""};
  const auto later = std::upper_bound(answers_.begin(), answers_.end(), id,
                                      [](const std::string& a, const auto& b) { return a < b.first; });
  answers_.insert(later, {std::move(id), std::move(row)});
  if (answers_.size() > kMost) answers_.pop_back();
}

std::vector<EventFile::Row> SampleAnswers::rows() const {
  std::vector<EventFile::Row> rows;
  for (const auto& [id, row] : answers_) rows.push_back(row);
  return rows;
}

void MetricsLog::add_to(Tool& tool, const std::string& output) {
  options_[0] = &metrics_option(tool, file_);
  options_[1] =
      &tool.option("--tensorboard", folder_, "append the metrics to an event file in a folder, for TensorBoard")
           .placeholder("DIR")
           .neutral();
  tool.after_parsing([this, &output] { open(output); });
}

void MetricsLog::open(const std::string& output) {
  if (folder_.empty()) return;
  if (!output.empty() && output != "-" && is_within(folder_, output))
    usage_error("--tensorboard " + folder_ + ": is in the output " + output, "name a folder beside it");
  if (!comm().first()) return;
  events_.open(folder_);
  if (updates_asked_ != nullptr && *updates_asked_) update_events_.open(folder_ + "/updates");
}

std::vector<std::string> MetricsLog::names() const {
  std::vector<std::string> names;
  for (const std::string& name : {file_.path(), events_ ? folder_ : ""})
    if (!name.empty()) names.push_back(name);
  return names;
}

void MetricsLog::write(const Metrics& metrics) {
  file_.write(metrics.json());
  events_.scalars(step_of(metrics), curves_of(metrics));
}

void MetricsLog::write_update(const Metrics& metrics, std::int64_t update, bool told) {
  if (!told) file_.write(metrics.json());
  update_events_.scalars(update, curves_of(metrics));
}

void MetricsLog::write_samples(const Metrics& metrics, const SampleAnswers& samples) {
  const auto rows = samples.rows();
  if (!rows.empty()) events_.table(step_of(metrics), "samples", {"prompt", "response", "reward"}, rows);
}

}  // namespace nudge
