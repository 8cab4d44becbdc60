#include "lib/model/jinja_expression.h"

#include <algorithm>
#include <optional>

namespace nudge::jinja {
namespace {

using Kind = Value::Kind;

[[noreturn]] void fail(const std::string& what) { throw TemplateError(what); }

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string titled(const std::string& text) {
  std::string out = text;
  bool inside = false;
  for (char& c : out) {
    const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
    if (lower && !inside) c = static_cast<char>(c - 32);
    if (upper && inside) c = static_cast<char>(c + 32);
    inside = upper || lower;
  }
  return out;
}

Value split(const std::string& text, const std::string& by) {
  if (by.empty()) fail("split without a separator");
  Value::List parts;
  std::size_t done = 0;
  for (std::size_t at; (at = text.find(by, done)) != text.npos; done = at + by.size()) {
    parts.push_back(Value::of(text.substr(done, at - done)));
  }
  parts.push_back(Value::of(text.substr(done)));
  return Value::of(std::move(parts));
}

struct Arguments {
  Value::List values;
  Value::Map named;
  std::string text(std::size_t i) const {
    if (i >= values.size() || !values[i].is(Kind::kText)) fail("an argument is not a text");
    return values[i].text;
  }
};

class Evaluator {
 public:
  Evaluator(std::string_view source, const Value::Map& variables) : source_(source), variables_(variables) {}

  Value ternary() {
    if (++depth_ > 50) fail("an expression is nested too deeply");
    Value value = disjunction();
    if (word("if")) {
      const bool condition = disjunction().truth();
      Value other;
      if (word("else")) other = ternary();
      if (!condition) value = other;
    }
    --depth_;
    return value;
  }
  std::size_t position() {
    skip_space();
    return at_;
  }

 private:
  void skip_space() {
    while (at_ < source_.size() && kWhiteSpace.find(source_[at_]) != kWhiteSpace.npos) ++at_;
  }
  bool looking_at(std::string_view text) {
    skip_space();
    return source_.substr(at_).starts_with(text);
  }
  bool symbol(std::string_view text) {
    if (!looking_at(text)) return false;
    at_ += text.size();
    return true;
  }
  bool word(std::string_view text) {
    if (!looking_at(text)) return false;
    const std::size_t end = at_ + text.size();
    if (end < source_.size() && name_char(source_[end])) return false;
    at_ = end;
    return true;
  }
  void need(std::string_view text) {
    if (!symbol(text)) fail_here("expected " + std::string(text));
  }
  [[noreturn]] void fail_here(const std::string& what) const {
    fail(what + " before \"" + std::string(source_.substr(at_, 20)) + "\"");
  }
  std::string name() {
    skip_space();
    const std::size_t begin = at_;
    while (at_ < source_.size() && name_char(source_[at_])) ++at_;
    if (at_ == begin) fail_here("expected a name");
    return std::string(source_.substr(begin, at_ - begin));
  }

  Value disjunction() {
    Value value = conjunction();
    while (word("or")) {
      const Value other = conjunction();
      if (!value.truth()) value = other;
    }
    return value;
  }
  Value conjunction() {
    Value value = negation();
    while (word("and")) {
      const Value other = negation();
      if (value.truth()) value = other;
    }
    return value;
  }
  Value negation() {
    bool negated = false, any = false;
    for (; word("not"); any = true) negated = !negated;
    const Value value = comparison();
    return any ? Value::boolean(value.truth() != negated) : value;
  }

  static bool equal(const Value& a, const Value& b) {
    const auto numeric = [](const Value& v) { return v.is(Kind::kBool) || v.is(Kind::kInteger); };
    if (numeric(a) && numeric(b)) return a.number == b.number;
    if (a.kind != b.kind) return false;
    if (a.is(Kind::kList) || a.is(Kind::kMap)) fail("a comparison of lists or maps");  // shared ones never end
    return a.text == b.text;
  }
  static bool contains(const Value& where, const Value& what) {
    if (where.is(Kind::kText) && what.is(Kind::kText)) return where.text.find(what.text) != std::string::npos;
    if (where.is(Kind::kList)) {
      return std::any_of(where.list->begin(), where.list->end(), [&](const Value& v) { return equal(v, what); });
    }
    if (where.is(Kind::kMap) && what.is(Kind::kText)) return where.map->count(what.text) != 0;
    return false;
  }
  Value comparison() {
    Value value = sum();
    for (;;) {
      if (symbol("==")) {
        value = Value::boolean(equal(value, sum()));
      } else if (symbol("!=")) {
        value = Value::boolean(!equal(value, sum()));
      } else if (symbol("<=")) {
        value = Value::boolean(value.number <= sum().number);
      } else if (symbol(">=")) {
        value = Value::boolean(value.number >= sum().number);
      } else if (symbol("<")) {
        value = Value::boolean(value.number < sum().number);
      } else if (symbol(">")) {
        value = Value::boolean(value.number > sum().number);
      } else if (word("in")) {
        value = Value::boolean(contains(sum(), value));
      } else if (const std::size_t before = at_; word("not")) {
        if (!word("in")) return at_ = before, value;
        value = Value::boolean(!contains(sum(), value));
      } else {
        return value;
      }
    }
  }

  static Value joined(const std::string& a, const std::string& b) {
    Value both = Value::of(a + b);
    check_size(both.text);
    return both;
  }
  static Value add(const Value& a, const Value& b) {
    if (a.is(Kind::kUndefined) || b.is(Kind::kUndefined)) return {};
    if (a.is(Kind::kInteger) && b.is(Kind::kInteger)) return Value::integer(a.number + b.number);
    if (a.is(Kind::kText) && b.is(Kind::kText)) return joined(a.text, b.text);
    if (a.is(Kind::kList) && b.is(Kind::kList)) {
      Value::List both = *a.list;
      both.insert(both.end(), b.list->begin(), b.list->end());
      if (both.size() > kMostMembers) fail("a list is too long");
      return Value::of(std::move(both));
    }
    fail("+ of a text and something else");
  }
  Value sum() {
    Value value = product();
    for (;;) {
      if (symbol("+")) {
        value = add(value, product());
      } else if (symbol("-")) {
        value = Value::integer(value.number - product().number);
      } else if (symbol("~")) {
        value = joined(as_text(value), as_text(product()));
      } else {
        return value;
      }
    }
  }
  static std::string as_text(const Value& value) {
    if (value.is(Kind::kText)) return value.text;
    if (value.is(Kind::kInteger)) return std::to_string(value.number);
    if (value.is(Kind::kUndefined)) return "";
    fail("~ of something that is no text");
  }
  Value product() {
    Value value = unary();
    for (;;) {
      const bool remainder = symbol("%");
      if (!remainder && !symbol("//")) return value;
      const std::int64_t by = unary().number;
      if (by <= 0 || value.number < 0) fail("a division that is not supported");
      value = Value::integer(remainder ? value.number % by : value.number / by);
    }
  }
  Value unary() {
    if (symbol("-")) return Value::integer(-postfix().number);
    return postfix();
  }

  Value postfix() {
    Value value = primary();
    for (;;) {
      if (symbol(".")) {
        const std::string member = name();
        value = looking_at("(") ? method(value, member, arguments()) : field(value, member);
      } else if (symbol("[")) {
        value = subscript(value);
      } else if (symbol("|")) {
        const std::string filter_name = name();
        value = filter(value, filter_name, looking_at("(") ? arguments() : Arguments{});
      } else if (word("is")) {
        const bool negated = word("not");
        value = Value::boolean(test(value, name()) != negated);
      } else {
        return value;
      }
    }
  }

  Value primary() {
    skip_space();
    const char c = at_ < source_.size() ? source_[at_] : '\0';
    if (c == '\'' || c == '"') return Value::of(quoted());
    if (c >= '0' && c <= '9') return number();
    if (symbol("(")) {
      Value value = ternary();
      need(")");
      return value;
    }
    if (symbol("[")) return list();
    if (symbol("{")) return map();
    const std::string variable = name();
    if (variable == "true" || variable == "True") return Value::boolean(true);
    if (variable == "false" || variable == "False") return Value::boolean(false);
    if (variable == "none" || variable == "None") return Value::none();
    if (looking_at("(")) return call(variable, arguments());
    const auto found = variables_.find(variable);
    return found == variables_.end() ? Value() : found->second;
  }
  std::string quoted() {
    const char quote = source_[at_++];
    std::string out;
    for (; at_ < source_.size() && source_[at_] != quote; ++at_) {
      if (source_[at_] != '\\' || at_ + 1 == source_.size()) {
        out += source_[at_];
        continue;
      }
      switch (const char escaped = source_[++at_]) {
        case 'n': out += '\n'; break;
        case 't': out += '\t'; break;
        case 'r': out += '\r'; break;
        case '\\':
        case '\'':
        case '"': out += escaped; break;
        default: fail(std::string("the escape \\") + escaped + " is not supported");
      }
    }
    if (at_ == source_.size()) fail("a text does not end");
    ++at_;
    return out;
  }
  Value number() {
    std::int64_t n = 0;
    for (; at_ < source_.size() && source_[at_] >= '0' && source_[at_] <= '9'; ++at_) {
      if (n > 1000000000) fail("a number is too large");
      n = n * 10 + (source_[at_] - '0');
    }
    return Value::integer(n);
  }
  Value list() {
    Value::List items;
    while (!symbol("]")) {
      items.push_back(ternary());
      if (!symbol(",") && !looking_at("]")) fail("a list does not end");
    }
    return Value::of(std::move(items));
  }
  Value map() {
    Value::Map fields;
    while (!symbol("}")) {
      const Value key = ternary();
      need(":");
      if (!key.is(Kind::kText)) fail("a key is not a text");
      fields[key.text] = ternary();
      if (!symbol(",") && !looking_at("}")) fail("a map does not end");
    }
    return Value::of(std::move(fields));
  }

  Arguments arguments() {
    need("(");
    Arguments out;
    while (!symbol(")")) {
      const std::size_t before = at_;
      skip_space();
      if (at_ < source_.size() && name_char(source_[at_]) && (source_[at_] < '0' || source_[at_] > '9')) {
        const std::string key = name();
        if (!looking_at("==") && symbol("=")) {
          out.named[key] = ternary();
        } else {
          at_ = before;
          out.values.push_back(ternary());
        }
      } else {
        out.values.push_back(ternary());
      }
      if (!symbol(",") && !looking_at(")")) fail("a list of arguments does not end");
    }
    return out;
  }

  // Undefined within a list or text is undefined; what a list or text has none of, too.
  Value subscript(const Value& value) {
    std::optional<std::int64_t> parts[3];
    Value key;
    int part = 0;
    for (bool slice = false;;) {
      if (symbol("]")) {
        if (!slice) return item(value, key);
        break;
      }
      if (symbol(":")) {
        slice = true;
        if (++part > 2) fail("a slice of more than three parts");
        continue;
      }
      key = ternary();
      parts[part] = key.number;
      if (!looking_at(":") && !looking_at("]")) fail("a subscript does not end");
      if (part == 0 && looking_at("]")) continue;
      if (!key.is(Kind::kInteger)) fail("a slice by something that is no number");
    }
    return sliced(value, parts[0], parts[1], parts[2].value_or(1));
  }
  static Value item(const Value& value, const Value& key) {
    if (value.is(Kind::kMap) && key.is(Kind::kText)) return field(value, key.text);
    if (!value.is(Kind::kList) || !key.is(Kind::kInteger)) return {};
    const auto size = static_cast<std::int64_t>(value.list->size());
    const std::int64_t at = key.number < 0 ? key.number + size : key.number;
    return at >= 0 && at < size ? (*value.list)[static_cast<std::size_t>(at)] : Value();
  }
  static Value sliced(const Value& value, std::optional<std::int64_t> from, std::optional<std::int64_t> to,
                      std::int64_t step) {
    if (value.is(Kind::kUndefined)) return {};
    if (!value.is(Kind::kList) || (step != 1 && step != -1)) fail("a slice that is not supported");
    const auto size = static_cast<std::int64_t>(value.list->size());
    if (step == -1) {
      if (from || to) fail("a slice that is not supported");
      return Value::of(Value::List(value.list->rbegin(), value.list->rend()));
    }
    const auto place = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size); };
    const std::int64_t begin = place(from.value_or(0)), end = std::max(begin, place(to.value_or(size)));
    return Value::of(Value::List(value.list->begin() + begin, value.list->begin() + end));
  }
  static Value field(const Value& value, const std::string& key) {
    if (!value.is(Kind::kMap)) return {};
    const auto found = value.map->find(key);
    return found == value.map->end() ? Value() : found->second;
  }

  static bool test(const Value& value, const std::string& what) {
    if (what == "defined") return !value.is(Kind::kUndefined);
    if (what == "undefined") return value.is(Kind::kUndefined);
    if (what == "none") return value.is(Kind::kNone);
    if (what == "string") return value.is(Kind::kText);
    if (what == "mapping") return value.is(Kind::kMap);
    if (what == "iterable" || what == "sequence") return value.is(Kind::kText) || value.is(Kind::kList);
    if (what == "true") return value.is(Kind::kBool) && value.number != 0;
    if (what == "false") return value.is(Kind::kBool) && value.number == 0;
    fail("the test \"" + what + "\" is not supported");
  }
  static Value filter(const Value& value, const std::string& what, const Arguments& given) {
    if (value.is(Kind::kUndefined)) return what == "default" && !given.values.empty() ? given.values[0] : Value();
    if (what == "default" || what == "safe" || what == "string") return value;
    if (what == "length" || what == "count") {
      if (value.is(Kind::kText)) return Value::integer(static_cast<std::int64_t>(value.text.size()));
      if (value.is(Kind::kList)) return Value::integer(static_cast<std::int64_t>(value.list->size()));
    }
    if (value.is(Kind::kList) && !value.list->empty() && what == "first") return value.list->front();
    if (value.is(Kind::kList) && !value.list->empty() && what == "last") return value.list->back();
    if (value.is(Kind::kText) && given.values.empty()) {
      if (what == "trim") return Value::of(std::string(stripped(value.text, kWhiteSpace, Side::kBoth)));
      if (what == "title") return Value::of(titled(value.text));
    }
    fail("the filter \"" + what + "\" is not supported");
  }
  static Value method(const Value& value, const std::string& what, const Arguments& given) {
    if (value.is(Kind::kUndefined)) return {};
    if (value.is(Kind::kMap) && what == "get") return field(value, given.text(0));
    if (!value.is(Kind::kText)) fail("the method \"" + what + "\" is not supported");
    const std::string& text = value.text;
    const auto characters = [&] { return given.values.empty() ? std::string(kWhiteSpace) : given.text(0); };
    if (what == "strip") return Value::of(std::string(stripped(text, characters(), Side::kBoth)));
    if (what == "lstrip") return Value::of(std::string(stripped(text, characters(), Side::kStart)));
    if (what == "rstrip") return Value::of(std::string(stripped(text, characters(), Side::kEnd)));
    if (what == "startswith") return Value::boolean(text.starts_with(given.text(0)));
    if (what == "endswith") return Value::boolean(text.ends_with(given.text(0)));
    if (what == "split") return split(text, given.text(0));
    if (what == "title") return Value::of(titled(text));
    fail("the method \"" + what + "\" is not supported");
  }
  static Value call(const std::string& function, const Arguments& given) {
    if (function == "namespace") return Value::of(given.named);
    if (function == "raise_exception") fail(given.text(0));
    fail("the function \"" + function + "\" is not supported");
  }

  std::string_view source_;
  const Value::Map& variables_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

void check_size(const std::string& text) {
  if (text.size() > kMostCharacters) fail("a text is too long");
}

std::string_view stripped(std::string_view text, std::string_view characters, Side side) {
  const auto goes = [&](char c) { return characters.find(c) != characters.npos; };
  while (side != Side::kEnd && !text.empty() && goes(text.front())) text.remove_prefix(1);
  while (side != Side::kStart && !text.empty() && goes(text.back())) text.remove_suffix(1);
  return text;
}

Value evaluate(std::string_view expression, const Value::Map& variables) {
  Evaluator evaluator(expression, variables);
  Value value = evaluator.ternary();
  const std::string_view rest = expression.substr(evaluator.position());
  if (!rest.empty()) fail("\"" + std::string(rest.substr(0, 20)) + "\" behind an expression");
  return value;
}

}  // namespace nudge::jinja
