#include "lib/text/jinja_limits.h"

#include <algorithm>

namespace nudge::jinja {
namespace {

using Cause = TemplateError::Cause;

thread_local std::size_t steps = 0;
thread_local std::int64_t bytes_held = 0, bytes_before = 0;  // the caller's values are not counted

// Truncates long messages: templates may say anything.
std::string shortened(const std::string& what) {
  constexpr std::size_t kMost = 1000;
  std::size_t end = std::min(kMost, what.size());
  while (end > 0 && end < what.size() && (what[end] & 0xC0) == 0x80) --end;
  std::string words = what.substr(0, end) + (end < what.size() ? "..." : "");
  std::replace(words.begin(), words.end(), '\0', ' ');  // it would end what()
  return words;
}

std::string described(Cause cause, const std::string& what, int line) {
  const std::string said = cause == Cause::kRaised ? "the template says: " + what : what;
  return line == 0 ? said : "line " + std::to_string(line) + ": " + said;
}

}  // namespace

TemplateError::TemplateError(Cause cause, const std::string& what, int line)
    : std::runtime_error(described(cause, shortened(what), line)), cause_(cause), line_(line), words_(shortened(what)) {
}

void fail_wrong(const std::string& what) { throw TemplateError(Cause::kWrong, what); }
void fail_unsupported(const std::string& what) { throw TemplateError(Cause::kUnsupported, what + " is not supported"); }
void fail_limit(const std::string& what) { throw TemplateError(Cause::kLimit, what); }

Meter::Meter() : steps_before_(steps), outer_bytes_(bytes_before) {
  steps = 0;
  bytes_before = bytes_held;
}
Meter::~Meter() {
  steps = steps_before_;
  bytes_before = outer_bytes_;
}

void charge(std::size_t n) {
  steps += n;
  if (steps > kMostSteps) fail_limit("the template takes too many steps");
}

void hold(std::size_t bytes) {
  if (bytes_held - bytes_before + static_cast<std::int64_t>(bytes) > static_cast<std::int64_t>(kMostHeld)) {
    fail_limit("the template's values take too much memory");
  }
  bytes_held += static_cast<std::int64_t>(bytes);
}
void release(std::size_t bytes) noexcept { bytes_held -= static_cast<std::int64_t>(bytes); }

void check_text(std::size_t bytes) {
  if (bytes > kMostText) fail_limit("a text is too long");
  charge_text(bytes);
}

void check_members(std::size_t count) {
  if (count > kMostMembers) fail_limit("a list is too long");
  charge(1 + count);
}

}  // namespace nudge::jinja
