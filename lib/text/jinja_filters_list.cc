// Filters that make, sort and join lists.
#include <algorithm>
#include <charconv>

#include "lib/text/jinja_functions.h"
#include "lib/text/jinja_getter.h"
#include "lib/text/jinja_operators.h"
#include "lib/text/python_text.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Value lower_text(const Value& value) { return value.is(Kind::kText) ? Value::of(python::lower(value.text())) : value; }

std::vector<Value> path_of(const Value& attribute) {
  if (attribute.is(Kind::kNone)) return {};
  if (!attribute.is(Kind::kText)) return {attribute};
  std::vector<Value> path;
  for (const std::string_view part : python::split(attribute.text(), ".", -1)) {
    std::int64_t n = 0;
    const bool number =
        all_digits(part) && std::from_chars(part.data(), part.data() + part.size(), n).ec == std::errc();
    path.push_back(number ? Value::integer(n) : Value::of(part));
  }
  return path;
}

// Stable, like Python's sorted(); reverse also keeps the order of equal items.
void sort_by(std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  const auto before = [&](const auto& a, const auto& b) {
    return reverse ? ordered(b.first, Order::kLess, a.first) : ordered(a.first, Order::kLess, b.first);
  };
  std::stable_sort(keyed.begin(), keyed.end(), before);
}

Value::List second_of(std::vector<std::pair<Value, Value>> keyed) {
  Value::List list;
  for (auto& [key, value] : keyed) list.push_back(std::move(value));
  return list;
}

Value f_sort(const Value& value, const Arguments& given) {
  const Parameters p("sort", given, {"reverse", "case_sensitive", "attribute"});
  const Value attribute = p[2] == nullptr ? Value::none() : *p[2];
  std::vector<Getter> getters;
  if (attribute.is(Kind::kText)) {
    for (const std::string_view part : python::split(attribute.text(), ",", -1))
      getters.emplace_back(Value::of(part), !p.truth(1));
  } else {
    getters.emplace_back(attribute, !p.truth(1));
  }
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : list_of(value)) {
    Value::List key;
    for (const Getter& getter : getters) key.push_back(getter(item));
    keyed.emplace_back(Value::of(std::move(key)), item);
  }
  sort_by(keyed, p.truth(0));
  return Value::of(second_of(std::move(keyed)));
}

Value f_dictsort(const Value& value, const Arguments& given) {
  const Parameters p("dictsort", given, {"case_sensitive", "by", "reverse"});
  const std::string by = p[1] == nullptr ? "key" : text_of(*p[1]);
  if (by != "key" && by != "value") fail_wrong("You can only sort by either \"key\" or \"value\"");
  if (value.is(Kind::kUndefined)) fail_undefined(value);
  if (!value.is(Kind::kMap)) fail_wrong("'" + type_name(value) + "' object has no attribute 'items'");
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, field] : value.map()) {
    const Value& sorted = by == "key" ? key : field;
    keyed.emplace_back(p.truth(0) ? sorted : lower_text(sorted), Value::tuple({key, field}));
  }
  sort_by(keyed, p.truth(2));
  return Value::of(second_of(std::move(keyed)));
}

Value f_groupby(const Value& value, const Arguments& given) {
  const Parameters p("groupby", given, {"attribute", "default", "case_sensitive"}, 1);
  const Value otherwise = p[1] == nullptr ? Value::none() : *p[1];
  const Getter key(*p[0], !p.truth(2), otherwise), shown(*p[0], false, otherwise);
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : list_of(value)) keyed.emplace_back(key(item), item);
  sort_by(keyed, false);
  Value::List groups;
  for (std::size_t i = 0; i < keyed.size();) {
    Value::List members;
    const std::size_t first = i;
    for (; i < keyed.size() && equal(keyed[i].first, keyed[first].first); ++i) members.push_back(keyed[i].second);
    Value::List pair = {shown(members[0]), Value()};
    pair[1] = Value::of(std::move(members));
    groups.push_back(Value::make(Kind::kTuple, std::make_shared<Group>(std::move(pair))));
  }
  return Value::of(std::move(groups));
}

Value extreme(const char* name, const Value& value, const Arguments& given, bool least) {
  const Parameters p(name, given, {"case_sensitive", "attribute"});
  const Getter getter(p[1] == nullptr ? Value::none() : *p[1], !p.truth(0));
  const auto items = iterate(value);
  Value best, best_key, item;
  if (!items->next(best)) return Value::undefined("No aggregated item, sequence was empty.");
  best_key = getter(best);
  while (items->next(item)) {
    const Value key = getter(item);
    if (!(least ? ordered(key, Order::kLess, best_key) : ordered(key, Order::kGreater, best_key))) continue;
    best = item, best_key = key;
  }
  return best;
}
Value f_min(const Value& value, const Arguments& given) { return extreme("min", value, given, true); }
Value f_max(const Value& value, const Arguments& given) { return extreme("max", value, given, false); }

Value f_sum(const Value& value, const Arguments& given) {
  const Parameters p("sum", given, {"attribute", "start"});
  const Getter getter(p[0] == nullptr ? Value::none() : *p[0], false);
  Value sum = p[1] == nullptr ? Value::integer(0) : *p[1];
  if (sum.is(Kind::kText)) fail_wrong("sum() can't sum strings [use ''.join(seq) instead]");
  bool floats = sum.is(Kind::kFloat);
  std::size_t count = 0;
  for (const Value& item : list_of(value)) {
    const Value part = getter(item);
    floats = floats || part.is(Kind::kFloat);
    // Python's sum() compensates the rounding of float additions.
    if (floats && ++count > 1) fail_unsupported("the filter \"sum\" of floats");
    if (!floats) ++count;
    sum = add(sum, part);
  }
  return sum;
}

Value f_join(const Value& value, const Arguments& given) {
  const Parameters p("join", given, {"d", "attribute"});
  const Getter getter(p[1] == nullptr ? Value::none() : *p[1], false);
  const std::string between = p[0] == nullptr ? "" : to_text(*p[0]);
  const auto items = iterate(value);
  std::string out;
  bool first = true;
  for (Value item; items->next(item); first = false) {
    if (!first) out += between;
    out += to_text(getter(item));
    if (out.size() > kMostText) fail_limit("a text is too long");
    charge_text(between.size());
  }
  return Value::of(std::move(out));
}

Value f_first(const Value& value, const Arguments& given) {
  given.expect_values("first", 0, 0);
  Value first;
  return iterate(value)->next(first) ? first : Value::undefined("No first item, sequence was empty.");
}

Value f_last(const Value& value, const Arguments& given) {
  given.expect_values("last", 0, 0);
  if (value.is(Kind::kIterator) || value.is(Kind::kLoop) || !can_iterate(value)) {
    fail_wrong("'" + type_name(value) + "' object is not reversible");
  }
  if (value.is(Kind::kText) || value.is_sequence()) {
    const Value last = item_of(value, Value::integer(-1));
    if (!last.is(Kind::kUndefined) || length_of(value) > 0)
      return value.is(Kind::kText) ? Value::of(last.text()) : last;
  }
  const Value::List items = list_of(value);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value f_list(const Value& value, const Arguments& given) {
  given.expect_values("list", 0, 0);
  return Value::of(list_of(value));
}

constexpr NamedFilter kListFilters[] = {
    {"dictsort", f_dictsort}, {"first", f_first}, {"groupby", f_groupby}, {"join", f_join}, {"last", f_last},
    {"list", f_list},         {"max", f_max},     {"min", f_min},         {"sort", f_sort}, {"sum", f_sum}};

}  // namespace

std::pair<const NamedFilter*, std::size_t> list_filters() { return {kListFilters, std::size(kListFilters)}; }

Getter::Getter(const Value& attribute, bool ignore_case, Value otherwise)
    : path_(path_of(attribute)), otherwise_(std::move(otherwise)), ignore_case_(ignore_case) {}

Value Getter::operator()(const Value& item) const {
  Value value = item;
  for (const Value& part : path_) {
    value = item_of(value, part);
    if (value.is(Kind::kUndefined) && !otherwise_.is(Kind::kNone)) value = otherwise_;
  }
  return ignore_case_ ? lower_text(value) : value;
}

}  // namespace nudge::jinja
