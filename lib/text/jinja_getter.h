// Attribute access for filters such as map, sort and groupby.
#pragma once

#include <vector>

#include "lib/text/jinja_value.h"

namespace nudge::jinja {

// Looks up "a.b.0" in a value, as jinja2's make_attrgetter().
class Getter {
 public:
  Getter(const Value& attribute, bool ignore_case, Value otherwise = Value::none());
  Value operator()(const Value& item) const;

 private:
  std::vector<Value> path_;
  Value otherwise_;  // replaces undefined, unless it is None
  bool ignore_case_;
};

}  // namespace nudge::jinja
