// The variable "loop" of a for block.
#pragma once

#include <deque>
#include <optional>

#include "lib/text/jinja_value.h"

namespace nudge::jinja {

struct Loop : Object {
  Loop(const Value& over, std::int64_t level);

  // Moves to the next iteration. False at the end.
  bool advance(Value& item);
  std::size_t length();
  bool last() { return !peek(); }
  Value attribute(const std::string& name, const Value& self);
  Value cycle(const Value::List& items) const;
  bool changed(const Value::List& values);

  std::int64_t index0 = -1, depth0;
  std::function<Value(const Value&, std::int64_t)> again;  // recursive loops: renders the loop over other items

 private:
  bool peek();

  std::shared_ptr<Iterator> rest_;
  std::deque<Value> ahead_;  // items read ahead for last, nextitem and length
  std::optional<std::size_t> length_;
  Value before_ = Value::missing(), current_ = Value::missing();
  std::optional<Value> changed_;
};

}  // namespace nudge::jinja
