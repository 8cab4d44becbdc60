// Name resolution. jinja2 compiles a template to a program in which a scope's name is a variable, bound when the scope
// begins to the outer value, or unbound if it is set first. Templates can observe that (a name set after a loop hides a
// variable from the loop), so the same is done here.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "lib/text/jinja_lexer.h"
#include "lib/text/jinja_tree.h"

namespace nudge::jinja {
namespace {

using Type = Node::Type;
using Start = Scope::Start;

// A function in jinja2's generated program; has slots.
struct Unit {
  FunctionScope& made;
  Unit* outer;
  std::map<std::pair<int, std::string>, int> slots;  // by scope depth and name

  int slot(int level, const std::string& name) {
    const auto [found, added] = slots.emplace(std::pair(level, name), made.slots);
    if (added) ++made.slots;
    return found->second;
  }
};

struct Reference {
  Unit* unit;
  int index;
};

// The names of a scope.
class Symbols {
 public:
  Symbols(Unit& unit, const Symbols* outer)
      : unit_(&unit), outer_(outer), level_(outer == nullptr ? 0 : outer->level_ + 1) {}

  std::optional<Reference> find(const std::string& name) const {
    for (const Symbols* s = this; s != nullptr; s = s->outer_) {
      if (const auto found = s->own_.find(name); found != s->own_.end()) return Reference{s->unit_, found->second};
    }
    return std::nullopt;
  }
  void declare(const std::string& name) {
    stores_.insert(name);
    define(name, {Start::kParameter, {}});
  }
  void load(const std::string& name) {
    if (!find(name)) define(name, {Start::kLookedUp, {}});
  }
  void store(const std::string& name) {
    stores_.insert(name);
    if (own_.contains(name)) return;
    const auto outside = outer_ == nullptr ? std::nullopt : outer_->find(name);
    define(name, outside ? Load{Start::kCopied, *outside} : Load{Start::kNothing, {}});
  }
  // Merges branches, of which at most one runs.
  void merge(const std::vector<Symbols>& branches) {
    std::set<std::string> set_in_some;
    for (const Symbols& branch : branches) {
      for (const std::string& name : branch.stores_) {
        if (!stores_.contains(name)) set_in_some.insert(name);
      }
    }
    for (const Symbols& branch : branches) {
      charge(16 * branch.own_.size());
      for (const auto& [name, index] : branch.own_) own_[name] = index;
      for (const auto& [name, load] : branch.loads_) loads_[name] = load;
      stores_.insert(branch.stores_.begin(), branch.stores_.end());
    }
    for (const std::string& name : set_in_some) {
      const auto outside = outer_ == nullptr ? std::nullopt : outer_->find(name);
      loads_[name] = outside ? Load{Start::kCopied, *outside} : Load{Start::kLookedUp, {}};
    }
  }
  Symbols copy() const {
    charge(16 * own_.size() + 1);
    return *this;
  }
  Unit& unit() const { return *unit_; }
  Scope scope() const;

 private:
  struct Load {
    Start start;
    std::optional<Reference> from;
  };
  void define(const std::string& name, const Load& load) {
    own_[name] = unit_->slot(level_, name);
    loads_[name] = load;
  }

  Unit* unit_;
  const Symbols* outer_;
  int level_;
  std::map<std::string, int> own_;
  std::map<std::string, Load> loads_;
  std::set<std::string> stores_;
};

Slot slot_of(const Reference& reference, const Unit& from) {
  Slot slot;
  slot.index = reference.index;
  for (const Unit* unit = &from; unit != reference.unit; unit = unit->outer) ++slot.outwards;
  return slot;
}

Scope Symbols::scope() const {
  Scope scope;
  for (const auto& [name, load] : loads_) {
    const Slot from = load.from ? slot_of(*load.from, *unit_) : Slot();
    scope.bindings.push_back({own_.at(name), load.start, from, load.start == Start::kLookedUp ? name : ""});
  }
  return scope;
}

// Calls f(part) for a node's parts, in the order of jinja2's fields.
template <class F>
void each_part(const Node& node, F f) {
  const auto call = [&](const Node* part) {
    if (part != nullptr) f(part);
  };
  const auto bodies = [&](std::size_t first = 0) {
    for (std::size_t i = first; i < node.bodies.size(); ++i)
      std::for_each(node.bodies[i].begin(), node.bodies[i].end(), call);
  };
  if (node.type == Type::kIf) {
    for (std::size_t i = 0; i < node.bodies.size(); ++i) {
      if (i < node.parts.size()) call(node.parts[i]);
      std::for_each(node.bodies[i].begin(), node.bodies[i].end(), call);
    }
    return;
  }
  if (node.type == Type::kFor) return call(node.parts[0]), call(node.parts[1]), bodies(), call(node.parts[2]);
  if (node.type == Type::kFilterBlock) return bodies(), call(node.parts[0]);
  if (node.type == Type::kCallBlock) std::for_each(node.bodies[0].begin(), node.bodies[0].end(), call);
  std::for_each(node.parts.begin(), node.parts.end(), call);
  std::for_each(node.given.values.begin(), node.given.values.end(), call);
  for (const auto& [key, value] : node.given.named) call(value);
  call(node.given.more), call(node.given.more_named);
  bodies(node.type == Type::kCallBlock ? 1 : 0);
}

// Which of `names` are read before they are set.
void find_unset(const Node* node, std::set<std::string>& names, std::set<std::string>& unset) {
  charge(1);
  if (node->type == Type::kName) {
    if (node->access != Node::Access::kLoad) names.erase(node->name);
    else if (names.contains(node->name)) unset.insert(node->name);
  }
  if (node->type == Type::kMacro || node->type != Type::kUnsupported) {
    each_part(*node, [&](const Node* part) { find_unset(part, names, unset); });
  }
}
std::set<std::string> unset_in(const Body& body, std::set<std::string> names) {
  std::set<std::string> unset;
  for (const Node* node : body) find_unset(node, names, unset);
  return unset;
}

bool sets_loop(const Node& node) {
  charge(1);
  bool sets = node.type == Type::kName && node.access == Node::Access::kStore && node.name == "loop";
  each_part(node, [&](const Node* part) { sets = sets || sets_loop(*part); });
  return sets;
}

// Finds the names of one scope, skipping nested scopes.
class Scanner {
 public:
  explicit Scanner(Symbols& symbols) : symbols_(&symbols) {}

  void scan(const Body& body) {
    for (const Node* node : body) scan(node);
  }
  void scan_target(const Node* node) {  // a loop's target
    if (node->type == Type::kName) symbols_->declare(node->name);
    for (const Node* part : node->parts) scan_target(part);
  }
  void scan(const Node* node) {
    if (node == nullptr) return;
    switch (node->type) {
      case Type::kName: return scan_name(*node);
      case Type::kNamespaceField: return symbols_->load(node->name);
      case Type::kIf: return scan_if(*node);
      case Type::kMacro: return symbols_->store(node->name);
      case Type::kSet: return scan(node->parts[1]), scan(node->parts[0]);
      case Type::kFor: return scan(node->parts[1]);
      case Type::kCallBlock: return scan(node->bodies[0]);
      case Type::kSetBlock:
      case Type::kFilterBlock: return scan(node->parts[0]);
      case Type::kGeneration:
      case Type::kUnsupported: return;
      case Type::kWith:
        for (std::size_t i = 1; i < node->parts.size(); i += 2) scan(node->parts[i]);
        return;
      default: each_part(*node, [&](const Node* part) { scan(part); });
    }
  }

 private:
  void scan_name(const Node& node) {
    if (node.access == Node::Access::kParameter) symbols_->declare(node.name);
    else if (node.access == Node::Access::kStore) symbols_->store(node.name);
    else symbols_->load(node.name);
  }
  Symbols branch(const Body& body) const {
    Symbols copy = symbols_->copy();
    Scanner(copy).scan(body);
    return copy;
  }
  void scan_if(const Node& node) {
    scan(node.parts[0]);
    std::vector<Symbols> branches = {branch(node.bodies[0]), symbols_->copy()};
    Scanner elifs(branches[1]);
    for (std::size_t i = 1; i < node.parts.size(); ++i) {
      elifs.scan(node.parts[i]);
      branches[1].merge({elifs.branch(node.bodies[i])});
    }
    if (node.bodies.size() > node.parts.size()) branches.push_back(branch(node.bodies.back()));
    symbols_->merge(branches);
  }

  Symbols* symbols_;
};

// Assigns each name a slot.
class Binder {
 public:
  explicit Binder(Tree& tree) : tree_(tree) {}

  void run() {
    Unit unit{tree_.function, nullptr, {}};
    Symbols symbols(unit, nullptr);
    Scanner(symbols).scan(tree_.body);
    tree_.function.scope = symbols.scope();
    bind(tree_.body, {symbols, unit, false, 0});
  }

 private:
  struct Frame {
    const Symbols& symbols;
    Unit& unit;  // the function that contains the code
    bool soft;
    int loops;  // the unit's loops around the code
  };

  void bind(const Body& body, const Frame& frame) {
    for (Node* node : body) bind(node, frame);
  }
  void bind(Node* node, const Frame& frame) {
    if (node == nullptr) return;
    switch (node->type) {
      case Type::kName:
      case Type::kNamespaceField: node->slot = slot(node->name, frame); return;
      case Type::kCondition: return bind_parts(*node, {frame.symbols, frame.unit, true, frame.loops});
      case Type::kFilter:
      case Type::kTest: return bind_named(*node, frame);
      case Type::kIf: return bind_if(*node, {frame.symbols, frame.unit, true, frame.loops});
      case Type::kFor: return bind_for(*node, frame);
      case Type::kSetBlock: return bind_set_block(*node, frame);
      case Type::kFilterBlock: return bind_filter_block(*node, frame);
      case Type::kWith: return bind_with(*node, frame);
      case Type::kMacro:
        bind_function(*node, node->bodies[0], frame);
        node->target_slot = slot(node->name, frame);
        return;
      case Type::kCallBlock: bind_function(*node, node->bodies[1], frame); return bind(node->bodies[0], frame);
      case Type::kGeneration: return bind_function(*node, node->bodies[0], frame);
      case Type::kBreak:
      case Type::kContinue:
        if (frame.loops == 0) {
          fail_syntax(node->type == Type::kBreak ? "'break' outside loop" : "'continue' not properly in loop",
                      node->line);
        }
        return;
      case Type::kUnsupported: return;
      default: bind_parts(*node, frame);
    }
  }
  void bind_parts(const Node& node, const Frame& frame) {
    each_part(node, [&](const Node* part) { bind(const_cast<Node*>(part), frame); });
  }
  static Slot slot(const std::string& name, const Frame& frame) {
    const auto found = frame.symbols.find(name);
    // jinja2 fails here, too: it doesn't look into the filters of a set block.
    if (!found) fail_unsupported("the name \"" + name + "\" in a filter of a set block");
    return slot_of(*found, frame.unit);
  }
  void bind_named(Node& node, const Frame& frame) {
    const bool filter = node.type == Type::kFilter;
    node.soft = frame.soft;
    if (!frame.soft && !(filter ? is_filter(node.name) : is_test(node.name))) {
      fail_syntax(std::string("No ") + (filter ? "filter" : "test") + " named '" + node.name + "'.", node.line);
    }
    bind_parts(node, frame);
  }
  void bind_if(const Node& node, const Frame& frame) { bind_parts(node, frame); }

  void bind_for(Node& node, const Frame& frame) {
    if (sets_loop(node)) fail_syntax("Can't assign to special loop variable in for-loop target", node.line);
    bind(node.parts[1], frame);
    Unit own{node.function, &frame.unit, {}};
    Unit& unit = node.recursive ? own : frame.unit;
    Symbols inside(unit, &frame.symbols), otherwise(unit, &frame.symbols);
    node.loop_seen = node.recursive || !unset_in(node.bodies[0], {"loop"}).empty();
    if (node.loop_seen) inside.declare("loop");
    Scanner(inside).scan_target(node.parts[0]);
    Scanner(inside).scan(node.bodies[0]);
    Scanner(otherwise).scan(node.bodies[1]);
    if (node.parts[2] != nullptr) bind_condition(node, frame);
    const int loops = node.recursive ? 0 : frame.loops;
    const Frame body{inside, unit, false, loops + 1};
    bind(node.parts[0], body);
    if (node.loop_seen) node.loop_slot = slot("loop", body);
    bind(node.bodies[0], body);
    bind(node.bodies[1], {otherwise, unit, false, loops});
    node.scope = inside.scope();
    node.else_scope = otherwise.scope();
  }

  // The condition is a function that iterates over the items, with its own copies of the loop's names.
  void bind_condition(Node& node, const Frame& frame) {
    Unit unit{node.condition_function, &frame.unit, {}};
    Symbols symbols(unit, &frame.symbols);
    Scanner scanner(symbols);
    scanner.scan_target(node.parts[0]);
    scanner.scan(node.parts[2]);
    const Frame inside{symbols, unit, false, 0};
    bind(node.parts[2], inside);
    node.parts.push_back(copy_of(node.parts[0]));
    bind(node.parts[3], inside);
    node.condition_function.scope = symbols.scope();
  }
  Node* copy_of(const Node* target) {
    Node& copy = tree_.nodes.emplace_back(*target);
    for (Node*& part : copy.parts) part = copy_of(part);
    return &copy;
  }

  void bind_set_block(Node& node, const Frame& frame) {
    Symbols inside(frame.unit, &frame.symbols);
    Scanner(inside).scan(node.bodies[0]);
    const Frame body{inside, frame.unit, false, frame.loops};
    bind(node.bodies[0], body);
    bind(node.parts[0], frame);
    bind(node.parts[1], body);
    node.scope = inside.scope();
  }
  void bind_filter_block(Node& node, const Frame& frame) {
    Symbols inside(frame.unit, &frame.symbols);
    Scanner(inside).scan(node.bodies[0]);
    Scanner(inside).scan(node.parts[0]);
    const Frame body{inside, frame.unit, false, frame.loops};
    bind(node.bodies[0], body);
    bind(node.parts[0], body);
    node.scope = inside.scope();
  }
  void bind_with(Node& node, const Frame& frame) {
    Symbols inside(frame.unit, &frame.symbols);
    for (std::size_t i = 0; i < node.parts.size(); i += 2) Scanner(inside).scan(node.parts[i]);
    Scanner(inside).scan(node.bodies[0]);
    const Frame body{inside, frame.unit, false, frame.loops};
    for (std::size_t i = 0; i < node.parts.size(); ++i) bind(node.parts[i], i % 2 == 0 ? body : frame);
    bind(node.bodies[0], body);
    node.scope = inside.scope();
  }

  // A macro, or a call block.
  void bind_function(Node& node, const Body& body, const Frame& frame) {
    Unit unit{node.function, &frame.unit, {}};
    Symbols inside(unit, &frame.symbols);
    for (const Node* part : node.parts) Scanner(inside).scan(part);
    Scanner(inside).scan(body);
    const std::set<std::string> unset = unset_in(body, {"caller", "kwargs", "varargs"});
    const std::size_t parameters = node.parts.size() - node.defaults;
    const auto parameter = [&](const std::string& name) {
      const auto end = node.parts.begin() + static_cast<std::ptrdiff_t>(parameters);
      return std::find_if(node.parts.begin(), end, [&](const Node* p) { return p->name == name; }) - node.parts.begin();
    };
    const auto is_parameter = [&](const char* name) {
      return parameter(name) < static_cast<std::ptrdiff_t>(parameters);
    };
    node.takes_caller = unset.contains("caller");
    if (node.takes_caller && is_parameter("caller") &&
        parameter("caller") < static_cast<std::ptrdiff_t>(parameters - node.defaults)) {
      fail_syntax(
          "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.",
          node.line);
    }
    node.takes_named = unset.contains("kwargs") && !is_parameter("kwargs");
    node.takes_more = unset.contains("varargs") && !is_parameter("varargs");
    if (node.takes_caller && !is_parameter("caller")) inside.declare("caller");
    if (node.takes_named) inside.declare("kwargs");
    if (node.takes_more) inside.declare("varargs");
    const Frame made{inside, unit, false, 0};
    if (node.takes_caller) node.caller_slot = slot("caller", made);
    if (node.takes_named) node.named_slot = slot("kwargs", made);
    if (node.takes_more) node.more_slot = slot("varargs", made);
    for (Node* part : node.parts) bind(part, made);
    bind(body, made);
    node.function.scope = inside.scope();
  }

  Tree& tree_;
};

}  // namespace

void resolve_names(Tree& tree) { Binder(tree).run(); }

}  // namespace nudge::jinja
