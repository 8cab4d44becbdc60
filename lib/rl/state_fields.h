// A state.json: what a run goes on from. Its fields are named once: the same list writes them into a record and reads
// them back, to the bit. The trainer's state and a checkpoint's are both written and read so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/rl/step_metrics.h"

namespace nudge {

// The state in a file. Error kBadInput where it is no JSON object; read_file's.
Record read_state(const std::string& path);
// The content of such a file: on one line, or a field a line where `indent` is above 0.
std::string state_text(const Record& state, int indent);

class StateFields {
 public:
  enum Direction { kWrite, kRead };
  StateFields(Record& record, Direction direction) : record_(record), reads_(direction == kRead) {}

  // Errors on reading: kBadInput naming the field. An optional one may be absent.
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
    if (!reads_) return x ? record_.set_number(name, *x) : void();
    const bool there = record_.has(name) || record_.is_null(name);
    x = there ? std::optional(record_.number(name)) : std::nullopt;
  }
  // Left out where it is empty.
  void operator()(const std::string& name, std::vector<std::string>& texts);
  void operator()(const std::string& name, Moments& moments) {
    moments.visit([&](const char* part, auto& x) { (*this)(name + "/" + part, x); });
  }
  // A flag that is off is left out.
  void optional(const std::string& name, bool& flag) {
    if (reads_ ? record_.has(name) : flag) (*this)(name, flag);
    else flag = false;
  }
  // Those to which nothing was added are left out.
  void optional(const std::string& name, Moments& moments) {
    if (reads_ ? record_.has(name + "/count") : moments.count() > 0) (*this)(name, moments);
  }

 private:
  Record& record_;
  bool reads_;
};

}  // namespace nudge
