#include "lib/text/jinja_loop.h"

namespace nudge::jinja {

using Kind = Value::Kind;

Loop::Loop(const Value& over, std::int64_t level)
    : Object(sizeof *this, depth_of(over)), depth0(level), rest_(iterate(over)) {
  if (!over.is(Kind::kIterator)) length_ = length_of(over);
}

bool Loop::peek() {
  if (!ahead_.empty()) return true;
  Value item;
  if (!rest_->next(item)) return false;
  ahead_.push_back(std::move(item));
  return true;
}

bool Loop::advance(Value& item) {
  if (!peek()) return false;
  item = std::move(ahead_.front());
  ahead_.pop_front();
  ++index0;
  before_ = std::move(current_);
  current_ = item;
  return true;
}

std::size_t Loop::length() {
  if (!length_) {
    for (Value item; rest_->next(item);) {
      ahead_.push_back(std::move(item));
      check_members(ahead_.size());
    }
    length_ = ahead_.size() + static_cast<std::size_t>(index0 + 1);
  }
  return *length_;
}

Value Loop::attribute(const std::string& name, const Value& self) {
  const auto rounds = [&] { return static_cast<std::int64_t>(length()); };
  if (name == "index") return Value::integer(index0 + 1);
  if (name == "index0") return Value::integer(index0);
  if (name == "first") return Value::boolean(index0 == 0);
  if (name == "last") return Value::boolean(last());
  if (name == "length") return Value::integer(rounds());
  if (name == "revindex") return Value::integer(rounds() - index0);
  if (name == "revindex0") return Value::integer(rounds() - index0 - 1);
  if (name == "depth") return Value::integer(depth0 + 1);
  if (name == "depth0") return Value::integer(depth0);
  if (name == "previtem") return index0 == 0 ? Value::undefined("there is no previous item") : before_;
  if (name == "nextitem") return peek() ? ahead_.front() : Value::undefined("there is no next item");
  if (name == "cycle" || name == "changed") return Value::make(Kind::kMethod, std::make_shared<Method>(self, name));
  return Value::undefined("'" + object_name(self) + "' has no attribute '" + name + "'");
}

Value Loop::cycle(const Value::List& items) const {
  if (items.empty()) fail_wrong("no items for cycling given");
  return items[static_cast<std::size_t>(index0) % items.size()];
}

bool Loop::changed(const Value::List& values) {
  const Value now = Value::tuple(values);
  if (changed_ && equal(*changed_, now)) return false;
  changed_ = now;
  return true;
}

}  // namespace nudge::jinja
