#include "lib/text/jinja_parser.h"

#include <algorithm>

namespace nudge::jinja {
namespace {

using TokenType = Token::Type;

std::string described(const Token& token) {
  switch (token.type) {
    case TokenType::kBlockBegin: return "begin of statement block";
    case TokenType::kBlockEnd: return "end of statement block";
    case TokenType::kOutputBegin: return "begin of print statement";
    case TokenType::kOutputEnd: return "end of print statement";
    case TokenType::kData: return "template data / text";
    case TokenType::kEnd: return "end of template";
    case TokenType::kText: return "string";
    case TokenType::kInteger: return "integer";
    case TokenType::kFloat: return "float";
    default: return token.text;
  }
}

}  // namespace

const Token& Parser::take() {
  const Token& token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::is_one_of(Words words) const {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return is_word(word); });
}

bool Parser::skip_sign(std::string_view sign) {
  const bool there = is_sign(sign);
  if (there) take();
  return there;
}
bool Parser::skip_word(std::string_view word) {
  const bool there = is_word(word);
  if (there) take();
  return there;
}

void Parser::fail_expected(std::string_view what) const {
  if (current().type == TokenType::kEnd) fail("unexpected end of template, expected '" + std::string(what) + "'.");
  fail("expected token '" + std::string(what) + "', got '" + described(current()) + "'");
}

void Parser::expect_sign(std::string_view sign) {
  if (!skip_sign(sign)) fail_expected(sign);
}
void Parser::expect_word(std::string_view word) {
  if (!skip_word(word)) fail_expected(word);
}
void Parser::expect(TokenType type) {
  if (current().type != type) fail_expected(described({type, 0, {}, {}}));
  take();
}
std::string Parser::expect_name() {
  if (current().type != TokenType::kName) fail_expected("name");
  return take().text;
}

void Parser::run() { sub_parse(tree_.body, {}); }

// Nodes up to the block whose keyword is one of `ends`, which stays the current token.
void Parser::sub_parse(Body& body, Words ends) {
  const Level level(*this);
  while (current().type != TokenType::kEnd) {
    const Token& token = take();
    if (token.type == TokenType::kData) {
      Node* const node = make(Type::kText, token.line);
      node->constant = Value::of(token.text);
      body.push_back(node);
    } else if (token.type == TokenType::kOutputBegin) {
      Node* const node = make(Type::kOutput, token.line);
      node->parts = {tuple(false, true, {}, false)};
      body.push_back(node);
      expect(TokenType::kOutputEnd);
    } else {
      if (is_one_of(ends)) return;
      body.push_back(statement());
      expect(TokenType::kBlockEnd);
    }
  }
}

Body Parser::statements(Words ends, bool drop_end) {
  skip_sign(":");
  expect(TokenType::kBlockEnd);
  Body body;
  sub_parse(body, ends);
  if (current().type == TokenType::kEnd) {
    fail("Unexpected end of template. Jinja was looking for the following tags: '" + std::string(*ends.begin()) +
         "'. The innermost block that needs to be closed is '" + (open_tags_.empty() ? "" : open_tags_.back()) + "'.");
  }
  if (drop_end) take();
  return body;
}

void Parser::fail_unknown_tag(const std::string& word, int line) {
  const std::string inside =
      open_tags_.empty() ? "" : " The innermost block that needs to be closed is '" + open_tags_.back() + "'.";
  fail_syntax("Encountered unknown tag '" + word + "'." + inside, line);
}

Node* Parser::statement() {
  const Token& token = current();
  if (token.type != TokenType::kName) fail("tag name expected");
  const std::string word = token.text;
  using Rule = Node* (Parser::*)();
  constexpr std::pair<std::string_view, Rule> kRules[] = {{"if", &Parser::if_statement},
                                                          {"for", &Parser::for_statement},
                                                          {"set", &Parser::set_statement},
                                                          {"macro", &Parser::macro_statement},
                                                          {"call", &Parser::call_statement},
                                                          {"filter", &Parser::filter_statement},
                                                          {"generation", &Parser::generation_statement},
                                                          {"with", &Parser::with_statement},
                                                          {"print", &Parser::print_statement}};
  for (const auto& [name, rule] : kRules) {
    if (word != name) continue;
    open_tags_.push_back(word);
    Node* const node = (this->*rule)();
    open_tags_.pop_back();
    return node;
  }
  if (word == "break") return word_statement(Type::kBreak);
  if (word == "continue") return word_statement(Type::kContinue);
  constexpr std::string_view kRefused[] = {"block", "extends", "include", "import", "from", "autoescape"};
  if (std::find(std::begin(kRefused), std::end(kRefused), word) != std::end(kRefused)) return refused_statement(word);
  fail_unknown_tag(word, token.line);
}

Node* Parser::word_statement(Type type) { return make(type, take().line); }

// An unsupported statement: skips the rest of the tag, and the body if it has one.
Node* Parser::refused_statement(const std::string& word) {
  Node* const node = unsupported("the statement \"" + word + "\"", take().line);
  while (current().type != TokenType::kBlockEnd && current().type != TokenType::kEnd) take();
  open_tags_.push_back(word);
  if (word == "block") {
    tree_.has_blocks = true;
    statements({"endblock"}, true);
    if (current().type == TokenType::kName) take();
  } else if (word == "autoescape") {
    statements({"endautoescape"}, true);
  }
  open_tags_.pop_back();
  return node;
}

Node* Parser::if_statement() {
  Node* const node = make(Type::kIf, take().line);
  for (;;) {
    node->parts.push_back(tuple(false, false, {}, false));
    node->bodies.push_back(statements({"elif", "else", "endif"}, false));
    const std::string word = take().text;
    if (word == "elif") continue;
    if (word == "else") node->bodies.push_back(statements({"endif"}, true));
    return node;
  }
}

Node* Parser::for_statement() {
  Node* const node = make(Type::kFor, take().line);
  Node* const to = target({"in"}, false);
  expect_word("in");
  Node* const items = tuple(false, false, {"recursive"}, false);
  Node* const test = skip_word("if") ? expression() : nullptr;
  node->parts = {to, items, test};
  node->recursive = skip_word("recursive");
  node->bodies.push_back(statements({"endfor", "else"}, false));
  const bool otherwise = take().text == "else";
  node->bodies.push_back(otherwise ? statements({"endfor"}, true) : Body());
  return node;
}

Node* Parser::set_statement() {
  const int line = take().line;
  Node* const to = target({}, true);
  if (skip_sign("=")) {
    Node* const node = make(Type::kSet, line);
    node->parts = {to, tuple(false, true, {}, false)};
    return node;
  }
  Node* const node = make(Type::kSetBlock, line);
  node->parts = {to, filter(nullptr, false)};
  node->bodies.push_back(statements({"endset"}, true));
  return node;
}

void Parser::signature(Node* node) {
  std::vector<Node*> defaults;
  expect_sign("(");
  while (!is_sign(")")) {
    if (!node->parts.empty()) expect_sign(",");
    Node* const parameter = name_target();
    parameter->access = Node::Access::kParameter;
    if (skip_sign("=")) defaults.push_back(expression());
    else if (!defaults.empty()) fail("non-default argument follows default argument");
    node->parts.push_back(parameter);
  }
  expect_sign(")");
  node->defaults = defaults.size();
  node->parts.insert(node->parts.end(), defaults.begin(), defaults.end());
}

Node* Parser::macro_statement() {
  Node* const node = make(Type::kMacro, take().line);
  node->name = name_target()->name;
  signature(node);
  node->bodies.push_back(statements({"endmacro"}, true));
  return node;
}

Node* Parser::call_statement() {
  Node* const node = make(Type::kCallBlock, take().line);
  if (is_sign("(")) signature(node);
  Node* const called = expression();
  if (called->type != Type::kCall) fail_syntax("expected call", node->line);
  node->bodies.push_back({called});
  node->bodies.push_back(statements({"endcall"}, true));
  return node;
}

Node* Parser::filter_statement() {
  Node* const node = make(Type::kFilterBlock, take().line);
  node->parts = {filter(nullptr, true)};
  node->bodies.push_back(statements({"endfilter"}, true));
  return node;
}

Node* Parser::generation_statement() {
  Node* const node = make(Type::kGeneration, take().line);
  node->bodies.push_back(statements({"endgeneration"}, true));
  return node;
}

Node* Parser::with_statement() {
  Node* const node = make(Type::kWith, take().line);
  while (current().type != TokenType::kBlockEnd) {
    if (!node->parts.empty()) expect_sign(",");
    Node* const to = target({}, false);
    make_target(to, Node::Access::kParameter);
    expect_sign("=");
    node->parts.push_back(to);
    node->parts.push_back(expression());
  }
  node->bodies.push_back(statements({"endwith"}, true));
  return node;
}

Node* Parser::print_statement() {
  Node* const node = make(Type::kOutput, take().line);
  while (current().type != TokenType::kBlockEnd) {
    if (!node->parts.empty()) expect_sign(",");
    node->parts.push_back(expression());
  }
  return node;
}

Node* Parser::name_target() {
  const int line = current().line;
  Node* const node = make(Type::kName, line);
  node->name = expect_name();
  node->constant = Value::undefined("'" + node->name + "' is undefined");
  node->access = Node::Access::kStore;
  for (const char* word : {"true", "false", "none", "True", "False", "None"}) {
    if (node->name == word) fail_syntax("can't assign to 'name'", line);
  }
  return node;
}

Node* Parser::target(Words ends, bool with_namespace) {
  Node* const node = tuple(true, true, ends, false, with_namespace);
  make_target(node, Node::Access::kStore);
  return node;
}

void Parser::make_target(Node* node, Node::Access access) {
  node->access = access;
  if (node->type == Type::kName || node->type == Type::kNamespaceField) return;
  if (node->type != Type::kTuple) {
    const bool constant = node->type == Type::kConstant || node->type == Type::kUnsupported;
    fail_syntax(constant ? "can't assign to 'const'" : "can't assign to a list or a dict", node->line);
  }
  for (Node* const part : node->parts) make_target(part, access);
}

void parse(std::string_view source, Tree& tree) { Parser(tokens_of(source), tree).run(); }

}  // namespace nudge::jinja
