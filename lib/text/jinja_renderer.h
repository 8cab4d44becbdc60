// Renders a template's tree.
#pragma once

#include "lib/text/jinja.h"
#include "lib/text/jinja_functions.h"
#include "lib/text/jinja_loop.h"
#include "lib/text/jinja_tree.h"

namespace nudge::jinja {

// The slots of a running function, or of a finished one that a macro defined in it refers to.
struct Activation {
  std::vector<Value> slots;
  std::shared_ptr<Activation> outer;
};
using Home = std::shared_ptr<Activation>;

struct Macro : Object {
  Macro(const Node& defined, const Body& what, Home where)
      : Object(sizeof *this), node(defined), body(what), home(std::move(where)) {}
  const Node& node;
  const Body& body;
  Home home;
};

class Renderer {
 public:
  Renderer(const Tree& tree, const Variables& variables, const Date& today)
      : tree_(tree), variables_(variables), today_(today) {}
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  Rendered run();

 private:
  enum class Flow { kOn, kBreak, kContinue };
  class Capture;  // collects output
  class Run {     // the execution of a function
   public:
    Run(Renderer& renderer, Home made) : home(std::move(made)), renderer_(renderer) {}
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    const Home home;

   private:
    Renderer& renderer_;
  };

  // Statements (jinja_renderer.cc).
  Flow run(const Body& body, const Home& home);
  Flow run(const Node& node, const Home& home);
  void write(std::string_view text);
  void write_block(const Value& value);
  void output(const Node& node, const Home& home);
  Flow choose(const Node& node, const Home& home);
  void run_for(const Node& node, const Home& home);
  void run_loop(const Node& node, const Value& items, const Home& home, const Home& outside, std::int64_t depth,
                const std::function<Value(const Value&, std::int64_t)>& again);
  Value filtered_items(const Node& node, const Value& items, const Home& outside);
  Value recurse(const Node& node, const Home& outside, const Value& items, std::int64_t depth);
  void run_set_block(const Node& node, const Home& home);
  void run_filter_block(const Node& node, const Home& home);
  Flow run_with(const Node& node, const Home& home);
  void run_call_block(const Node& node, const Home& home);
  void run_generation(const Node& node, const Home& home);
  void assign(const Node& target, const Value& value, const Home& home);
  void check_namespaces(const Node& target, const Home& home);

  // Scopes.
  void enter(const Scope& scope, Activation& home);
  static void leave(const Scope& scope, Activation& home);
  Home activate(const FunctionScope& function, const Home& outer);
  Value look_up(const std::string& name) const;
  static Value& at(const Slot& slot, const Home& home);

  // Expressions (jinja_evaluate.cc; macros: jinja_macro.cc).
  Value evaluate(const Node& node, const Home& home);
  Value evaluate_kind(const Node& node, const Home& home);
  Value::List values_of(const std::vector<Node*>& nodes, const Home& home);
  Value dict(const Node& node, const Home& home);
  Value item(const Node& node, const Home& home);
  Value concatenation(const Node& node, const Home& home);
  Value comparison(const Node& node, const Home& home);
  Value condition(const Node& node, const Home& home);
  Value filtered(const Node& node, const Value& value, const Home& home);
  Value block_filtered(const Node& node, const Value& block, const Home& home);  // through a chain of filters
  Value tested(const Node& node, const Home& home);
  Arguments arguments(const Given& given, const Home& home);
  Value call(const Node& node, const Home& home, const Value* caller = nullptr);
  Value call(const Value& callee, const Arguments& given);
  Value call_macro(const Value& callee, const Arguments& given);
  void bind_arguments(const Macro& macro, const Arguments& given, const Home& inside);
  void bind_defaults(const Node& node, std::size_t count, const Home& inside);

  const Tree& tree_;
  const Variables& variables_;
  const Date& today_;
  std::string text_;
  std::string* out_ = &text_;
  Rendered rendered_;
  std::vector<Home> kept_;                              // may be part of reference cycles; cleared at the end
  std::vector<std::shared_ptr<Namespace>> namespaces_;  // likewise
  int depth_ = 0, line_ = 0;
};

}  // namespace nudge::jinja
