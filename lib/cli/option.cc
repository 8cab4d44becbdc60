#include "lib/cli/option.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>
#include <type_traits>

#include "lib/base/error.h"

namespace nudge {
namespace {

template <class T>
std::string shortest(T x) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, x);
  return {text, end.ptr};
}

template <class T>
T number_from(const std::string& text) {
  constexpr bool kWhole = std::is_integral_v<T>;
  T value{};
  const char* last = text.data() + text.size();
  const auto [end, code] = std::from_chars(text.data(), last, value);
  if (code == std::errc::result_out_of_range) usage_error("'" + text + "' is beyond the range of its type");
  bool good = code == std::errc() && end == last;
  if constexpr (!kWhole) good = good && std::isfinite(value);
  if (!good) {
    const char* wanted = !kWhole ? "a number" : std::is_signed_v<T> ? "a whole number" : "a whole number from 0";
    usage_error("'" + text + "' is not " + wanted);
  }
  return value;
}

// Bounds are compared with the number as written: 0.1f is above 0.1, but "0.1" is not.
template <class T>
double read_number(const std::string& text, T& value) {
  value = number_from<T>(text);
  if constexpr (std::is_integral_v<T>) return static_cast<double>(value);
  return number_from<double>(text);
}

template <class T>
Binding number_binding(T& value) {
  Binding b;
  b.placeholder = std::is_integral_v<T> ? "N" : "X";
  b.set = [&value](const std::string& text) { return read_number(text, value); };
  b.value = [&value] { return std::optional<std::string>(shortest(value)); };
  return b;
}

}  // namespace

std::string number_text(double x) { return shortest(x); }
std::string number_text(float x) { return shortest(x); }

Binding bind_option(int& value) { return number_binding(value); }
Binding bind_option(std::int64_t& value) { return number_binding(value); }
Binding bind_option(std::uint64_t& value) { return number_binding(value); }
Binding bind_option(float& value) { return number_binding(value); }
Binding bind_option(double& value) { return number_binding(value); }

Binding bind_option(std::string& value) {
  Binding b;
  b.placeholder = "TEXT";
  b.set = [&value](const std::string& text) { return value = text, 0.0; };
  b.value = [&value] { return std::optional<std::string>(value); };
  return b;
}

Binding bind_option(std::optional<std::string>& value) {
  Binding b;
  b.placeholder = "TEXT";
  b.set = [&value](const std::string& text) { return value = text, 0.0; };
  b.value = [&value] { return value; };
  return b;
}

Binding bind_option(std::optional<std::int64_t>& value) {
  Binding b;
  b.placeholder = "N";
  b.set = [&value](const std::string& text) { return read_number(text, value.emplace()); };
  b.value = [&value] { return value ? std::optional<std::string>(shortest(*value)) : std::nullopt; };
  return b;
}

Binding bind_option(bool& value) {
  Binding b;
  b.flag = true;
  const bool initial = value;
  b.set = [&value, initial](const std::string& text) { return value = (text == "true") != initial, 0.0; };
  b.value = [&value, initial] { return std::optional<std::string>(value != initial ? "true" : "false"); };
  return b;
}

Binding bind_option(std::vector<std::string>& value) {
  Binding b;
  b.placeholder = "TEXT";
  b.repeatable = true;
  b.clear = [&value] { value.clear(); };
  b.set = [&value](const std::string& text) { return value.push_back(text), 0.0; };
  b.value = [&value] {
    if (value.empty()) return std::optional<std::string>();
    std::string all;  // each with its length, so that ("a,b") and ("a", "b") differ
    for (const std::string& v : value) all += (all.empty() ? "" : ",") + std::to_string(v.size()) + ":" + v;
    return std::optional<std::string>(all);
  };
  return b;
}

Option::Option(const std::string& names, std::string group, std::string help, Binding binding)
    : group_(std::move(group)), help_(std::move(help)), binding_(std::move(binding)) {
  if (!names.starts_with('-')) {
    positional_ = true;
    counts_ = false;  // inputs count by their content
    key_ = names;
    binding_.placeholder = names;
    return;
  }
  const auto comma = names.find(',');
  const std::string last = comma == std::string::npos ? names : names.substr(comma + 1);
  if (comma != std::string::npos) short_ = names.substr(0, comma);
  if (last.rfind("--", 0) == 0) {
    key_ = last.substr(2);
  } else {
    short_ = last;
    key_ = last.substr(1);
  }
  if (!flag() && !repeatable()) default_ = value().value_or("");
}

Option& Option::at_least(double bound) {
  lower_ = bound, lower_exclusive_ = false;
  return *this;
}
Option& Option::at_most(double bound) {
  upper_ = bound, upper_exclusive_ = false;
  return *this;
}
Option& Option::above(double bound) {
  lower_ = bound, lower_exclusive_ = true;
  return *this;
}
Option& Option::below(double bound) {
  upper_ = bound, upper_exclusive_ = true;
  return *this;
}
Option& Option::one_of(std::vector<std::string> choices) {
  choices_ = std::move(choices);
  binding_.placeholder.clear();
  for (const std::string& c : choices_) binding_.placeholder += (binding_.placeholder.empty() ? "" : "|") + c;
  return *this;
}
Option& Option::required() {
  required_ = true;
  default_.clear();
  return *this;
}
Option& Option::placeholder(std::string name) {
  binding_.placeholder = std::move(name);
  return *this;
}
Option& Option::shown_default(std::string words) {
  default_ = std::move(words);
  return *this;
}
Option& Option::excludes(std::string long_name) {
  excludes_.push_back(std::move(long_name));
  return *this;
}
Option& Option::needs(std::string long_name) {
  needs_.push_back(std::move(long_name));
  return *this;
}
Option& Option::takes_words() {
  takes_words_ = true;
  return *this;
}
Option& Option::neutral() {
  counts_ = false;
  return *this;
}

Option& Option::formerly(std::string long_name) {
  formerly_ = std::move(long_name);
  return *this;
}

std::string Option::shown_name() const {
  if (positional_) return key_;
  return short_ == "-" + key_ ? short_ : "--" + key_;
}

std::string Option::bounds() const {
  if (std::isinf(lower_) && std::isinf(upper_)) return {};
  std::string text;
  if (!std::isinf(lower_)) text += number_text(lower_) + (lower_exclusive_ ? " < " : " <= ");
  text += binding_.placeholder;
  if (!std::isinf(upper_)) {
    // Bounds of whole numbers are shown in full, not as 9.007199254740991e+15.
    const bool whole = std::floor(upper_) == upper_ && std::abs(upper_) < 1e16;
    text += (upper_exclusive_ ? " < " : " <= ");
    text += whole ? std::to_string(static_cast<long long>(upper_)) : number_text(upper_);
  }
  return text;
}

void refuse_unread(const std::vector<const Option*>& options, bool unread, const std::string& why) {
  for (const Option* option : options)
    if (unread && option->given()) usage_error(option->shown_name() + ": " + why, "leave it out");
}

void Option::assign(const std::string& text) {
  if (binding_.repeatable && !given_) binding_.clear();
  given_ = true;
  if (!choices_.empty() && std::find(choices_.begin(), choices_.end(), text) == choices_.end()) {
    std::string list;
    for (std::size_t i = 0; i < choices_.size(); ++i) {
      list += (i == 0 ? "" : i + 1 == choices_.size() ? " or " : ", ") + choices_[i];
    }
    usage_error(shown_name() + ": '" + text + "' is not " + list);
  }
  double number = 0;
  try {
    number = binding_.set(text);
  } catch (const Error& e) {
    throw Error(e.status(), shown_name() + ": " + e.what(), e.advice());
  }
  const bool low = lower_exclusive_ ? !(number > lower_) : !(number >= lower_);
  const bool high = upper_exclusive_ ? !(number < upper_) : !(number <= upper_);
  if (low || high) usage_error(shown_name() + ": " + text + " is out of bounds: " + bounds());
}

}  // namespace nudge
