// The values of chat templates: Python's, as far as templates can observe them. They are shared and immutable, except
// namespaces, iterators and the like.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/text/jinja_limits.h"

namespace nudge::jinja {

// What a value refers to. Counts its memory, and the nesting depth, which bounds all recursion.
struct Object {
  explicit Object(std::size_t bytes, int depth_of_members = 0);
  virtual ~Object() { release(size); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  std::size_t size;
  int depth;
};

class Map;

struct Value {
  enum class Kind : std::uint8_t {
    kMissing,    // an unbound name; never visible to a template
    kUndefined,  // jinja2's Undefined
    kNone,
    kBool,
    kInteger,
    kFloat,
    kText,
    kList,
    kTuple,
    kMap,
    kRange,
    kView,  // a map's keys(), values(), items()
    kNamespace,
    kIterator,  // Python's generators: yield each value once
    kLoop,
    kMacro,
    kFunction,
    kMethod,
    kCycler,
    kJoiner
  };
  using List = std::vector<Value>;
  using Map = jinja::Map;

  Kind kind = Kind::kUndefined;
  union {
    std::int64_t number = 0;  // also for bools
    double real;
  };
  std::shared_ptr<Object> object;

  static Value none() { return make(Kind::kNone); }
  static Value boolean(bool b) { return make(Kind::kBool, b); }
  template <std::integral T>
  static Value integer(T n) {
    return make(Kind::kInteger, static_cast<std::int64_t>(n));
  }
  static Value floating(double x);
  static Value of(std::string text, bool markup = false);
  static Value of(std::string_view text) { return of(std::string(text)); }
  static Value of(const char* text) { return of(std::string(text)); }
  static Value of(List items);
  static Value of(Map fields);
  static Value tuple(List items);
  static Value missing() { return make(Kind::kMissing); }
  // `message`: jinja2's error when it is used for anything but printing.
  static Value undefined(const std::string& message);
  static Value make(Kind kind, std::shared_ptr<Object> object) {
    Value v = make(kind);
    v.object = std::move(object);
    return v;
  }

  bool is(Kind k) const { return kind == k; }
  bool is_number() const { return kind == Kind::kBool || kind == Kind::kInteger || kind == Kind::kFloat; }
  bool is_integer() const { return kind == Kind::kBool || kind == Kind::kInteger; }
  bool is_sequence() const { return kind == Kind::kList || kind == Kind::kTuple; }

  // Only for values of the matching kind.
  const std::string& text() const;
  bool markup() const;
  bool ascii() const;
  const List& items() const;  // list or tuple
  const Map& map() const;

  bool truth() const;

 private:
  static Value make(Kind kind, std::int64_t number = 0) {
    Value v;
    v.kind = kind;
    v.number = number;
    return v;
  }
};

// A dict: keys in insertion order. A key is any value that is hashable in Python.
class Map {
 public:
  using Entry = std::pair<Value, Value>;

  Map() = default;
  Map(std::initializer_list<std::pair<std::string, Value>> fields);

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(const Value& key, Value value);  // error: TemplateError for an unhashable key
  void set(std::string_view key, Value value) { set(Value::of(key), std::move(value)); }
  Value& operator[](const std::string& key);

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  static constexpr std::size_t kSearched = 12;  // up to this many entries, linear search
  void index_entry(std::size_t i);

  std::vector<Entry> entries_;
  std::unordered_multimap<std::size_t, std::size_t> index_;  // beyond that: hash to index in entries_
};

struct Text : Object {
  Text(std::string text, bool is_markup);
  std::string string;
  bool markup, ascii;
};

struct ListObject : Object {
  explicit ListObject(Value::List list);
  Value::List items;
};

// A tuple made by the filter groupby.
struct Group : ListObject {
  using ListObject::ListObject;
};

struct MapObject : Object {
  explicit MapObject(Map fields);
  Map map;
};

struct Undefined : Object {
  explicit Undefined(std::string says) : Object(sizeof *this + says.size()), message(std::move(says)) {}
  std::string message;
};

struct Range : Object {
  Range(std::int64_t from, std::int64_t to, std::int64_t by);
  std::int64_t start, stop, step;
  std::int64_t length;
};

struct View : Object {
  enum class Part { kKeys, kValues, kItems };
  View(Value of, Part which) : Object(sizeof *this, of.object->depth), map(std::move(of)), part(which) {}
  Value map;
  Part part;
};

struct Namespace : Object {
  Namespace() : Object(sizeof *this) {}
  Map fields;
};

struct Iterator : Object {
  using Object::Object;
  virtual bool next(Value& value) = 0;  // false at the end
};

// A generator, as jinja2's filters return: yields the values of `step` until it returns false.
struct Generator : Iterator {
  Generator(const char* what, int depth_of_members, std::function<bool(Value&)> make_next)
      : Iterator(sizeof *this, depth_of_members), type(what), step(std::move(make_next)) {}
  bool next(Value& value) override {
    charge(1);
    return step(value);
  }
  const char* type;
  std::function<bool(Value&)> step;
};

struct Function : Object {
  explicit Function(const char* called) : Object(sizeof *this), name(called) {}
  const char* name;
};

struct Method : Object {
  Method(Value of, std::string called)
      : Object(sizeof *this, of.object ? of.object->depth : 0), self(std::move(of)), name(std::move(called)) {}
  Value self;
  std::string name;
};

struct Cycler : Object {
  explicit Cycler(Value list) : Object(sizeof *this, list.object->depth), items(std::move(list)) {}
  const Value& current() const { return items.items()[position]; }
  Value items;
  std::size_t position = 0;
};

struct Joiner : Object {
  explicit Joiner(Value text)
      : Object(sizeof *this, text.object ? text.object->depth : 0), separator(std::move(text)) {}
  Value separator;
  bool used = false;
};

template <class T>
T& as(const Value& value) {
  return static_cast<T&>(*value.object);
}
int depth_of(const Value& value);

// Python's name of the type: "str", "NoneType"; and jinja2's of an object: "str object", "None".
std::string type_name(const Value& value);
std::string object_name(const Value& value);

// TemplateError where Python raises, and where its result can't be determined.
bool equal(const Value& a, const Value& b);
std::size_t hash_of(const Value& value);
enum class Order { kLess, kLessEqual, kGreater, kGreaterEqual };
bool ordered(const Value& a, Order order, const Value& b);
bool contains(const Value& container, const Value& member);
std::size_t length_of(const Value& value);
std::shared_ptr<Iterator> iterate(const Value& value);
Value::List list_of(const Value& value);  // Python's list()
bool can_iterate(const Value& value);

[[noreturn]] void fail_undefined(const Value& undefined);

std::string macro_name(const Value& macro);

// str() and repr().
std::string to_text(const Value& value);
std::string repr(const Value& value);
std::string repr_of_float(double x);
std::string repr_of_text(std::string_view text);

}  // namespace nudge::jinja
