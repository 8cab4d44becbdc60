#include "lib/rl/step_metrics.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"
#include "lib/io/json.h"

namespace nudge {

void Metrics::set(std::string_view name, double value) {
  if (!std::isfinite(value)) bad_input("metric " + std::string(name) + " is not finite");
  set(name, std::optional<double>(value));
}

void Metrics::set(std::string_view name, std::optional<double> value) {
  if (value && !std::isfinite(*value)) bad_input("metric " + std::string(name) + " is not finite");
  for (const char c : name)
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') throw Error(Exit::kInternal, "a metric's name needs escapes");
  for (auto& [known, old] : entries_) {
    if (known != name) continue;
    old = value;
    return;
  }
  entries_.emplace_back(std::string(name), value);
}

void Metrics::attach(std::string_view name, std::string json) {
  attached_.emplace_back(std::string(name), std::move(json));
}

std::optional<double> Metrics::get(std::string_view name) const {
  for (const auto& [known, value] : entries_)
    if (known == name) return value;
  return std::nullopt;
}

std::string Metrics::json() const {
  std::string line = "{";
  for (const auto& [name, value] : entries_) {
    if (line.size() > 1) line += ',';
    line += '"' + name + "\":" + (value ? json_number(*value) : "null");
  }
  for (const auto& [name, json] : attached_) line += (line.size() > 1 ? ",\"" : "\"") + name + "\":" + json;
  return line + '}';
}

void Moments::add(double value, double weight) {
  ++count_;
  weight_ += weight;
  const double from_old = value - mean_;
  mean_ += from_old * (weight / weight_);
  squares_ += weight * from_old * (value - mean_);
}

std::optional<double> Moments::mean() const { return count_ ? std::optional(mean_) : std::nullopt; }
std::optional<double> Moments::variance() const { return count_ ? std::optional(squares_ / weight_) : std::nullopt; }

std::optional<double> explained_variance(std::span<const float> values, std::span<const float> returns) {
  if (values.size() != returns.size()) throw Error(Exit::kInternal, "values and returns differ in number");
  Moments of_returns, of_errors;
  for (std::size_t i = 0; i < returns.size(); ++i) {
    const double r = static_cast<double>(returns[i]);
    of_returns.add(r);
    of_errors.add(r - static_cast<double>(values[i]));
  }
  if (of_returns.variance().value_or(0) <= 0) return std::nullopt;
  return 1 - *of_errors.variance() / *of_returns.variance();
}

}  // namespace nudge
