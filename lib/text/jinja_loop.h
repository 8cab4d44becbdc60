// What a template sees of a loop as "loop".
#pragma once

#include <deque>
#include <optional>

#include "lib/text/jinja_value.h"

namespace nudge::jinja {

struct Loop : Object {
  Loop(const Value& over, std::int64_t level);

  // Goes to the next round, or ends.
  bool advance(Value& item);
  std::size_t length();
  bool last() { return !peek(); }
  Value attribute(const std::string& name, const Value& self);
  Value cycle(const Value::List& items) const;
  bool changed(const Value::List& values);

  std::int64_t index0 = -1, depth0;
  std::function<Value(const Value&, std::int64_t)> again;  // of a recursive loop: its text over other items

 private:
  bool peek();

  std::shared_ptr<Iterator> rest_;
  std::deque<Value> ahead_;  // read before their rounds, for last, nextitem and length
  std::optional<std::size_t> length_;
  Value before_ = Value::missing(), current_ = Value::missing();
  std::optional<Value> changed_;
};

}  // namespace nudge::jinja
