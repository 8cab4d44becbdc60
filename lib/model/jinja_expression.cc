#include "lib/model/jinja_expression.h"

#include <algorithm>
#include <optional>

#include "lib/model/jinja_functions.h"
#include "lib/model/python_text.h"

namespace nudge::jinja {
namespace {

using Kind = Value::Kind;

[[noreturn]] void fail(const std::string& what) { throw TemplateError(what); }

std::int64_t number_of(const Value& value) {
  const bool number = value.is(Kind::kInteger) || value.is(Kind::kBool) || value.is(Kind::kUndefined);
  if (!number) fail("something that is no number is taken for one");
  return value.number;
}

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
  Value disjunction() {
    Value value = conjunction();
    while (word("or")) {
      const Value other = conjunction();
      if (!value.truth()) value = other;
    }
    return value;
  }

 private:
  void skip_space() { at_ = python::skip_space(source_, at_); }
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
    if (end < source_.size() && is_name_char(source_[end])) return false;
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
    while (at_ < source_.size() && is_name_char(source_[at_])) ++at_;
    if (at_ == begin || (source_[begin] >= '0' && source_[begin] <= '9')) fail_here("expected a name");
    return std::string(source_.substr(begin, at_ - begin));
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
        value = Value::boolean(number_of(value) <= number_of(sum()));
      } else if (symbol(">=")) {
        value = Value::boolean(number_of(value) >= number_of(sum()));
      } else if (symbol("<")) {
        value = Value::boolean(number_of(value) < number_of(sum()));
      } else if (symbol(">")) {
        value = Value::boolean(number_of(value) > number_of(sum()));
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
        value = Value::integer(number_of(value) - number_of(product()));
      } else if (symbol("~")) {
        value = joined(as_text(value), as_text(product()));
      } else {
        return value;
      }
    }
  }
  Value product() {
    Value value = unary();
    for (;;) {
      const bool remainder = symbol("%");
      if (!remainder && !symbol("//")) return value;
      const std::int64_t of = number_of(value), by = number_of(unary());
      if (by <= 0 || of < 0) fail("a division that is not supported");
      value = Value::integer(remainder ? of % by : of / by);
    }
  }
  Value unary() {
    if (symbol("-")) return Value::integer(-number_of(postfix()));
    return postfix();
  }

  Value postfix() {
    Value value = primary();
    for (bool filtered = false;;) {  // neither a member nor a subscript stands behind a filter or test
      if (!filtered && symbol(".")) {
        const std::string member = name();
        value = looking_at("(") ? method(value, member, arguments()) : field(value, member);
      } else if (!filtered && symbol("[")) {
        value = subscript(value);
      } else if (symbol("|")) {
        const std::string filter_name = name();
        filtered = true;
        value = filter(value, filter_name, looking_at("(") ? arguments() : Arguments{});
      } else if (word("is")) {
        filtered = true;
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
    const std::size_t begin = at_;
    while (at_ < source_.size() && source_[at_] != quote) at_ += source_[at_] == '\\' ? 2 : 1;
    if (at_ >= source_.size()) fail("a text does not end");
    return unescaped(source_.substr(begin, at_++ - begin));
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
      if (at_ < source_.size() && is_name_char(source_[at_]) && (source_[at_] < '0' || source_[at_] > '9')) {
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
    const bool list = value.is(Kind::kList);
    if ((!list && !value.is(Kind::kText)) || !key.is(Kind::kInteger)) return {};
    const auto characters = list ? std::vector<std::string_view>() : python::characters(value.text);
    const auto size = static_cast<std::int64_t>(list ? value.list->size() : characters.size());
    const std::int64_t at = key.number < 0 ? key.number + size : key.number;
    if (at < 0 || at >= size) return {};
    const auto i = static_cast<std::size_t>(at);
    return list ? (*value.list)[i] : Value::of(std::string(characters[i]));
  }
  // A part of some members, or all of them backwards.
  template <class Members>
  static Members part(const Members& all, std::optional<std::int64_t> from, std::optional<std::int64_t> to,
                      std::int64_t step) {
    if (step == -1) {
      if (from || to) fail("a slice that is not supported");
      return Members(all.rbegin(), all.rend());
    }
    const auto size = static_cast<std::int64_t>(all.size());
    const auto place = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size); };
    const std::int64_t begin = place(from.value_or(0)), end = std::max(begin, place(to.value_or(size)));
    return Members(all.begin() + begin, all.begin() + end);
  }
  static Value sliced(const Value& value, std::optional<std::int64_t> from, std::optional<std::int64_t> to,
                      std::int64_t step) {
    if (value.is(Kind::kUndefined)) return {};
    const bool list = value.is(Kind::kList);
    if ((!list && !value.is(Kind::kText)) || (step != 1 && step != -1)) fail("a slice that is not supported");
    if (list) return Value::of(part(*value.list, from, to, step));
    std::string text;
    for (const std::string_view c : part(python::characters(value.text), from, to, step)) text += c;
    return Value::of(std::move(text));
  }
  static Value field(const Value& value, const std::string& key) {
    if (!value.is(Kind::kMap)) return {};
    const auto found = value.map->find(key);
    return found == value.map->end() ? Value() : found->second;
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

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_name(std::string_view text) {
  return !text.empty() && !(text[0] >= '0' && text[0] <= '9') && std::all_of(text.begin(), text.end(), is_name_char);
}

namespace {

Value evaluated(std::string_view expression, const Value::Map& variables, Value (Evaluator::*rule)()) {
  Evaluator evaluator(expression, variables);
  Value value = (evaluator.*rule)();
  const std::string_view rest = expression.substr(evaluator.position());
  if (!rest.empty()) fail("\"" + std::string(rest.substr(0, 20)) + "\" behind an expression");
  return value;
}

}  // namespace

Value evaluate(std::string_view expression, const Value::Map& variables) {
  return evaluated(expression, variables, &Evaluator::ternary);
}

Value evaluate_without_condition(std::string_view expression, const Value::Map& variables) {
  return evaluated(expression, variables, &Evaluator::disjunction);
}

}  // namespace nudge::jinja
