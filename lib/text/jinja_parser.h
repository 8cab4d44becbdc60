// Parses templates with jinja2's grammar.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/jinja_lexer.h"
#include "lib/text/jinja_tree.h"

namespace nudge::jinja {

class Parser {
 public:
  Parser(std::vector<Token> tokens, Tree& tree) : tokens_(std::move(tokens)), tree_(tree) {}
  void run();

 private:
  using Type = Node::Type;
  using Words = std::initializer_list<std::string_view>;

  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& take();
  bool is_sign(std::string_view sign) const { return current().type == Token::Type::kSign && current().text == sign; }
  bool is_word(std::string_view word) const { return current().type == Token::Type::kName && current().text == word; }
  bool is_one_of(Words words) const;
  bool skip_sign(std::string_view sign);
  bool skip_word(std::string_view word);
  void expect_sign(std::string_view sign);
  void expect_word(std::string_view word);
  void expect(Token::Type type);
  std::string expect_name();
  [[noreturn]] void fail(const std::string& what) const { fail_syntax(what, current().line); }
  [[noreturn]] void fail_expected(std::string_view what) const;

  // Nodes.
  Node* make(Type type, int line);
  Node* grown(Node* node);  // sets the node's depth, which is bounded
  Node* make_binary(Type type, int line, Node* left, Node* right);
  Node* unsupported(const std::string& what, int line);

  // Bounds the recursion of this parser itself.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) {
      if (++parser_.level_ > kMostNesting) fail_limit("the template is nested too deeply");
    }
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
  };

  // Statements (jinja_parser.cc).
  Body body_until(Words ends);
  void sub_parse(Body& body, Words ends);
  Body statements(Words ends, bool drop_end);
  Node* statement();
  Node* if_statement();
  Node* for_statement();
  Node* set_statement();
  Node* macro_statement();
  Node* call_statement();
  Node* filter_statement();
  Node* generation_statement();
  Node* with_statement();
  Node* print_statement();
  Node* word_statement(Type type);
  Node* refused_statement(const std::string& word);
  void signature(Node* node);
  Node* name_target();
  Node* target(Words ends, bool with_namespace);
  void make_target(Node* node, Node::Access access);
  [[noreturn]] void fail_unknown_tag(const std::string& word, int line);

  // Expressions (jinja_parse_expression.cc).
  Node* expression(bool with_condition = true) { return with_condition ? condition() : disjunction(); }
  Node* condition();
  Node* disjunction();
  Node* conjunction();
  Node* negation();
  Node* comparison();
  bool comparison_sign(Node* node);
  Node* sum();
  Node* concatenation();
  Node* product();
  Node* power();
  Node* unary(bool with_filter = true);
  Node* primary(bool with_namespace = false);
  Node* name(bool with_namespace);
  Node* text_literal();
  Node* number_literal();
  Node* list();
  Node* dict();
  static void check_keys(const Node& dict);
  Node* tuple(bool simple, bool with_condition, Words ends, bool in_parentheses, bool with_namespace = false);
  bool tuple_ends(Words ends) const;
  Node* postfix(Node* node);
  Node* filters(Node* node);
  Node* subscript(Node* node);
  Node* subscribed();
  Node* call(Node* node);
  Node* filter(Node* node, bool started);
  Node* test(Node* node);
  bool test_takes_argument() const;
  void given(Given& given);
  void argument(Given& given, std::set<std::string>& names, int line);
  std::string dotted_name();

  std::vector<Token> tokens_;
  Tree& tree_;
  std::size_t at_ = 0;
  int level_ = 0;
  std::vector<std::string> open_tags_;
};

}  // namespace nudge::jinja
