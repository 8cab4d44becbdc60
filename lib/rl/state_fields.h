// The numbers of a run's loop, named once: the same list writes them into a record and reads them back, to the bit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/io/record.h"
#include "lib/rl/step_metrics.h"

namespace nudge {

class StateFields {
 public:
  enum Direction { kWrite, kRead };
  StateFields(Record& record, Direction direction) : record_(record), reads_(direction == kRead) {}

  // Errors on reading: kBadInput naming the field.
  void operator()(const std::string& name, std::int64_t& n) {
    reads_ ? void(n = record_.integer(name)) : record_.set_integer(name, n);
  }
  void operator()(const std::string& name, double& x) {
    reads_ ? void(x = record_.number(name)) : record_.set_number(name, x);
  }
  void operator()(const std::string& name, std::string& text) {
    reads_ ? void(text = record_.text(name)) : record_.set_text(name, text);
  }
  void operator()(const std::string& name, bool& flag) {
    std::int64_t n = flag;
    (*this)(name, n);
    flag = n != 0;
  }
  void operator()(const std::string& name, std::optional<double>& x) {
    if (reads_) x = record_.find_number(name);
    else if (x) record_.set_number(name, *x);
  }
  void operator()(const std::string& name, Moments& moments) {
    moments.visit([&](const char* part, auto& x) { (*this)(name + "/" + part, x); });
  }

 private:
  Record& record_;
  bool reads_;
};

}  // namespace nudge
