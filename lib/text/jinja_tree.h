// A template as a tree.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "lib/text/jinja_value.h"

namespace nudge::jinja {

struct Node;
using Body = std::vector<Node*>;

// Where a name's value lies: so many functions outwards, in that slot.
struct Slot {
  int outwards = 0, index = -1;
  bool always_bound = false;  // a parameter
};

// What happens to the names of a scope where it begins; at its end they all are bound to nothing.
struct Scope {
  enum class Start { kParameter, kNothing, kCopied, kLookedUp };
  struct Binding {
    int index;
    Start start;
    Slot from;         // of kCopied
    std::string name;  // of kLookedUp: a variable or a global
  };
  std::vector<Binding> bindings;
};

// What has names of its own that are there while it runs: the template, a macro, a recursive loop, a loop's condition.
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
    kNamespaceField,  // of a target
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
    kUnsupported  // fails where it is reached; an expression or a statement
  };
  enum class Access { kLoad, kStore, kParameter };
  enum class Comparison { kEqual, kUnequal, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

  Type type;
  int line = 0, depth = 1;
  std::string name;  // of names, attributes, filters, tests, macros, what is not supported
  Access access = Access::kLoad;
  Value constant;            // also the text, and what a name is that is undefined
  std::vector<Node*> parts;  // operands in order; null where one is absent
  std::vector<Comparison> comparisons;
  Given given;
  std::vector<Body> bodies;  // of an if one more than parts where there is an else; of a for the body, and the else

  // For: parts are target, items, condition. Macro, call block: parts are parameters, then their defaults.
  bool recursive = false, soft = false;  // soft: a filter's or test's name is looked up only where it is reached
  std::size_t defaults = 0;
  bool takes_caller = false, takes_named = false, takes_more = false, loop_seen = false;
  Slot slot, caller_slot, named_slot, more_slot, loop_slot, target_slot;
  Scope scope, else_scope;
  FunctionScope function, condition_function;
};

struct Tree {
  std::deque<Node> nodes;  // owns all, so that deep trees go without recursion
  Body body;
  FunctionScope function;
  bool has_blocks = false;
};

// Whether no variable takes part, nor a call: jinja2 computes it when it compiles.
bool is_constant(const Node& node);

// Error: TemplateError, of the cause kSyntax or kLimit.
void parse(std::string_view source, Tree& tree);

// Binds names to slots as jinja2 binds them to variables of its program.
void resolve_names(Tree& tree);

bool is_filter(const std::string& name);  // of jinja2's, supported or not
bool is_test(const std::string& name);

}  // namespace nudge::jinja
