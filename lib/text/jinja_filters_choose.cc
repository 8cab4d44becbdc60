// Lazy filters, like Python's generators: nothing is computed before it is requested.
#include <algorithm>
#include <set>

#include "lib/text/jinja_functions.h"
#include "lib/text/jinja_getter.h"
#include "lib/text/jinja_operators.h"
#include "lib/text/jinja_tree.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

int depth_within(const Value& value, const Arguments& given) {
  int depth = depth_of(value);
  for (const Value& v : given.values) depth = std::max(depth, depth_of(v));
  for (const auto& [name, v] : given.named) depth = std::max(depth, depth_of(v));
  return depth;
}

Value generator(const Value& value, const Arguments& given, std::function<bool(Value&)> next,
                const char* type = "generator") {
  return Value::make(Kind::kIterator, std::make_shared<Generator>(type, depth_within(value, given), std::move(next)));
}

// Starts iterating when the first item is requested.
class Source {
 public:
  explicit Source(Value value) : value_(std::move(value)) {}
  bool next(Value& item) {
    if (items_ == nullptr) items_ = iterate(value_);
    return items_->next(item);
  }
  bool empty() const { return !value_.truth(); }  // as jinja2 tests it

 private:
  Value value_;
  std::shared_ptr<Iterator> items_;
};

// Applies a filter or attribute to each item.
std::function<Value(const Value&)> mapping(const Arguments& given) {
  if (given.values.empty() && given.find("attribute") != nullptr) {
    for (const auto& [name, value] : given.named) {
      if (name != "attribute" && name != "default") fail_wrong("Unexpected keyword argument " + repr_of_text(name));
    }
    const Value* const otherwise = given.find("default");
    return Getter(*given.find("attribute"), false, otherwise == nullptr ? Value::none() : *otherwise);
  }
  if (given.values.empty()) fail_wrong("map requires a filter argument");
  Arguments rest = given;
  rest.values.erase(rest.values.begin());
  if (!given.values[0].is(Kind::kText)) fail_wrong("No filter named " + repr(given.values[0]) + ".");
  const std::string name = given.values[0].text();
  if (!is_filter(name))
    return [name](const Value&) -> Value { fail_wrong("No filter named " + repr_of_text(name) + "."); };
  return [name, rest](const Value& item) { return call_filter(name, item, rest); };
}

Value f_map(const Value& value, const Arguments& given) {
  auto next = [source = Source(value), given, change = std::function<Value(const Value&)>()](Value& item) mutable {
    if (!change) {
      if (source.empty()) return false;
      change = mapping(given);
    }
    if (!source.next(item)) return false;
    item = change(item);
    return true;
  };
  return generator(value, given, std::move(next));
}

// Whether an item is selected.
std::function<bool(const Value&)> choice(const Arguments& given, bool by_attribute) {
  const std::size_t skipped = by_attribute ? 1 : 0;
  if (by_attribute && given.values.empty()) fail_wrong("Missing parameter for attribute name");
  const Getter getter(by_attribute ? given.values[0] : Value::none(), false);
  if (given.values.size() <= skipped) return [getter](const Value& item) { return getter(item).truth(); };
  Arguments rest = given;
  rest.values.erase(rest.values.begin(), rest.values.begin() + static_cast<std::ptrdiff_t>(skipped + 1));
  const Value& name = given.values[skipped];
  if (!name.is(Kind::kText)) fail_wrong("No test named " + repr(name) + ".");
  if (!is_test(name.text())) {
    return [text = name.text()](const Value&) -> bool { fail_wrong("No test named " + repr_of_text(text) + "."); };
  }
  return [getter, rest, test = name.text()](const Value& item) { return call_test(test, getter(item), rest); };
}

Value chosen(const Value& value, const Arguments& given, bool by_attribute, bool wanted) {
  auto next = [source = Source(value), given, by_attribute, wanted,
               holds = std::function<bool(const Value&)>()](Value& item) mutable {
    if (!holds) {
      if (source.empty()) return false;
      holds = choice(given, by_attribute);
    }
    while (source.next(item)) {
      charge(1);
      if (holds(item) == wanted) return true;
    }
    return false;
  };
  return generator(value, given, std::move(next));
}
Value f_select(const Value& value, const Arguments& given) { return chosen(value, given, false, true); }
Value f_reject(const Value& value, const Arguments& given) { return chosen(value, given, false, false); }
Value f_selectattr(const Value& value, const Arguments& given) { return chosen(value, given, true, true); }
Value f_rejectattr(const Value& value, const Arguments& given) { return chosen(value, given, true, false); }

Value f_unique(const Value& value, const Arguments& given) {
  const Parameters p("unique", given, {"case_sensitive", "attribute"});
  const Getter getter(p[1] == nullptr ? Value::none() : *p[1], !p.truth(0));
  auto next = [source = Source(value), getter, seen = Map()](Value& item) mutable {
    while (source.next(item)) {
      const Value key = getter(item);
      if (seen.find(key) != nullptr) continue;
      seen.set(key, Value::none());
      check_members(seen.size());
      return true;
    }
    return false;
  };
  return generator(value, given, std::move(next));
}

Value f_items(const Value& value, const Arguments& given) {
  given.expect_values("items", 0, 0);
  auto next = [value, source = std::shared_ptr<Iterator>()](Value& item) mutable {
    if (value.is(Kind::kUndefined)) return false;
    if (!value.is(Kind::kMap)) fail_wrong("Can only get item pairs from a mapping.");
    if (source == nullptr)
      source = iterate(Value::make(Kind::kView, std::make_shared<View>(value, View::Part::kItems)));
    return source->next(item);
  };
  return generator(value, given, std::move(next));
}

Value f_batch(const Value& value, const Arguments& given) {
  const Parameters p("batch", given, {"linecount", "fill_with"}, 1);
  const Value fill = p[1] == nullptr ? Value::none() : *p[1];
  auto next = [source = Source(value), count = *p[0], fill, rest = Value::List(), ended = false](Value& batch) mutable {
    for (Value item; !ended;) {
      if (!source.next(item)) {
        ended = true;
        break;
      }
      const bool full = equal(count, Value::integer(rest.size()));
      if (full) batch = Value::of(std::move(rest)), rest.clear();
      rest.push_back(item);
      check_members(rest.size());
      if (full) return true;
    }
    if (rest.empty()) return false;
    if (!fill.is(Kind::kNone) && ordered(Value::integer(rest.size()), Order::kLess, count)) {
      const std::int64_t lines = integer_of(count);
      if (lines > static_cast<std::int64_t>(kMostMembers)) fail_limit("a list is too long");
      rest.resize(static_cast<std::size_t>(lines), fill);
    }
    batch = Value::of(std::move(rest));
    rest.clear();
    return true;
  };
  return generator(value, given, std::move(next));
}

Value f_slice(const Value& value, const Arguments& given) {
  const Parameters p("slice", given, {"slices", "fill_with"}, 1);
  const Value fill = p[1] == nullptr ? Value::none() : *p[1];
  auto next = [value, slices = *p[0], fill, all = Value::List(), done = std::int64_t{-1}](Value& slice) mutable {
    if (done < 0) {
      all = list_of(value);
      done = 0;
      if (integer_of(slices) == 0) fail_wrong("integer division or modulo by zero");
    }
    const std::int64_t count = slices.number, size = static_cast<std::int64_t>(all.size());
    if (done >= count) return false;
    const std::int64_t each = size / count, larger = size % count;
    const std::int64_t begin = done * each + std::min(done, larger), end = begin + each + (done < larger);
    Value::List part(all.begin() + begin, all.begin() + end);
    if (!fill.is(Kind::kNone) && done >= larger) part.push_back(fill);
    ++done;
    slice = Value::of(std::move(part));
    return true;
  };
  return generator(value, given, std::move(next));
}

Value f_reverse(const Value& value, const Arguments& given) {
  given.expect_values("reverse", 0, 0);
  if (value.is(Kind::kText)) return slice_of(value, Value::none(), Value::none(), Value::integer(-1));
  if (!can_iterate(value)) fail_wrong("argument must be iterable");
  Value::List items = list_of(value);
  std::reverse(items.begin(), items.end());
  const Value list = Value::of(std::move(items));
  if (value.is(Kind::kIterator)) return list;
  auto next = [source = Source(list)](Value& item) mutable { return source.next(item); };
  return generator(list, given, std::move(next), "list_reverseiterator");
}

constexpr NamedFilter kChoosingFilters[] = {{"batch", f_batch},   {"items", f_items},           {"map", f_map},
                                            {"reject", f_reject}, {"rejectattr", f_rejectattr}, {"reverse", f_reverse},
                                            {"select", f_select}, {"selectattr", f_selectattr}, {"slice", f_slice},
                                            {"unique", f_unique}};

}  // namespace

std::pair<const NamedFilter*, std::size_t> choosing_filters() {
  return {kChoosingFilters, std::size(kChoosingFilters)};
}

}  // namespace nudge::jinja
