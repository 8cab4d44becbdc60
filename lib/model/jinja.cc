#include "lib/model/jinja.h"

#include <vector>

#include "lib/model/jinja_expression.h"

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

// Without the blanks between a line's start and a block that stands first on it.
std::string_view without_indent(std::string_view text, bool starts_line) {
  const std::string_view left = stripped(text, " \t", Side::kEnd);
  return left.empty() ? (starts_line ? left : text) : left.back() == '\n' ? left : text;
}

std::vector<Node> parse(std::string_view source) {
  if (source.ends_with('\n')) source.remove_suffix(1);
  std::vector<Node> nodes;
  bool strip_next = false, starts_line = true;  // what the tag before asks of the text behind it
  for (std::size_t at = 0; at < source.size();) {
    std::size_t open = at;
    while (open < source.size() && !(source[open] == '{' && open + 1 < source.size() &&
                                     std::string_view("{%#").find(source[open + 1]) != std::string_view::npos)) {
      ++open;
    }
    std::string_view text = source.substr(at, open - at);
    if (strip_next) text = stripped(text, kWhiteSpace, Side::kStart);
    if (open == source.size()) {
      nodes.push_back({Node::Kind::kText, std::string(text)});
      break;
    }
    const char mark = source[open + 1];
    const std::string close = mark == '{' ? "}}" : std::string(1, mark) + "}";
    std::size_t begin = open + 2, end = tag_end(source, begin, close);
    const bool strip_before = begin < end && source[begin] == '-';
    if (strip_before || (begin < end && source[begin] == '+')) ++begin;
    if (strip_before) {
      text = stripped(text, kWhiteSpace, Side::kEnd);
    } else if (mark != '{' && source[open + 2] != '+') {
      text = without_indent(text, starts_line);
    }
    nodes.push_back({Node::Kind::kText, std::string(text)});
    at = end + 2;
    strip_next = end > begin && source[end - 1] == '-';
    if (strip_next) --end;
    if (mark == '{') nodes.push_back({Node::Kind::kOutput, std::string(source.substr(begin, end - begin))});
    if (mark == '%') nodes.push_back({Node::Kind::kStatement, std::string(source.substr(begin, end - begin))});
    starts_line = mark != '{' && at < source.size() && source[at] == '\n';
    if (starts_line) ++at;
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
  static std::string head(const std::string& statement, std::string_view& rest) {
    std::string_view text = stripped(statement, kWhiteSpace, Side::kBoth);
    std::size_t end = 0;
    while (end < text.size() && text[end] >= 'a' && text[end] <= 'z') ++end;
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
        print(evaluate(node.text, variables_));
        ++at;
      } else {
        at = statement(at);
      }
      check_size(out_);
    }
  }
  void print(const Value& value) {
    if (value.is(Kind::kText)) {
      out_ += value.text;
    } else if (value.is(Kind::kInteger)) {
      out_ += std::to_string(value.number);
    } else if (!value.is(Kind::kUndefined)) {
      fail("something that is no text is written");
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
    rest = stripped(rest, kWhiteSpace, Side::kStart);
    const std::size_t end = rest.find_first_of(kWhiteSpace);
    const std::string variable(rest.substr(0, end));
    rest = end == rest.npos ? "" : stripped(rest.substr(end), kWhiteSpace, Side::kStart);
    if (variable.find(',') != variable.npos || !rest.starts_with("in ")) fail("a loop that is not supported");
    const Value items = evaluate(rest.substr(3), variables_);
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
    const std::string target(stripped(rest.substr(0, equals), kWhiteSpace, Side::kBoth));
    const Value value = evaluate(rest.substr(equals + 1), variables_);
    const std::size_t dot = target.find('.');
    if (dot == target.npos) {
      if (target.find_first_of(", \t\n") != target.npos) fail("a set of several names is not supported");
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
  return Renderer(parse(source), variables).render();
}

}  // namespace nudge::jinja
