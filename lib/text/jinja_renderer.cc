#include "lib/text/jinja_renderer.h"

namespace nudge::jinja {

using Kind = Value::Kind;
using Type = Node::Type;

class Renderer::Capture {
 public:
  explicit Capture(Renderer& renderer) : renderer_(renderer), before_(renderer.out_) { renderer.out_ = &text; }
  ~Capture() { renderer_.out_ = before_; }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  std::string text;

 private:
  Renderer& renderer_;
  std::string* before_;
};

// Breaks reference cycles, which would leak.
Renderer::~Renderer() {
  for (const auto& space : namespaces_) space->fields = Map();
  for (const Home& home : kept_) home->slots.clear();
}

Rendered Renderer::run() {
  try {
    const Home home = activate(tree_.function, nullptr);
    kept_.push_back(home);
    run(tree_.body, home);
  } catch (const TemplateError& e) {
    throw TemplateError(e.cause(), e.words(), line_);
  }
  rendered_.text = std::move(text_);
  return std::move(rendered_);
}

void Renderer::write(std::string_view text) {
  if (out_->size() + text.size() > kMostText) fail_limit("the text that the template makes is too long");
  charge_text(text.size());
  out_->append(text);
}

// Unlike an output, the result of a block is not converted to a string by jinja2.
void Renderer::write_block(const Value& value) {
  if (!value.is(Kind::kText)) fail_wrong("sequence item: expected str instance, " + type_name(value) + " found");
  write(value.text());
}

Value Renderer::look_up(const std::string& name) const {
  if (name == "self") {  // the template's blocks
    return Value::make(Kind::kFunction, std::make_shared<Function>(tree_.has_blocks ? "self with blocks" : "self"));
  }
  const auto found = variables_.find(name);
  return found == variables_.end() ? global(name) : found->second;
}

Value& Renderer::at(const Slot& slot, const Home& home) {
  Activation* a = home.get();
  for (int i = 0; i < slot.outwards; ++i) a = a->outer.get();
  return a->slots[static_cast<std::size_t>(slot.index)];
}

void Renderer::enter(const Scope& scope, Activation& home) {
  for (const Scope::Binding& binding : scope.bindings) {
    Value& slot = home.slots[static_cast<std::size_t>(binding.index)];
    switch (binding.start) {
      case Scope::Start::kParameter: break;
      case Scope::Start::kNothing: slot = Value::missing(); break;
      case Scope::Start::kLookedUp: slot = look_up(binding.name); break;
      case Scope::Start::kCopied: {
        Activation* a = &home;
        for (int i = 0; i < binding.from.outwards; ++i) a = a->outer.get();
        slot = a->slots[static_cast<std::size_t>(binding.from.index)];
      }
    }
  }
}

void Renderer::leave(const Scope& scope, Activation& home) {
  for (const Scope::Binding& binding : scope.bindings)
    home.slots[static_cast<std::size_t>(binding.index)] = Value::missing();
}

Home Renderer::activate(const FunctionScope& function, const Home& outer) {
  if (kept_.size() > 10'000) fail_limit("too many macros are defined inside macros");
  auto home = std::make_shared<Activation>();
  home->slots.assign(static_cast<std::size_t>(function.slots), Value::missing());
  home->outer = outer;
  enter(function.scope, *home);
  return home;
}

// A macro defined there refers to it, and may be one of its own values.
Renderer::Run::~Run() {
  if (home.use_count() > 1) renderer_.kept_.push_back(home);
}

Renderer::Flow Renderer::run(const Body& body, const Home& home) {
  for (const Node* node : body) {
    const Flow flow = run(*node, home);
    if (flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Renderer::Flow Renderer::run(const Node& node, const Home& home) {
  charge(1);
  line_ = node.line;
  if (++depth_ > kMostDepth) fail_limit("macros, blocks and expressions are nested too deeply");
  Flow flow = Flow::kOn;
  switch (node.type) {
    case Type::kText: write(node.constant.text()); break;
    case Type::kOutput: output(node, home); break;
    case Type::kIf: flow = choose(node, home); break;
    case Type::kFor: run_for(node, home); break;
    case Type::kSet:
      check_namespaces(*node.parts[0], home);
      assign(*node.parts[0], evaluate(*node.parts[1], home), home);
      break;
    case Type::kSetBlock: run_set_block(node, home); break;
    case Type::kMacro:
      at(node.target_slot, home) = Value::make(Kind::kMacro, std::make_shared<Macro>(node, node.bodies[0], home));
      break;
    case Type::kCallBlock: run_call_block(node, home); break;
    case Type::kGeneration: run_generation(node, home); break;
    case Type::kFilterBlock: run_filter_block(node, home); break;
    case Type::kWith: flow = run_with(node, home); break;
    case Type::kBreak: flow = Flow::kBreak; break;
    case Type::kContinue: flow = Flow::kContinue; break;
    case Type::kUnsupported: fail_unsupported(node.name);
    default: break;
  }
  --depth_;
  return flow;
}

void Renderer::output(const Node& node, const Home& home) {
  for (const Node* part : node.parts) {
    const Value value = evaluate(*part, home);
    if (value.is(Kind::kText)) write(value.text());
    else write(to_text(value));
  }
}

Renderer::Flow Renderer::choose(const Node& node, const Home& home) {
  for (std::size_t i = 0; i < node.parts.size(); ++i) {
    if (evaluate(*node.parts[i], home).truth()) return run(node.bodies[i], home);
  }
  return node.bodies.size() > node.parts.size() ? run(node.bodies.back(), home) : Flow::kOn;
}

// The items that pass a loop's condition, which is evaluated lazily.
Value Renderer::filtered_items(const Node& node, const Value& items, const Home& outside) {
  const Home home = activate(node.condition_function, outside);
  auto next = [this, &node, home, over = iterate(items)](Value& value) {
    while (over->next(value)) {
      assign(*node.parts[3], value, home);
      if (evaluate(*node.parts[2], home).truth()) return true;
    }
    return false;
  };
  return Value::make(Kind::kIterator, std::make_shared<Generator>("generator", depth_of(items), std::move(next)));
}

void Renderer::run_for(const Node& node, const Home& home) {
  const Value items = evaluate(*node.parts[1], home);
  if (node.recursive) return write(recurse(node, home, items, 0).text());
  run_loop(node, items, home, home, 0, nullptr);
}

// Renders a recursive loop over the items.
Value Renderer::recurse(const Node& node, const Home& outside, const Value& items, std::int64_t depth) {
  if (++depth_ > kMostDepth) fail_limit("macros, blocks and expressions are nested too deeply");
  Capture capture(*this);
  const Run inside(*this, activate(node.function, outside));
  const auto again = [this, &node, outside](const Value& over, std::int64_t level) {
    return recurse(node, outside, over, level);
  };
  run_loop(node, items, inside.home, outside, depth, again);
  --depth_;
  return Value::of(std::move(capture.text));
}

void Renderer::run_loop(const Node& node, const Value& items, const Home& home, const Home& outside, std::int64_t depth,
                        const std::function<Value(const Value&, std::int64_t)>& again) {
  const Value over = node.parts[2] == nullptr ? items : filtered_items(node, items, outside);
  const auto loop = std::make_shared<Loop>(over, depth);
  loop->again = again;
  bool empty = true;
  for (Value item; loop->advance(item); empty = false) {
    charge(1);
    line_ = node.line;
    if (node.loop_seen) at(node.loop_slot, home) = Value::make(Kind::kLoop, loop);
    assign(*node.parts[0], item, home);
    enter(node.scope, *home);
    if (run(node.bodies[0], home) == Flow::kBreak) {
      empty = false;
      break;
    }
  }
  leave(node.scope, *home);
  loop->again = nullptr;
  if (!empty || node.bodies[1].empty()) return;
  enter(node.else_scope, *home);
  run(node.bodies[1], home);
  leave(node.else_scope, *home);
}

void Renderer::run_set_block(const Node& node, const Home& home) {
  Value value;
  enter(node.scope, *home);
  {
    Capture capture(*this);
    run(node.bodies[0], home);
    value = Value::of(std::move(capture.text));
  }
  if (node.parts[1] != nullptr) value = block_filtered(*node.parts[1], value, home);
  assign(*node.parts[0], value, home);
  leave(node.scope, *home);
}

void Renderer::run_filter_block(const Node& node, const Home& home) {
  Value value;
  enter(node.scope, *home);
  {
    Capture capture(*this);
    run(node.bodies[0], home);
    value = Value::of(std::move(capture.text));
  }
  write_block(block_filtered(*node.parts[0], value, home));
  leave(node.scope, *home);
}

Renderer::Flow Renderer::run_with(const Node& node, const Home& home) {
  enter(node.scope, *home);
  for (std::size_t i = 0; i < node.parts.size(); i += 2) {
    assign(*node.parts[i], evaluate(*node.parts[i + 1], home), home);
  }
  const Flow flow = run(node.bodies[0], home);
  leave(node.scope, *home);
  return flow;
}

void Renderer::run_call_block(const Node& node, const Home& home) {
  const Value caller = Value::make(Kind::kMacro, std::make_shared<Macro>(node, node.bodies[1], home));
  write_block(call(*node.bodies[0][0], home, &caller));
}

// transformers implements it as a call of an anonymous macro.
void Renderer::run_generation(const Node& node, const Home& home) {
  const Value block = Value::make(Kind::kMacro, std::make_shared<Macro>(node, node.bodies[0], home));
  const bool placed = out_ == &text_;
  const Value text = call_macro(block, {});
  const std::size_t begin = text_.size();
  write(text.text());
  if (placed) rendered_.generations.emplace_back(begin, text_.size());
  else rendered_.unplaced = true;
}

void Renderer::check_namespaces(const Node& target, const Home& home) {
  if (target.type == Type::kNamespaceField && !at(target.slot, home).is(Kind::kNamespace)) {
    fail_wrong("cannot assign attribute on non-namespace object");
  }
  for (const Node* part : target.parts) check_namespaces(*part, home);
}

void Renderer::assign(const Node& target, const Value& value, const Home& home) {
  if (target.type == Type::kName) {
    at(target.slot, home) = value;
    return;
  }
  if (target.type == Type::kNamespaceField) {
    Value& space = at(target.slot, home);
    if (!space.is(Kind::kNamespace)) fail_wrong("cannot assign attribute on non-namespace object");
    as<Namespace>(space).fields.set(target.constant, value);
    return;
  }
  const std::size_t expected = target.parts.size();
  if (!can_iterate(value)) fail_wrong("cannot unpack non-iterable " + type_name(value) + " object");
  Value::List parts;
  const auto values = iterate(value);
  for (Value v; parts.size() <= expected && values->next(v);) parts.push_back(v);
  if (parts.size() > expected) fail_wrong("too many values to unpack (expected " + std::to_string(expected) + ")");
  if (parts.size() < expected) {
    fail_wrong("not enough values to unpack (expected " + std::to_string(expected) + ", got " +
               std::to_string(parts.size()) + ")");
  }
  for (std::size_t i = 0; i < expected; ++i) assign(*target.parts[i], parts[i], home);
}

std::string macro_name(const Value& macro) {
  const Node& node = as<Macro>(macro).node;
  return node.type == Type::kMacro ? repr_of_text(node.name) : "anonymous";
}

}  // namespace nudge::jinja
