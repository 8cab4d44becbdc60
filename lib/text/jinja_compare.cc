// Equality, order, membership and iteration as in Python.
#include <algorithm>
#include <cmath>

#include "lib/text/jinja_value.h"
#include "lib/text/python_text.h"
#include "lib/text/unicode.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

// Compares an integer and a float exactly: -1, 0 or 1.
int compare(std::int64_t a, double b) {
  if (b >= 0x1p63) return -1;
  if (b < -0x1p63) return 1;
  const double whole = std::trunc(b);
  const auto n = static_cast<std::int64_t>(whole);
  if (a != n) return a < n ? -1 : 1;
  return b > whole ? -1 : b < whole ? 1 : 0;
}

int compare_numbers(const Value& a, const Value& b) {
  if (a.is(Kind::kFloat) && b.is(Kind::kFloat)) return a.real < b.real ? -1 : a.real > b.real ? 1 : 0;
  if (a.is(Kind::kFloat)) return -compare(b.number, a.real);
  if (b.is(Kind::kFloat)) return compare(a.number, b.real);
  return a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
}

bool equal_items(const Value::List& a, const Value::List& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), equal);
}

bool equal_maps(const Map& a, const Map& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a) {
    charge(1);
    const Value* const other = b.find(key);
    if (other == nullptr || !equal(value, *other)) return false;
  }
  return true;
}

bool equal_ranges(const Range& a, const Range& b) {
  if (a.length != b.length) return false;
  return a.length == 0 || (a.start == b.start && (a.length == 1 || a.step == b.step));
}

bool equal_texts(const Value& a, const Value& b) {
  const std::string &s = a.text(), &t = b.text();
  if (s.size() != t.size()) return false;
  charge_text(s.size());
  return s == t;
}

bool contains_range(const Range& range, const Value& member) {
  if (!member.is_number()) return false;
  const Value whole = member.is(Kind::kFloat) ? Value::integer(0) : member;
  if (member.is(Kind::kFloat)) fail_unsupported("\"in\" of a float and a range");
  const std::int64_t n = whole.number;
  const bool within = range.step > 0 ? n >= range.start && n < range.stop : n <= range.start && n > range.stop;
  return within && (n - range.start) % range.step == 0;
}

struct ItemIterator : Iterator {
  explicit ItemIterator(const Value& of) : Iterator(sizeof *this, depth_of(of)), list(of) {}
  bool next(Value& value) override {
    charge(1);
    if (at == list.items().size()) return false;
    value = list.items()[at++];
    return true;
  }
  Value list;
  std::size_t at = 0;
};

struct CharacterIterator : Iterator {
  explicit CharacterIterator(const Value& of) : Iterator(sizeof *this), whole(of) {}
  bool next(Value& value) override {
    const std::string& text = whole.text();
    if (at == text.size()) return false;
    const std::size_t begin = at;
    next_char(text, at);
    value = Value::of(text.substr(begin, at - begin));
    return true;
  }
  Value whole;
  std::size_t at = 0;
};

struct RangeIterator : Iterator {
  explicit RangeIterator(const Value& of) : Iterator(sizeof *this), range(of) {}
  bool next(Value& value) override {
    charge(1);
    const Range& r = as<Range>(range);
    if (at == r.length) return false;
    value = Value::integer(r.start + r.step * at++);
    return true;
  }
  Value range;
  std::int64_t at = 0;
};

struct MapIterator : Iterator {
  MapIterator(const Value& of, View::Part which) : Iterator(sizeof *this, depth_of(of)), map(of), part(which) {}
  bool next(Value& value) override {
    charge(1);
    if (at == map.map().size()) return false;
    const Map::Entry& entry = map.map().begin()[static_cast<std::ptrdiff_t>(at++)];
    value = part == View::Part::kKeys     ? entry.first
            : part == View::Part::kValues ? entry.second
                                          : Value::tuple({entry.first, entry.second});
    return true;
  }
  Value map;
  View::Part part;
  std::size_t at = 0;
};

struct NoIterator : Iterator {
  NoIterator() : Iterator(sizeof *this) {}
  bool next(Value&) override { return false; }
};

bool contained_in(const std::shared_ptr<Iterator>& values, const Value& member) {
  for (Value v; values->next(v);) {
    if (equal(v, member)) return true;
  }
  return false;
}

bool is_set(const View& view) { return view.part != View::Part::kValues; }

bool equal_views(const Value& a, const Value& b) {
  if (a.object == b.object) return true;
  if (!is_set(as<View>(a)) || !is_set(as<View>(b))) return false;
  if (length_of(a) != length_of(b)) return false;
  const auto values = iterate(a);
  for (Value v; values->next(v);) {
    if (!contains(b, v)) return false;
  }
  return true;
}

bool contains_view(const View& view, const Value& whole, const Value& member) {
  if (view.part == View::Part::kKeys) return view.map.map().find(member) != nullptr;
  if (view.part == View::Part::kValues) return contained_in(iterate(whole), member);
  if (!member.is(Kind::kTuple) || member.items().size() != 2) return false;
  const Value* const value = view.map.map().find(member.items()[0]);
  return value != nullptr && equal(*value, member.items()[1]);
}

const char* sign_of(Order order) {
  constexpr const char* kSigns[] = {"<", "<=", ">", ">="};
  return kSigns[static_cast<int>(order)];
}

bool holds(int comparison, Order order) {
  switch (order) {
    case Order::kLess: return comparison < 0;
    case Order::kLessEqual: return comparison <= 0;
    case Order::kGreater: return comparison > 0;
    default: return comparison >= 0;
  }
}

bool ordered_items(const Value::List& a, Order order, const Value::List& b) {
  const std::size_t both = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (!equal(a[i], b[i])) return ordered(a[i], order, b[i]);
  }
  return holds(a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0, order);
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  charge(1);
  if (a.is_number() && b.is_number()) {
    const bool nan = (a.is(Kind::kFloat) && std::isnan(a.real)) || (b.is(Kind::kFloat) && std::isnan(b.real));
    return !nan && compare_numbers(a, b) == 0;
  }
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kUndefined:
    case Kind::kNone: return true;
    case Kind::kText: return equal_texts(a, b);
    case Kind::kList:
    case Kind::kTuple: return equal_items(a.items(), b.items());
    case Kind::kMap: return equal_maps(a.map(), b.map());
    case Kind::kRange: return equal_ranges(as<Range>(a), as<Range>(b));
    case Kind::kView: return equal_views(a, b);
    case Kind::kMethod: fail_unsupported("the comparison of methods");
    default: return a.object == b.object;
  }
}

bool ordered(const Value& a, Order order, const Value& b) {
  charge(1);
  if (a.is(Kind::kUndefined)) fail_undefined(a);
  if (b.is(Kind::kUndefined)) fail_undefined(b);
  if (a.is_number() && b.is_number()) return holds(compare_numbers(a, b), order);
  if (a.is(Kind::kText) && b.is(Kind::kText)) {
    charge_text(std::min(a.text().size(), b.text().size()));
    return holds(a.text().compare(b.text()), order);
  }
  if (a.is_sequence() && a.kind == b.kind) return ordered_items(a.items(), order, b.items());
  if (a.is(Kind::kView) && b.is(Kind::kView)) fail_unsupported("the order of " + type_name(a));
  fail_wrong("'" + std::string(sign_of(order)) + "' not supported between instances of '" + type_name(a) + "' and '" +
             type_name(b) + "'");
}

bool contains(const Value& container, const Value& member) {
  charge(1);
  switch (container.kind) {
    case Kind::kUndefined: return false;
    case Kind::kText:
      if (!member.is(Kind::kText)) {
        fail_wrong("'in <string>' requires string as left operand, not " + type_name(member));
      }
      charge_text(container.text().size());
      return python::find_part(container.text(), member.text()) != std::string::npos;
    case Kind::kMap: return container.map().find(member) != nullptr;
    case Kind::kRange: return contains_range(as<Range>(container), member);
    case Kind::kView: return contains_view(as<View>(container), container, member);
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kIterator: return contained_in(iterate(container), member);
    case Kind::kLoop: fail_unsupported("\"in\" of a loop");
    default: fail_wrong("argument of type '" + type_name(container) + "' is not a container or iterable");
  }
}

std::shared_ptr<Iterator> iterate(const Value& value) {
  switch (value.kind) {
    case Kind::kUndefined: return std::make_shared<NoIterator>();
    case Kind::kText: return std::make_shared<CharacterIterator>(value);
    case Kind::kList:
    case Kind::kTuple: return std::make_shared<ItemIterator>(value);
    case Kind::kMap: return std::make_shared<MapIterator>(value, View::Part::kKeys);
    case Kind::kRange: return std::make_shared<RangeIterator>(value);
    case Kind::kView: return std::make_shared<MapIterator>(as<View>(value).map, as<View>(value).part);
    case Kind::kIterator: return std::static_pointer_cast<Iterator>(value.object);
    case Kind::kLoop: fail_unsupported("what goes over a loop");
    default: fail_wrong("'" + type_name(value) + "' object is not iterable");
  }
}

bool can_iterate(const Value& value) {
  switch (value.kind) {
    case Kind::kUndefined:
    case Kind::kText:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kMap:
    case Kind::kRange:
    case Kind::kView:
    case Kind::kIterator:
    case Kind::kLoop: return true;
    default: return false;
  }
}

Value::List list_of(const Value& value) {
  if (value.is_sequence()) return value.items();
  Value::List list;
  const auto values = iterate(value);
  for (Value v; values->next(v);) {
    list.push_back(std::move(v));
    check_members(list.size() & 1023 ? 1 : list.size());
  }
  return list;
}

}  // namespace nudge::jinja
