// The syntax tree of a template.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "lib/text/jinja_value.h"

namespace nudge::jinja {

struct Node;
using Body = std::vector<Node*>;

// Where a name's value is: the number of functions outwards, and the slot there.
struct Slot {
  int outwards = 0, index = -1;
  bool always_bound = false;  // a parameter
};

// How the names of a scope are bound when it begins. At its end, all become unbound.
struct Scope {
  enum class Start { kParameter, kNothing, kCopied, kLookedUp };
  struct Binding {
    int index;
    Start start;
    Slot from;         // for kCopied
    std::string name;  // for kLookedUp: a variable or a global
  };
  std::vector<Binding> bindings;
};

// Code with its own slots at run time: the template, a macro, a recursive loop, a loop's condition.
struct FunctionScope {
  int slots = 0;
  Scope scope;
};

struct Given {
  std::vector<Node*> values;
  std::vector<std::pair<std::string, Node*>> named;
  Node* more = nullptr;        // *more
  Node* more_named = nullptr;  // **more_named
};

struct Node {
  enum class Type {
    kConstant,
    kName,
    kTuple,
    kList,
    kDict,
    kAttribute,
    kItem,
    kSlice,
    kCall,
    kFilter,
    kTest,
    kNot,
    kNegative,
    kPositive,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kFloorDivide,
    kModulo,
    kPower,
    kAnd,
    kOr,
    kConcat,
    kCompare,
    kCondition,
    kNamespaceField,  // as an assignment target
    kText,
    kOutput,
    kIf,
    kFor,
    kSet,
    kSetBlock,
    kMacro,
    kCallBlock,
    kGeneration,
    kFilterBlock,
    kWith,
    kBreak,
    kContinue,
    kUnsupported  // fails when reached; an expression or a statement
  };
  enum class Access { kLoad, kStore, kParameter };
  enum class Comparison { kEqual, kUnequal, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

  Type type;
  int line = 0, depth = 1;
  std::string name;  // of a name, attribute, filter, test, macro or unsupported construct
  Access access = Access::kLoad;
  Value constant;            // also the text, and the value of an undefined name
  std::vector<Node*> parts;  // operands in order; null if absent
  std::vector<Comparison> comparisons;
  Given given;
  std::vector<Body> bodies;  // if: one per condition, and the else; for: the body, and the else

  // For: parts are target, items, condition. Macro, call block: parts are parameters, then their defaults.
  bool recursive = false, soft = false;  // soft: a filter's or test's name is looked up only when reached
  std::size_t defaults = 0;
  bool takes_caller = false, takes_named = false, takes_more = false, loop_seen = false;
  Slot slot, caller_slot, named_slot, more_slot, loop_slot, target_slot;
  Scope scope, else_scope;
  FunctionScope function, condition_function;
};

struct Tree {
  std::deque<Node> nodes;  // owns all nodes, so that deep trees are destroyed without recursion
  Body body;
  FunctionScope function;
  bool has_blocks = false;
};

// Whether the expression has no variables or calls: jinja2 evaluates it at compile time.
bool is_constant(const Node& node);

// Error: TemplateError with cause kSyntax or kLimit.
void parse(std::string_view source, Tree& tree);

// Binds names to slots, as jinja2 binds them to variables of the program that it generates.
void resolve_names(Tree& tree);

bool is_filter(const std::string& name);  // a filter of jinja2, supported or not
bool is_test(const std::string& name);

}  // namespace nudge::jinja
