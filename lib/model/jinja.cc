#include "lib/model/jinja.h"

#include <vector>

#include "lib/io/json_parse.h"
#include "lib/model/jinja_expression.h"
#include "lib/model/jinja_functions.h"
#include "lib/model/normalizer.h"
#include "lib/model/python_text.h"
#include "lib/model/unicode.h"

namespace nudge::jinja {
namespace {

using Kind = Value::Kind;

[[noreturn]] void fail(const std::string& what) { throw TemplateError(what); }

struct Node {
  enum class Kind { kText, kOutput, kStatement } kind;
  std::string text;  // of a statement or an output, what stands between its marks
};

// The end of the tag whose inside starts at `at`: where `close` stands outside of quotes.
std::size_t tag_end(std::string_view source, std::size_t at, std::string_view close) {
  char quote = '\0';
  for (; at < source.size(); ++at) {
    if (quote != '\0') {
      if (source[at] == '\\') ++at;
      else if (source[at] == quote) quote = '\0';
    } else if (close != "#}" && (source[at] == '\'' || source[at] == '"')) {
      quote = source[at];
    } else if (source.substr(at).starts_with(close)) {
      return at;
    }
  }
  fail("a tag does not end");
}

// How a tag begins or ends: '-' takes the white space beside it, '+' keeps what would go by itself.
char sign_at(std::string_view source, std::size_t at) {
  return at < source.size() && (source[at] == '-' || source[at] == '+') ? source[at] : '\0';
}

// Without the white space between a line's start and a tag that stands first on it.
std::string_view without_indent(std::string_view text, bool starts_line) {
  const std::size_t line = text.rfind('\n') + 1;  // 0 where there is none
  const bool blank = python::skip_space(text, line) == text.size();
  return blank && (line > 0 || starts_line) ? text.substr(0, line) : text;
}

// Line ends are \n, whatever they were, and the last one goes.
std::string with_plain_lines(std::string_view source) {
  std::string out = replace_all(replace_all(source, "\r\n", "\n"), "\r", "\n");
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

// Where a tag begins, or the end.
std::size_t find_tag(std::string_view source, std::size_t at) {
  while ((at = source.find('{', at)) != source.npos) {
    if (at + 1 < source.size() && std::string_view("{%#").find(source[at + 1]) != std::string_view::npos) return at;
    ++at;
  }
  return source.size();
}

std::vector<Node> parse(std::string_view source) {
  std::vector<Node> nodes;
  bool starts_line = true;
  for (std::size_t at = 0; at < source.size();) {
    const std::size_t open = find_tag(source, at);
    std::string_view text = source.substr(at, open - at);
    if (open == source.size()) {
      nodes.push_back({Node::Kind::kText, std::string(text)});
      break;
    }
    const char mark = source[open + 1];
    const std::string close = mark == '{' ? "}}" : std::string(1, mark) + "}";
    std::size_t begin = open + 2, end = tag_end(source, begin, close);
    const char before = begin < end ? sign_at(source, begin) : '\0';
    if (before != '\0') ++begin;
    if (before == '-') text = python::stripped(text, python::Side::kEnd);
    else if (before != '+' && mark != '{') text = without_indent(text, starts_line);
    nodes.push_back({Node::Kind::kText, std::string(text)});
    at = end + 2;
    const char after = end > begin ? sign_at(source, end - 1) : '\0';
    if (after == '-' || (after == '+' && mark != '{')) --end;
    if (mark == '{') nodes.push_back({Node::Kind::kOutput, std::string(source.substr(begin, end - begin))});
    if (mark == '%') nodes.push_back({Node::Kind::kStatement, std::string(source.substr(begin, end - begin))});
    starts_line = after == '\0' && mark != '{' && at < source.size() && source[at] == '\n';
    if (starts_line) ++at;
    if (after == '-') at = python::skip_space(source, at);
  }
  return nodes;
}

class Renderer {
 public:
  Renderer(std::vector<Node> nodes, Value::Map variables)
      : nodes_(std::move(nodes)), variables_(std::move(variables)) {}

  std::string render() {
    run(0, nodes_.size());
    return std::move(out_);
  }

 private:
  // A statement's first word, and what stands behind it.
  static std::string head(std::string_view statement, std::string_view& rest) {
    const std::string_view text = python::stripped(statement);
    std::size_t end = 0;
    while (end < text.size() && is_name_char(text[end])) ++end;
    rest = text.substr(end);
    return std::string(text.substr(0, end));
  }

  // Runs the nodes [at, end); whole blocks only.
  void run(std::size_t at, std::size_t end) {
    while (at < end) {
      const Node& node = nodes_[at];
      if (node.kind == Node::Kind::kText) {
        out_ += node.text;
        ++at;
      } else if (node.kind == Node::Kind::kOutput) {
        out_ += as_text(evaluate(node.text, variables_));
        ++at;
      } else {
        at = statement(at);
      }
      check_size(out_);
    }
  }

  // Does the statement at `at` with all that belongs to it, and returns what stands behind.
  std::size_t statement(std::size_t at) {
    count();
    std::string_view rest;
    const std::string word = head(nodes_[at].text, rest);
    if (word == "generation" || word == "endgeneration") return at + 1;  // marks for trainers, no text
    if (word == "set") return assign(rest), at + 1;
    if (word != "if" && word != "for") fail("the statement \"" + word + "\" is not supported");
    const std::vector<std::size_t> marks = marks_of(at);
    if (++depth_ > 50) fail("blocks are nested too deeply");
    word == "if" ? choose(at, marks) : loop(rest, at, marks);
    --depth_;
    return marks.back() + 1;
  }

  void count() {
    if (++steps_ > 5000) fail("too many statements and rounds of loops");
  }

  // Where else, elif and the end of the block at `at` stand.
  std::vector<std::size_t> marks_of(std::size_t at) const {
    std::vector<std::size_t> marks;
    int depth = 0;
    for (++at; at < nodes_.size(); ++at) {
      if (nodes_[at].kind != Node::Kind::kStatement) continue;
      std::string_view rest;
      const std::string word = head(nodes_[at].text, rest);
      if (word == "if" || word == "for") ++depth;
      if (depth == 0 && (word == "elif" || word == "else" || word == "endif" || word == "endfor")) marks.push_back(at);
      if ((word == "endif" || word == "endfor") && depth-- == 0) return marks;
    }
    fail("a block does not end");
  }

  void choose(std::size_t at, const std::vector<std::size_t>& marks) {
    for (const std::size_t next : marks) {
      std::string_view rest;
      const std::string word = head(nodes_[at].text, rest);
      if (word == "else" || evaluate(rest, variables_).truth()) return run(at + 1, next);
      at = next;
    }
  }

  void loop(std::string_view rest, std::size_t at, const std::vector<std::size_t>& marks) {
    if (marks.size() != 1) fail("a loop with else is not supported");
    std::string_view list;
    rest = python::stripped(rest);
    const std::size_t end = python::find_space(rest);
    const std::string variable(rest.substr(0, end));
    if (!is_name(variable) || head(rest.substr(end), list) != "in") fail("a loop that is not supported");
    const Value items = evaluate_without_condition(list, variables_);
    if (!items.is(Kind::kList)) fail("a loop over something that is no list");
    const Value::Map before = variables_;
    const auto size = static_cast<std::int64_t>(items.list->size());
    for (std::int64_t i = 0; i < size; ++i) {
      count();
      variables_ = before;  // what a round sets is gone after it; a namespace is shared
      variables_[variable] = (*items.list)[static_cast<std::size_t>(i)];
      variables_["loop"] = Value::of(Value::Map{{"index", Value::integer(i + 1)},
                                                {"index0", Value::integer(i)},
                                                {"first", Value::boolean(i == 0)},
                                                {"last", Value::boolean(i + 1 == size)},
                                                {"length", Value::integer(size)}});
      run(at + 1, marks[0]);
    }
    variables_ = before;
  }

  void assign(std::string_view rest) {
    const std::size_t equals = rest.find('=');
    if (equals == rest.npos) fail("a set without = is not supported");
    const std::string target(python::stripped(rest.substr(0, equals)));
    const Value value = evaluate(rest.substr(equals + 1), variables_);
    const std::size_t dot = target.find('.');
    if (dot == target.npos) {
      if (!is_name(target)) fail("a set of several names is not supported");
      variables_[target] = value;
      return;
    }
    const auto found = variables_.find(target.substr(0, dot));
    if (found == variables_.end() || !found->second.is(Kind::kMap)) fail(target + " is set and is no namespace");
    if (value.is(Kind::kMap) || value.is(Kind::kList)) fail("a namespace that holds more than texts");  // or itself
    (*found->second.map)[target.substr(dot + 1)] = value;
  }

  std::vector<Node> nodes_;
  Value::Map variables_;
  std::string out_;
  int steps_ = 0, depth_ = 0;
};

}  // namespace

std::string render(std::string_view source, const Value::Map& variables) {
  if (valid_utf8_prefix(source) != source.size()) fail("the template is not UTF-8");
  return Renderer(parse(with_plain_lines(source)), variables).render();
}

namespace {

Value value_of(simdjson::dom::element json) {
  if (json.is_string()) return Value::of(std::string(json.get_string().value_unsafe()));
  if (json.is_bool()) return Value::boolean(json.get_bool().value_unsafe());
  if (json.is_int64()) return Value::integer(json.get_int64().value_unsafe());
  if (json.is_array()) {
    Value::List list;
    for (const simdjson::dom::element e : json.get_array().value_unsafe()) list.push_back(value_of(e));
    return Value::of(std::move(list));
  }
  if (json.is_object()) {
    Value::Map map;
    for (const auto& field : json.get_object().value_unsafe()) map[std::string(field.key)] = value_of(field.value);
    return Value::of(std::move(map));
  }
  if (json.is_null()) return Value::none();
  fail("a number that is not held");
}

}  // namespace

Value value_of_json(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parse_python_json(parser, json, root)) fail("no JSON");
  return value_of(root);
}

Template::Template(std::string source) : source_(std::move(source)) {}

Rendered Template::render(const Variables& variables, const Date&) const {
  return {jinja::render(source_, {variables.begin(), variables.end()}), {}, false};
}

}  // namespace nudge::jinja
