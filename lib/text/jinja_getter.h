// What filters take by the name of an attribute.
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
  Value otherwise_;  // for what is undefined, if it isn't None
  bool ignore_case_;
};

}  // namespace nudge::jinja
