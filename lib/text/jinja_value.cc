#include "lib/text/jinja_value.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/text/jinja_loop.h"
#include "lib/text/python_text.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

int deepest(const Value::List& items) {
  int depth = 0;
  for (const Value& v : items) depth = std::max(depth, depth_of(v));
  return depth;
}

int deepest(const Map& map) {
  int depth = 0;
  for (const auto& [key, value] : map) depth = std::max({depth, depth_of(key), depth_of(value)});
  return depth;
}

std::size_t hash_of_float(double x) {
  const bool whole = std::floor(x) == x && std::abs(x) < 0x1p63;
  return whole ? std::hash<std::int64_t>()(static_cast<std::int64_t>(x)) : std::hash<double>()(x);
}

std::int64_t range_length(std::int64_t start, std::int64_t stop, std::int64_t step) {
  const auto from = static_cast<std::uint64_t>(start), to = static_cast<std::uint64_t>(stop);
  if (step > 0 ? start >= stop : start <= stop) return 0;
  const std::uint64_t distance = step > 0 ? to - from : from - to;
  const std::uint64_t by = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  return static_cast<std::int64_t>(std::min<std::uint64_t>((distance - 1) / by + 1, INT64_MAX));
}

}  // namespace

Object::Object(std::size_t bytes, int depth_of_members) : size(0), depth(depth_of_members + 1) {
  if (depth > kMostValueDepth) fail_limit("values are nested too deeply");
  hold(bytes);
  size = bytes;
}

Text::Text(std::string text, bool is_markup)
    : Object(sizeof *this + text.size()), string(std::move(text)), markup(is_markup) {
  const auto end = string.end();
  ascii = std::find_if(string.begin(), end, [](char c) { return (c & 0x80) != 0; }) == end;
}
ListObject::ListObject(Value::List list)
    : Object(sizeof *this + list.size() * sizeof(Value), deepest(list)), items(std::move(list)) {}
MapObject::MapObject(Map fields)
    : Object(sizeof *this + fields.size() * 3 * sizeof(Value), deepest(fields)), map(std::move(fields)) {}
Range::Range(std::int64_t from, std::int64_t to, std::int64_t by)
    : Object(sizeof *this), start(from), stop(to), step(by), length(range_length(from, to, by)) {}

Value Value::floating(double x) {
  Value v = make(Kind::kFloat);
  v.real = x;
  return v;
}
Value Value::of(std::string text, bool markup) {
  check_text(text.size());
  return make(Kind::kText, std::make_shared<Text>(std::move(text), markup));
}
Value Value::of(List items) {
  check_members(items.size());
  return make(Kind::kList, std::make_shared<ListObject>(std::move(items)));
}
Value Value::tuple(List items) {
  check_members(items.size());
  return make(Kind::kTuple, std::make_shared<ListObject>(std::move(items)));
}
Value Value::of(Map fields) {
  check_members(fields.size());
  return make(Kind::kMap, std::make_shared<MapObject>(std::move(fields)));
}
Value Value::undefined(const std::string& message) {
  return make(Kind::kUndefined, std::make_shared<Undefined>(message));
}

const std::string& Value::text() const { return as<Text>(*this).string; }
bool Value::markup() const { return as<Text>(*this).markup; }
bool Value::ascii() const { return as<Text>(*this).ascii; }
const Value::List& Value::items() const { return as<ListObject>(*this).items; }
const Map& Value::map() const { return as<MapObject>(*this).map; }

bool Value::truth() const {
  switch (kind) {
    case Kind::kMissing:
    case Kind::kUndefined:
    case Kind::kNone: return false;
    case Kind::kBool:
    case Kind::kInteger: return number != 0;
    case Kind::kFloat: return real != 0;
    case Kind::kText: return !text().empty();
    case Kind::kList:
    case Kind::kTuple: return !items().empty();
    case Kind::kMap: return !map().empty();
    case Kind::kRange: return as<Range>(*this).length != 0;
    case Kind::kView: return as<View>(*this).map.truth();
    default: return true;
  }
}

Map::Map(std::initializer_list<std::pair<std::string, Value>> fields) {
  for (const auto& [key, value] : fields) set(key, value);
}

const Value* Map::find(std::string_view key) const {
  if (entries_.size() <= kSearched) {
    for (const auto& [name, value] : entries_) {
      if (name.is(Kind::kText) && name.text() == key) return &value;
    }
    return nullptr;
  }
  charge_text(key.size());
  const auto [first, last] = index_.equal_range(std::hash<std::string_view>()(key));
  for (auto it = first; it != last; ++it) {
    const auto& [name, value] = entries_[it->second];
    if (name.is(Kind::kText) && name.text() == key) return &value;
  }
  return nullptr;
}

const Value* Map::find(const Value& key) const {
  if (key.is(Kind::kText)) return find(std::string_view(key.text()));
  const std::size_t hash = hash_of(key);
  if (entries_.size() <= kSearched) {
    for (const auto& [name, value] : entries_) {
      if (equal(name, key)) return &value;
    }
    return nullptr;
  }
  const auto [first, last] = index_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (equal(entries_[it->second].first, key)) return &entries_[it->second].second;
  }
  return nullptr;
}

void Map::index_entry(std::size_t i) { index_.emplace(hash_of(entries_[i].first), i); }

void Map::set(const Value& key, Value value) {
  if (const Value* found = find(key)) {
    const_cast<Value&>(*found) = std::move(value);
    return;
  }
  entries_.emplace_back(key, std::move(value));
  if (entries_.size() == kSearched + 1) {
    for (std::size_t i = 0; i < entries_.size(); ++i) index_entry(i);
  } else if (entries_.size() > kSearched) {
    index_entry(entries_.size() - 1);
  }
}

Value& Map::operator[](const std::string& key) {
  if (find(key) == nullptr) set(key, Value());
  return const_cast<Value&>(*find(key));
}

int depth_of(const Value& value) { return value.object ? value.object->depth : 0; }

std::string type_name(const Value& value) {
  switch (value.kind) {
    case Kind::kMissing:
    case Kind::kUndefined: return "Undefined";
    case Kind::kNone: return "NoneType";
    case Kind::kBool: return "bool";
    case Kind::kInteger: return "int";
    case Kind::kFloat: return "float";
    case Kind::kText: return value.markup() ? "Markup" : "str";
    case Kind::kList: return "list";
    case Kind::kTuple: return "tuple";
    case Kind::kMap: return "dict";
    case Kind::kRange: return "range";
    case Kind::kView: {
      const char* const names[] = {"dict_keys", "dict_values", "dict_items"};
      return names[static_cast<int>(as<View>(value).part)];
    }
    case Kind::kNamespace: return "Namespace";
    case Kind::kIterator: return static_cast<Generator&>(*value.object).type;
    case Kind::kLoop: return "LoopContext";
    case Kind::kMacro: return "Macro";
    case Kind::kFunction: return "function";
    case Kind::kMethod: return "builtin_function_or_method";
    case Kind::kCycler: return "Cycler";
    case Kind::kJoiner: return "Joiner";
  }
  return "";
}

std::string object_name(const Value& value) {
  switch (value.kind) {
    case Kind::kNone: return "None";
    case Kind::kText: return value.markup() ? "markupsafe.Markup object" : "str object";
    case Kind::kNamespace:
    case Kind::kCycler:
    case Kind::kJoiner: return "jinja2.utils." + type_name(value) + " object";
    case Kind::kUndefined:
    case Kind::kLoop:
    case Kind::kMacro: return "jinja2.runtime." + type_name(value) + " object";
    default: return type_name(value) + " object";
  }
}

std::size_t hash_of(const Value& value) {
  charge(1);
  switch (value.kind) {
    case Kind::kUndefined: return 1;
    case Kind::kNone: return 2;
    case Kind::kBool:
    case Kind::kInteger: return std::hash<std::int64_t>()(value.number);
    case Kind::kFloat: return hash_of_float(value.real);
    case Kind::kText: charge_text(value.text().size()); return std::hash<std::string_view>()(value.text());
    case Kind::kTuple: {
      std::size_t hash = 3;
      for (const Value& v : value.items()) hash = hash * 1000003 ^ hash_of(v);
      return hash;
    }
    case Kind::kList:
    case Kind::kMap: fail_wrong("unhashable type: '" + type_name(value) + "'");
    default: fail_unsupported("a key that is a " + type_name(value));
  }
}

void fail_undefined(const Value& undefined) {
  fail_wrong(undefined.object ? as<Undefined>(undefined).message : "a value is undefined");
}

std::size_t length_of(const Value& value) {
  switch (value.kind) {
    case Kind::kUndefined: return 0;
    case Kind::kText:
      charge_text(value.text().size());
      return value.ascii() ? value.text().size() : python::length(value.text());
    case Kind::kList:
    case Kind::kTuple: return value.items().size();
    case Kind::kMap: return value.map().size();
    case Kind::kRange: return static_cast<std::size_t>(as<Range>(value).length);
    case Kind::kView: return as<View>(value).map.map().size();
    case Kind::kLoop: return as<Loop>(value).length();
    default: fail_wrong("object of type '" + type_name(value) + "' has no len()");
  }
}

}  // namespace nudge::jinja
