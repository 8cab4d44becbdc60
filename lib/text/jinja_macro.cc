// Macro calls, with jinja2's rules of binding parameters.
#include <algorithm>
#include <set>

#include "lib/text/jinja_renderer.h"

namespace nudge::jinja {

using Kind = Value::Kind;
using Type = Node::Type;

namespace {

// The named arguments that are not bound yet.
class Named {
 public:
  explicit Named(const Arguments& given) : given_(given) {}

  const Value* take(const std::string& name) {
    charge(1 + given_.named.size());
    const Value* const found = given_.find(name);
    if (found != nullptr) taken_.insert(name);
    return found;
  }
  bool empty() const { return taken_.size() == given_.named.size(); }
  Map rest() const {
    Map map;
    for (const auto& [name, value] : given_.named) {
      if (!taken_.contains(name)) map.set(name, value);
    }
    return map;
  }

 private:
  const Arguments& given_;
  std::set<std::string> taken_;
};

[[noreturn]] void fail_call(const Node& macro, const std::string& what) {
  fail_wrong("macro " + (macro.type == Type::kMacro ? repr_of_text(macro.name) : std::string("None")) + what);
}

[[noreturn]] void fail_named(const Node& macro, const Map& rest) {
  if (rest.find("caller") != nullptr) {
    fail_call(macro, " was invoked with two values for the special caller argument. This is most likely a bug.");
  }
  fail_call(macro, " takes no keyword argument " + repr(rest.begin()->first));
}

}  // namespace

Value Renderer::call_macro(const Value& callee, const Arguments& given) {
  if (++depth_ > kMostDepth) fail_limit("macros, blocks and expressions are nested too deeply");
  const Macro& macro = as<Macro>(callee);
  const int line = line_;
  std::string* const before = out_;
  std::string text;
  out_ = &text;
  {
    const Run inside(*this, activate(macro.node.function, macro.home));
    bind_arguments(macro, given, inside.home);
    run(macro.body, inside.home);
  }
  out_ = before;
  line_ = line;
  --depth_;
  return Value::of(std::move(text));
}

void Renderer::bind_arguments(const Macro& macro, const Arguments& given, const Home& inside) {
  const Node& node = macro.node;
  const std::size_t count = node.parts.size() - node.defaults, direct = std::min(given.values.size(), count);
  Named named(given);
  bool caller_found = false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& name = node.parts[i]->name;
    if (name == "caller" && (i >= direct || direct == count)) caller_found = true;
    const Value* const value = i < direct ? &given.values[i] : named.take(name);
    at(node.parts[i]->slot, inside) = value == nullptr ? Value::missing() : *value;
  }
  if (node.takes_caller && !caller_found) {
    const Value* const caller = named.take("caller");
    const bool none = caller == nullptr || caller->is(Kind::kNone);
    at(node.caller_slot, inside) = none ? Value::undefined("No caller defined") : *caller;
  }
  if (node.takes_named) at(node.named_slot, inside) = Value::of(named.rest());
  else if (!named.empty()) fail_named(node, named.rest());
  if (node.takes_more) {
    at(node.more_slot, inside) =
        Value::tuple({given.values.begin() + static_cast<std::ptrdiff_t>(direct), given.values.end()});
  } else if (given.values.size() > count) {
    fail_call(node, " takes not more than " + std::to_string(count) + " argument(s)");
  }
  bind_defaults(node, count, inside);
}

void Renderer::bind_defaults(const Node& node, std::size_t count, const Home& inside) {
  const std::size_t first_default = count - node.defaults;
  for (std::size_t i = 0; i < count; ++i) {
    Value& slot = at(node.parts[i]->slot, inside);
    if (!slot.is(Kind::kMissing)) continue;
    if (i < first_default) slot = Value::undefined("parameter '" + node.parts[i]->name + "' was not provided");
    else slot = evaluate(*node.parts[count + i - first_default], inside);
  }
}

}  // namespace nudge::jinja
