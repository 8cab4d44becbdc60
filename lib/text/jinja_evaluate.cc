#include <algorithm>

#include "lib/text/jinja_operators.h"
#include "lib/text/jinja_renderer.h"

namespace nudge::jinja {

using Kind = Value::Kind;
using Type = Node::Type;

namespace {

bool compare(Node::Comparison comparison, const Value& a, const Value& b) {
  switch (comparison) {
    case Node::Comparison::kEqual: return equal(a, b);
    case Node::Comparison::kUnequal: return !equal(a, b);
    case Node::Comparison::kLess: return ordered(a, Order::kLess, b);
    case Node::Comparison::kLessEqual: return ordered(a, Order::kLessEqual, b);
    case Node::Comparison::kGreater: return ordered(a, Order::kGreater, b);
    case Node::Comparison::kGreaterEqual: return ordered(a, Order::kGreaterEqual, b);
    case Node::Comparison::kIn: return contains(b, a);
    default: return !contains(b, a);
  }
}

Value call_loop(const Value& callee, const Arguments& given) {
  Loop& loop = as<Loop>(callee);
  given.expect_values("loop", 1, 1);
  if (!loop.again) {
    if (loop.index0 < 0) fail_unsupported("a loop that is called behind its end");
    fail_wrong("The loop must have the 'recursive' marker to be called recursively.");
  }
  return loop.again(given.values[0], loop.depth0 + 1);
}

Value call_joiner(Joiner& joiner) {
  if (joiner.used) return joiner.separator;
  joiner.used = true;
  return Value::of("");
}

}  // namespace

// Counts the depth of nested evaluations; an error ends all of them.
Value Renderer::evaluate(const Node& node, const Home& home) {
  charge(1);
  if (node.type == Type::kConstant) return node.constant;
  if (node.type == Type::kName) {
    const Value& value = at(node.slot, home);
    return value.is(Kind::kMissing) ? node.constant : value;
  }
  if (++depth_ > kMostDepth) fail_limit("macros, blocks and expressions are nested too deeply");
  line_ = node.line;
  Value value = evaluate_kind(node, home);
  --depth_;
  return value;
}

Value Renderer::evaluate_kind(const Node& node, const Home& home) {
  const auto part = [&](std::size_t i) { return evaluate(*node.parts[i], home); };
  const auto both = [&](Value (*f)(const Value&, const Value&)) {
    const Value a = part(0), b = part(1);
    line_ = node.line;
    return f(a, b);
  };
  switch (node.type) {
    case Type::kTuple: return Value::tuple(values_of(node.parts, home));
    case Type::kList: return Value::of(values_of(node.parts, home));
    case Type::kDict: return dict(node, home);
    case Type::kAttribute: return attribute_of(part(0), node.name);
    case Type::kItem: return item(node, home);
    case Type::kCall: return call(node, home);
    case Type::kFilter: return filtered(node, part(0), home);
    case Type::kTest: return tested(node, home);
    case Type::kNot: return Value::boolean(!part(0).truth());
    case Type::kNegative: return negative(part(0));
    case Type::kPositive: return positive(part(0));
    case Type::kAdd: return both(add);
    case Type::kSubtract: return both(subtract);
    case Type::kMultiply: return both(multiply);
    case Type::kDivide: return both(divide);
    case Type::kFloorDivide: return both(floor_divide);
    case Type::kModulo: return both(modulo);
    case Type::kPower: return both(power);
    case Type::kAnd: {
      const Value left = part(0);
      return left.truth() ? part(1) : left;
    }
    case Type::kOr: {
      const Value left = part(0);
      return left.truth() ? left : part(1);
    }
    case Type::kConcat: return concatenation(node, home);
    case Type::kCompare: return comparison(node, home);
    case Type::kCondition: return condition(node, home);
    case Type::kUnsupported: fail_unsupported(node.name);
    default: fail_unsupported("a slice among several indices");
  }
}

Value::List Renderer::values_of(const std::vector<Node*>& nodes, const Home& home) {
  Value::List values;
  values.reserve(nodes.size());
  for (const Node* node : nodes) values.push_back(evaluate(*node, home));
  return values;
}

Value Renderer::dict(const Node& node, const Home& home) {
  Map map;
  for (std::size_t i = 0; i < node.parts.size(); i += 2) {
    const Value key = evaluate(*node.parts[i], home);
    map.set(key, evaluate(*node.parts[i + 1], home));
  }
  return Value::of(std::move(map));
}

Value Renderer::item(const Node& node, const Home& home) {
  const Value value = evaluate(*node.parts[0], home);
  const Node& index = *node.parts[1];
  if (index.type != Type::kSlice) {
    const Value key = evaluate(index, home);
    line_ = node.line;
    return item_of(value, key);
  }
  const auto bound = [&](std::size_t i) {
    return index.parts[i] == nullptr ? Value::none() : evaluate(*index.parts[i], home);
  };
  const Value first = bound(0), last = bound(1), step = bound(2);
  const bool sliced = value.is(Kind::kText) || value.is_sequence() || value.is(Kind::kRange);
  if (!sliced && is_constant(node)) fail_unsupported("a slice of a constant " + type_name(value));
  return slice_of(value, first, last, step);
}

Value Renderer::concatenation(const Node& node, const Home& home) {
  const Value::List values = values_of(node.parts, home);
  std::string text;
  for (const Value& value : values) {
    text += value.is(Kind::kText) ? value.text() : to_text(value);
    check_text(text.size());
  }
  return Value::of(std::move(text));
}

Value Renderer::comparison(const Node& node, const Home& home) {
  Value left = evaluate(*node.parts[0], home);
  for (std::size_t i = 0; i < node.comparisons.size(); ++i) {
    Value right = evaluate(*node.parts[i + 1], home);
    line_ = node.line;
    if (!compare(node.comparisons[i], left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Renderer::condition(const Node& node, const Home& home) {
  if (evaluate(*node.parts[0], home).truth()) return evaluate(*node.parts[1], home);
  if (node.parts[2] != nullptr) return evaluate(*node.parts[2], home);
  return Value::undefined("the inline if-expression on line " + std::to_string(node.line) +
                          " evaluated to false and no else section was defined.");
}

Value Renderer::filtered(const Node& node, const Value& value, const Home& home) {
  const Arguments given = arguments(node.given, home);
  line_ = node.line;
  return call_filter(node.name, value, given);
}

Value Renderer::block_filtered(const Node& node, const Value& block, const Home& home) {
  const Value value = node.parts[0] == nullptr ? block : block_filtered(*node.parts[0], block, home);
  return filtered(node, value, home);
}

Value Renderer::tested(const Node& node, const Home& home) {
  const Value value = evaluate(*node.parts[0], home);
  const Arguments given = arguments(node.given, home);
  line_ = node.line;
  return Value::boolean(call_test(node.name, value, given));
}

Arguments Renderer::arguments(const Given& given, const Home& home) {
  Arguments made;
  made.values = values_of(given.values, home);
  if (given.more != nullptr) {
    const Value more = evaluate(*given.more, home);
    if (!can_iterate(more)) fail_wrong("argument after * must be an iterable, not " + type_name(more));
    for (const Value& v : list_of(more)) made.values.push_back(v);
  }
  for (const auto& [name, node] : given.named) made.named.emplace_back(name, evaluate(*node, home));
  if (given.more_named == nullptr) return made;
  const Value more = evaluate(*given.more_named, home);
  if (!more.is(Kind::kMap)) fail_wrong("argument after ** must be a mapping, not " + type_name(more));
  for (const auto& [key, value] : more.map()) {
    if (!key.is(Kind::kText)) fail_wrong("keywords must be strings");
    if (made.find(key.text()) != nullptr) fail_wrong("got multiple values for keyword argument '" + key.text() + "'");
    made.named.emplace_back(key.text(), value);
  }
  return made;
}

Value Renderer::call(const Node& node, const Home& home, const Value* caller) {
  const Value callee = evaluate(*node.parts[0], home);
  Arguments given = arguments(node.given, home);
  if (caller != nullptr) {
    if (given.find("caller") != nullptr) fail_wrong("got multiple values for keyword argument 'caller'");
    given.named.emplace_back("caller", *caller);
  }
  line_ = node.line;
  return call(callee, given);
}

Value Renderer::call(const Value& callee, const Arguments& given) {
  switch (callee.kind) {
    case Kind::kUndefined: fail_undefined(callee);
    case Kind::kMacro: return call_macro(callee, given);
    case Kind::kMethod: return call_method(as<Method>(callee), given);
    case Kind::kFunction: return call_global(as<Function>(callee).name, given, {today_, rendered_.dated, namespaces_});
    case Kind::kLoop: return call_loop(callee, given);
    case Kind::kJoiner: given.expect_values("joiner", 0, 0); return call_joiner(as<Joiner>(callee));
    default: fail_wrong("'" + type_name(callee) + "' object is not callable");
  }
}

}  // namespace nudge::jinja
