// How library functions fail: with an Error that carries the program's exit status and a message "FILE: cause", to
// which the program adds its name.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "lib/base/exit_status.h"

namespace nudge {

class Error : public std::runtime_error {
 public:
  // `message`: file and record, then the cause. `advice`: what to do about it, or "".
  Error(Exit status, const std::string& message, std::string advice = {})
      : std::runtime_error(message), status_(status), advice_(std::move(advice)) {}

  Exit status() const { return status_; }
  const std::string& advice() const { return advice_; }

 private:
  Exit status_;
  std::string advice_;
};

[[noreturn]] inline void bad_input(const std::string& message, std::string advice = {}) {
  throw Error(Exit::kBadInput, message, std::move(advice));
}

[[noreturn]] inline void usage_error(const std::string& message, std::string advice = {}) {
  throw Error(Exit::kUsage, message, std::move(advice));
}

}  // namespace nudge
