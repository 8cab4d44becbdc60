// What chat templates compute with.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nudge::jinja {

struct Value {
  enum class Kind : std::uint8_t { kUndefined, kNone, kBool, kInteger, kText, kList, kMap };
  using List = std::vector<Value>;
  using Map = std::map<std::string, Value>;

  Kind kind = Kind::kUndefined;
  std::int64_t number = 0;  // also a bool's
  std::string text;
  std::shared_ptr<List> list;
  std::shared_ptr<Map> map;  // shared, as a namespace is

  static Value none() { return make(Kind::kNone, 0); }
  static Value boolean(bool b) { return make(Kind::kBool, b); }
  static Value integer(std::int64_t n) { return make(Kind::kInteger, n); }
  static Value of(std::string s) {
    Value v = make(Kind::kText, 0);
    v.text = std::move(s);
    return v;
  }
  static Value of(List items) {
    Value v = make(Kind::kList, 0);
    v.list = std::make_shared<List>(std::move(items));
    return v;
  }
  static Value of(Map fields) {
    Value v = make(Kind::kMap, 0);
    v.map = std::make_shared<Map>(std::move(fields));
    return v;
  }

  bool is(Kind k) const { return kind == k; }
  bool truth() const {
    switch (kind) {
      case Kind::kBool:
      case Kind::kInteger: return number != 0;
      case Kind::kText: return !text.empty();
      case Kind::kList: return !list->empty();
      case Kind::kMap: return !map->empty();
      default: return false;
    }
  }

 private:
  static Value make(Kind kind, std::int64_t number) {
    Value v;
    v.kind = kind;
    v.number = number;
    return v;
  }
};

}  // namespace nudge::jinja
