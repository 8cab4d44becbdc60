// jinja2's tests, the operators after "is".
#include <unordered_map>

#include "lib/text/jinja_functions.h"
#include "lib/text/jinja_operators.h"
#include "lib/text/jinja_tree.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

using Test = bool (*)(const Value& value, const Value& other);

bool t_odd(const Value& v, const Value&) { return equal(modulo(v, Value::integer(2)), Value::integer(1)); }
bool t_even(const Value& v, const Value&) { return equal(modulo(v, Value::integer(2)), Value::integer(0)); }
bool t_divisible(const Value& v, const Value& by) { return equal(modulo(v, by), Value::integer(0)); }
bool t_defined(const Value& v, const Value&) { return !v.is(Kind::kUndefined); }
bool t_undefined(const Value& v, const Value&) { return v.is(Kind::kUndefined); }
bool t_none(const Value& v, const Value&) { return v.is(Kind::kNone); }
bool t_boolean(const Value& v, const Value&) { return v.is(Kind::kBool); }
bool t_false(const Value& v, const Value&) { return v.is(Kind::kBool) && v.number == 0; }
bool t_true(const Value& v, const Value&) { return v.is(Kind::kBool) && v.number != 0; }
bool t_integer(const Value& v, const Value&) { return v.is(Kind::kInteger); }
bool t_float(const Value& v, const Value&) { return v.is(Kind::kFloat); }
bool t_number(const Value& v, const Value&) { return v.is_number(); }
bool t_string(const Value& v, const Value&) { return v.is(Kind::kText); }
bool t_mapping(const Value& v, const Value&) { return v.is(Kind::kMap); }
bool t_iterable(const Value& v, const Value&) { return can_iterate(v); }
bool t_sequence(const Value& v, const Value&) {
  return v.is(Kind::kUndefined) || v.is(Kind::kText) || v.is_sequence() || v.is(Kind::kMap) || v.is(Kind::kRange);
}
bool t_callable(const Value& v, const Value&) {
  switch (v.kind) {
    case Kind::kUndefined:  // its class has a __call__, which raises
    case Kind::kLoop:
    case Kind::kMacro:
    case Kind::kFunction:
    case Kind::kMethod:
    case Kind::kJoiner: return true;
    default: return false;
  }
}
bool t_escaped(const Value& v, const Value&) { return v.is(Kind::kText) && v.markup(); }
bool case_test(const Value& v, const char* name) {
  return method_of_text(v.is(Kind::kText) ? v : Value::of(to_text(v)), name, {}).truth();
}
bool t_lower(const Value& v, const Value&) { return case_test(v, "islower"); }
bool t_upper(const Value& v, const Value&) { return case_test(v, "isupper"); }
bool t_in(const Value& v, const Value& container) { return contains(container, v); }
bool t_equal(const Value& a, const Value& b) { return equal(a, b); }
bool t_unequal(const Value& a, const Value& b) { return !equal(a, b); }
bool t_greater(const Value& a, const Value& b) { return ordered(a, Order::kGreater, b); }
bool t_greater_equal(const Value& a, const Value& b) { return ordered(a, Order::kGreaterEqual, b); }
bool t_less(const Value& a, const Value& b) { return ordered(a, Order::kLess, b); }
bool t_less_equal(const Value& a, const Value& b) { return ordered(a, Order::kLessEqual, b); }

// Python's "is": for numbers and strings it depends on which objects CPython shares.
bool t_same(const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kNone: return true;
    case Kind::kBool: return a.number == b.number;
    case Kind::kInteger:
    case Kind::kFloat:
    case Kind::kText:
    case Kind::kTuple:
      if (!equal(a, b)) return false;
      [[fallthrough]];
    case Kind::kUndefined:
    case Kind::kMethod: fail_unsupported("the test \"sameas\" of a " + type_name(a));
    default: return a.object == b.object;
  }
}

bool t_filter(const Value& v, const Value&) {
  hash_of(v);
  return v.is(Kind::kText) && is_filter(v.text());
}
bool t_test(const Value& v, const Value&) {
  hash_of(v);
  return v.is(Kind::kText) && is_test(v.text());
}

struct Known {
  Test test;
  bool compares;  // takes an argument
};

const std::unordered_map<std::string_view, Known>& tests() {
  static const std::unordered_map<std::string_view, Known> all = {{"odd", {t_odd, false}},
                                                                  {"even", {t_even, false}},
                                                                  {"divisibleby", {t_divisible, true}},
                                                                  {"defined", {t_defined, false}},
                                                                  {"undefined", {t_undefined, false}},
                                                                  {"filter", {t_filter, false}},
                                                                  {"test", {t_test, false}},
                                                                  {"none", {t_none, false}},
                                                                  {"boolean", {t_boolean, false}},
                                                                  {"false", {t_false, false}},
                                                                  {"true", {t_true, false}},
                                                                  {"integer", {t_integer, false}},
                                                                  {"float", {t_float, false}},
                                                                  {"lower", {t_lower, false}},
                                                                  {"upper", {t_upper, false}},
                                                                  {"string", {t_string, false}},
                                                                  {"mapping", {t_mapping, false}},
                                                                  {"number", {t_number, false}},
                                                                  {"sequence", {t_sequence, false}},
                                                                  {"iterable", {t_iterable, false}},
                                                                  {"callable", {t_callable, false}},
                                                                  {"sameas", {t_same, true}},
                                                                  {"escaped", {t_escaped, false}},
                                                                  {"in", {t_in, true}},
                                                                  {"==", {t_equal, true}},
                                                                  {"eq", {t_equal, true}},
                                                                  {"equalto", {t_equal, true}},
                                                                  {"!=", {t_unequal, true}},
                                                                  {"ne", {t_unequal, true}},
                                                                  {">", {t_greater, true}},
                                                                  {"gt", {t_greater, true}},
                                                                  {"greaterthan", {t_greater, true}},
                                                                  {"ge", {t_greater_equal, true}},
                                                                  {">=", {t_greater_equal, true}},
                                                                  {"<", {t_less, true}},
                                                                  {"lt", {t_less, true}},
                                                                  {"lessthan", {t_less, true}},
                                                                  {"<=", {t_less_equal, true}},
                                                                  {"le", {t_less_equal, true}}};
  return all;
}

}  // namespace

bool is_test(const std::string& name) { return tests().contains(name); }

bool call_test(const std::string& name, const Value& value, const Arguments& given) {
  const auto found = tests().find(name);
  if (found == tests().end()) fail_wrong("No test named " + repr_of_text(name) + " found.");
  const auto& [test, compares] = found->second;
  if (!given.named.empty()) fail_unsupported("an argument by name of the test \"" + name + "\"");
  given.expect_values(name, compares ? 1 : 0, compares ? 1 : 0);
  return test(value, compares ? given.values[0] : value);
}

}  // namespace nudge::jinja
