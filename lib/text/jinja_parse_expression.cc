#include <algorithm>

#include "lib/text/jinja_parser.h"

namespace nudge::jinja {

bool is_constant(const Node& node) {
  const auto constant = [](const Node* part) { return part == nullptr || is_constant(*part); };
  switch (node.type) {
    case Node::Type::kName:
    case Node::Type::kCall:
    case Node::Type::kUnsupported: return false;
    default: break;
  }
  const Given& given = node.given;
  return std::all_of(node.parts.begin(), node.parts.end(), constant) &&
         std::all_of(given.values.begin(), given.values.end(), constant) && given.named.empty() &&
         constant(given.more) && constant(given.more_named);
}

Node* Parser::make(Type type, int line) {
  Node& node = tree_.nodes.emplace_back();
  node.type = type;
  node.line = line;
  return &node;
}

Node* Parser::grown(Node* node) {
  const auto under = [&](const Node* part) {
    if (part != nullptr) node->depth = std::max(node->depth, part->depth + 1);
  };
  for (const Node* part : node->parts) under(part);
  for (const Node* value : node->given.values) under(value);
  for (const auto& [key, value] : node->given.named) under(value);
  under(node->given.more), under(node->given.more_named);
  if (node->depth > kMostNesting) fail_limit("an expression is nested too deeply");
  return node;
}

Node* Parser::make_binary(Type type, int line, Node* left, Node* right) {
  Node* const node = make(type, line);
  node->parts = {left, right};
  return grown(node);
}

Node* Parser::unsupported(const std::string& what, int line) {
  Node* const node = make(Type::kUnsupported, line);
  node->name = what;
  return node;
}

Node* Parser::condition() {
  const Level level(*this);
  int line = current().line;
  Node* value = disjunction();
  while (skip_word("if")) {
    Node* const node = make(Type::kCondition, line);
    Node* const test = disjunction();
    node->parts = {test, value, skip_word("else") ? condition() : nullptr};
    value = grown(node);
    line = current().line;
  }
  return value;
}

Node* Parser::disjunction() {
  int line = current().line;
  Node* left = conjunction();
  while (skip_word("or")) {
    left = make_binary(Type::kOr, line, left, conjunction());
    line = current().line;
  }
  return left;
}

Node* Parser::conjunction() {
  int line = current().line;
  Node* left = negation();
  while (skip_word("and")) {
    left = make_binary(Type::kAnd, line, left, negation());
    line = current().line;
  }
  return left;
}

Node* Parser::negation() {
  if (!is_word("not")) return comparison();
  const Level level(*this);
  Node* const node = make(Type::kNot, take().line);
  node->parts = {negation()};
  return grown(node);
}

bool Parser::comparison_sign(Node* node) {
  using Comparison = Node::Comparison;
  constexpr std::pair<std::string_view, Comparison> kSigns[] = {
      {"==", Comparison::kEqual},     {"!=", Comparison::kUnequal}, {"<", Comparison::kLess},
      {"<=", Comparison::kLessEqual}, {">", Comparison::kGreater},  {">=", Comparison::kGreaterEqual}};
  for (const auto& [sign, comparison] : kSigns) {
    if (skip_sign(sign)) return node->comparisons.push_back(comparison), true;
  }
  if (skip_word("in")) return node->comparisons.push_back(Comparison::kIn), true;
  if (!is_word("not") || following().type != Token::Type::kName || following().text != "in") return false;
  take(), take();
  node->comparisons.push_back(Comparison::kNotIn);
  return true;
}

Node* Parser::comparison() {
  Node* const node = make(Type::kCompare, current().line);
  node->parts = {sum()};
  while (comparison_sign(node)) node->parts.push_back(sum());
  return node->comparisons.empty() ? node->parts[0] : grown(node);
}

Node* Parser::sum() {
  int line = current().line;
  Node* left = concatenation();
  while (is_sign("+") || is_sign("-")) {
    const Type type = take().text == "+" ? Type::kAdd : Type::kSubtract;
    left = make_binary(type, line, left, concatenation());
    line = current().line;
  }
  return left;
}

Node* Parser::concatenation() {
  const int line = current().line;
  Node* const first = product();
  if (!is_sign("~")) return first;
  Node* const node = make(Type::kConcat, line);
  node->parts = {first};
  while (skip_sign("~")) node->parts.push_back(product());
  return grown(node);
}

Node* Parser::product() {
  constexpr std::pair<std::string_view, Type> kSigns[] = {
      {"*", Type::kMultiply}, {"/", Type::kDivide}, {"//", Type::kFloorDivide}, {"%", Type::kModulo}};
  int line = current().line;
  Node* left = power();
  for (;;) {
    const auto found =
        std::find_if(std::begin(kSigns), std::end(kSigns), [&](const auto& s) { return is_sign(s.first); });
    if (found == std::end(kSigns)) return left;
    take();
    left = make_binary(found->second, line, left, power());
    line = current().line;
  }
}

Node* Parser::power() {
  int line = current().line;
  Node* left = unary();
  while (skip_sign("**")) {
    left = make_binary(Type::kPower, line, left, unary());
    line = current().line;
  }
  return left;
}

Node* Parser::unary(bool with_filter) {
  const Level level(*this);
  Node* node = nullptr;
  if (is_sign("-") || is_sign("+")) {
    node = make(is_sign("-") ? Type::kNegative : Type::kPositive, current().line);
    take();
    node->parts = {unary(false)};
    grown(node);
  } else {
    node = primary();
  }
  node = postfix(node);
  return with_filter ? filters(node) : node;
}

Node* Parser::primary(bool with_namespace) {
  const Token& token = current();
  switch (token.type) {
    case Token::Type::kName: return name(with_namespace);
    case Token::Type::kText: return text_literal();
    case Token::Type::kInteger:
    case Token::Type::kFloat: return number_literal();
    default: break;
  }
  if (skip_sign("(")) {
    Node* const node = tuple(false, true, {}, true);
    expect_sign(")");
    return node;
  }
  if (is_sign("[")) return list();
  if (is_sign("{")) return dict();
  fail("unexpected '" + (token.type == Token::Type::kSign ? token.text : std::string("end")) + "'");
}

Node* Parser::name(bool with_namespace) {
  const Token& token = take();
  const std::string& word = token.text;
  const bool yes = word == "true" || word == "True";
  if (yes || word == "false" || word == "False" || word == "none" || word == "None") {
    Node* const node = make(Type::kConstant, token.line);
    node->constant = word == "none" || word == "None" ? Value::none() : Value::boolean(yes);
    return node;
  }
  const bool field = with_namespace && skip_sign(".");
  Node* const node = make(field ? Type::kNamespaceField : Type::kName, token.line);
  node->name = word;
  if (field) node->constant = Value::of(expect_name());
  else node->constant = Value::undefined("'" + word + "' is undefined");
  return node;
}

Node* Parser::text_literal() {
  Node* const node = make(Type::kConstant, current().line);
  std::string text;
  while (current().type == Token::Type::kText) text += take().text;
  node->constant = Value::of(std::move(text));
  return node;
}

Node* Parser::number_literal() {
  const Token& token = take();
  if (token.number.is(Value::Kind::kMissing)) {
    return unsupported("the number " + token.text + ", which is beyond 64 bits,", token.line);
  }
  Node* const node = make(Type::kConstant, token.line);
  node->constant = token.number;
  return node;
}

Node* Parser::list() {
  Node* const node = make(Type::kList, take().line);
  while (!is_sign("]")) {
    if (!node->parts.empty()) expect_sign(",");
    if (is_sign("]")) break;
    node->parts.push_back(expression());
  }
  expect_sign("]");
  return grown(node);
}

// jinja2 fails if such a dict is part of an expression that it evaluates at compile time, reached or not; elsewhere it
// doesn't.
void Parser::check_keys(const Node& dict) {
  for (std::size_t i = 0; i < dict.parts.size(); i += 2) {
    const Type type = dict.parts[i]->type;
    if (type == Type::kList || type == Type::kDict) {
      fail_unsupported("line " + std::to_string(dict.line) + ": a dict with a list or a dict for a key");
    }
  }
}

Node* Parser::dict() {
  Node* const node = make(Type::kDict, take().line);
  while (!is_sign("}")) {
    if (!node->parts.empty()) expect_sign(",");
    if (is_sign("}")) break;
    node->parts.push_back(expression());
    expect_sign(":");
    node->parts.push_back(expression());
  }
  expect_sign("}");
  if (is_constant(*grown(node))) check_keys(*node);
  return node;
}

bool Parser::tuple_ends(Words ends) const {
  const Token::Type type = current().type;
  return type == Token::Type::kOutputEnd || type == Token::Type::kBlockEnd || is_sign(")") || is_one_of(ends);
}

// One expression, or several separated by commas.
Node* Parser::tuple(bool simple, bool with_condition, Words ends, bool in_parentheses, bool with_namespace) {
  const Level level(*this);
  Node* const node = make(Type::kTuple, current().line);
  bool several = false;
  for (;;) {
    if (!node->parts.empty()) expect_sign(",");
    if (tuple_ends(ends)) break;
    node->parts.push_back(simple ? primary(with_namespace) : expression(with_condition));
    if (!is_sign(",")) break;
    several = true;
  }
  if (several) return grown(node);
  if (!node->parts.empty()) return node->parts[0];
  if (!in_parentheses) fail("Expected an expression");
  return node;
}

Node* Parser::postfix(Node* node) {
  for (;;) {
    if (is_sign(".") || is_sign("[")) node = subscript(node);
    else if (is_sign("(")) node = call(node);
    else return node;
  }
}

Node* Parser::filters(Node* node) {
  for (;;) {
    if (is_sign("|")) node = filter(node, false);
    else if (is_word("is")) node = test(node);
    else if (is_sign("(")) node = call(node);
    else return node;
  }
}

Node* Parser::subscript(Node* node) {
  const Token& token = take();
  if (token.text == ".") {
    if (current().type == Token::Type::kName) {
      Node* const attribute = make(Type::kAttribute, token.line);
      attribute->name = take().text;
      attribute->parts = {node};
      return grown(attribute);
    }
    if (current().type != Token::Type::kInteger) fail("expected name or number");
    return make_binary(Type::kItem, token.line, node, number_literal());
  }
  Node* const indices = make(Type::kTuple, token.line);
  while (!is_sign("]")) {
    if (!indices->parts.empty()) expect_sign(",");
    indices->parts.push_back(subscribed());
  }
  expect_sign("]");
  Node* const index = indices->parts.size() == 1 ? indices->parts[0] : grown(indices);
  return make_binary(Type::kItem, token.line, node, index);
}

Node* Parser::subscribed() {
  const int line = current().line;
  const auto ends = [&] { return is_sign(":") || is_sign("]") || is_sign(","); };
  Node* first = nullptr;
  if (!is_sign(":")) {
    first = expression();
    if (!is_sign(":")) return first;
  }
  take();
  Node* const node = make(Type::kSlice, line);
  Node* const last = ends() ? nullptr : expression();
  Node* step = nullptr;
  if (skip_sign(":") && !is_sign("]") && !is_sign(",")) step = expression();
  node->parts = {first, last, step};
  return grown(node);
}

void Parser::argument(Given& given, std::set<std::string>& names, int line) {
  const auto ensure = [&](bool holds) {
    if (!holds) fail_syntax("invalid syntax for function call expression", line);
  };
  if (skip_sign("*")) {
    ensure(given.more == nullptr && given.more_named == nullptr);
    given.more = expression();
  } else if (skip_sign("**")) {
    ensure(given.more_named == nullptr);
    given.more_named = expression();
  } else if (current().type == Token::Type::kName && following().type == Token::Type::kSign &&
             following().text == "=") {
    ensure(given.more_named == nullptr);
    const std::string key = take().text;
    take();
    if (!names.insert(key).second) fail_syntax("keyword argument repeated: " + key, line);
    given.named.emplace_back(key, expression());
  } else {
    ensure(given.more == nullptr && given.more_named == nullptr && given.named.empty());
    given.values.push_back(expression());
  }
}

void Parser::given(Given& given) {
  const int line = current().line;
  std::set<std::string> names;
  expect_sign("(");
  for (bool first = true; !is_sign(")"); first = false) {
    if (!first) {
      expect_sign(",");
      if (is_sign(")")) break;
    }
    argument(given, names, line);
  }
  expect_sign(")");
}

Node* Parser::call(Node* node) {
  Node* const made = make(Type::kCall, current().line);
  made->parts = {node};
  given(made->given);
  return grown(made);
}

std::string Parser::dotted_name() {
  std::string name = expect_name();
  while (skip_sign(".")) name += "." + expect_name();
  return name;
}

// `node` may be null, for the content of a block.
Node* Parser::filter(Node* node, bool started) {
  while (started || is_sign("|")) {
    if (!started) take();
    started = false;
    Node* const made = make(Type::kFilter, current().line);
    made->name = dotted_name();
    made->parts = {node};
    if (is_sign("(")) given(made->given);
    node = grown(made);
  }
  return node;
}

bool Parser::test_takes_argument() const {
  switch (current().type) {
    case Token::Type::kName: return !is_one_of({"else", "or", "and"});
    case Token::Type::kText:
    case Token::Type::kInteger:
    case Token::Type::kFloat: return true;
    default: return is_sign("[") || is_sign("{");
  }
}

Node* Parser::test(Node* node) {
  const int line = take().line;
  const bool negated = skip_word("not");
  Node* made = make(Type::kTest, line);
  made->name = dotted_name();
  made->parts = {node};
  if (is_sign("(")) {
    given(made->given);
  } else if (test_takes_argument()) {
    if (is_word("is")) fail("You cannot chain multiple tests with is");
    made->given.values = {postfix(primary())};
  }
  made = grown(made);
  if (!negated) return made;
  Node* const inverse = make(Type::kNot, line);
  inverse->parts = {made};
  return grown(inverse);
}

}  // namespace nudge::jinja
