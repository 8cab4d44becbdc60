#include "lib/text/jinja_operators.h"

#include <cmath>

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

[[noreturn]] void fail_operands(const char* sign, const Value& a, const Value& b) {
  if (a.is(Kind::kUndefined)) fail_undefined(a);
  if (b.is(Kind::kUndefined)) fail_undefined(b);
  if (a.is(Kind::kView) || b.is(Kind::kView)) fail_unsupported(std::string("the operator ") + sign + " of sets");
  fail_wrong(std::string("unsupported operand type(s) for ") + sign + ": '" + type_name(a) + "' and '" + type_name(b) +
             "'");
}

[[noreturn]] void fail_overflow() { fail_unsupported("an integer beyond 64 bits"); }

bool are_integers(const Value& a, const Value& b) { return a.is_integer() && b.is_integer(); }
bool are_numbers(const Value& a, const Value& b) { return a.is_number() && b.is_number(); }

std::string as_markup(const Value& text) { return text.markup() ? text.text() : escaped(text.text()); }

Value add_texts(const Value& a, const Value& b) {
  check_text(a.text().size() + b.text().size());
  if (a.markup() || b.markup()) return Value::of(as_markup(a) + as_markup(b), true);
  return Value::of(a.text() + b.text());
}

Value list_like(const Value& model, Value::List items) {
  return model.is(Kind::kList) ? Value::of(std::move(items)) : Value::tuple(std::move(items));
}

// How often a string or list is repeated; Python treats negative numbers as 0.
std::size_t times_of(std::int64_t n, std::size_t size, std::size_t most, const char* what) {
  if (n <= 0 || size == 0) return 0;
  if (static_cast<std::uint64_t>(n) > most / size) fail_limit(what);
  return static_cast<std::size_t>(n);
}

Value repeated(const Value& value, std::int64_t n) {
  if (value.is(Kind::kText)) {
    const std::string& text = value.text();
    const std::size_t times = times_of(n, text.size(), kMostText, "a text is too long");
    std::string out;
    out.reserve(times * text.size());
    for (std::size_t i = 0; i < times; ++i) out += text;
    return Value::of(std::move(out), value.markup());
  }
  const Value::List& items = value.items();
  const std::size_t times = times_of(n, items.size(), kMostMembers, "a list is too long");
  Value::List out;
  for (std::size_t i = 0; i < times; ++i) out.insert(out.end(), items.begin(), items.end());
  return list_like(value, std::move(out));
}

// As CPython: rounds towards minus infinity; the remainder has the divisor's sign.
std::pair<double, double> float_divmod(double a, double b) {
  if (b == 0) fail_wrong("division by zero");
  double rest = std::fmod(a, b), quotient = (a - rest) / b;
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) rest += b, quotient -= 1;
  } else {
    rest = std::copysign(0.0, b);
  }
  if (quotient == 0) return {std::copysign(0.0, a / b), rest};
  double whole = std::floor(quotient);
  if (quotient - whole > 0.5) whole += 1;
  return {whole, rest};
}

std::pair<std::int64_t, std::int64_t> integer_divmod(std::int64_t a, std::int64_t b) {
  if (b == 0) fail_wrong("division by zero");
  if (b == -1) {
    std::int64_t negated = 0;
    if (__builtin_sub_overflow(std::int64_t{0}, a, &negated)) fail_overflow();
    return {negated, 0};
  }
  std::int64_t quotient = a / b, rest = a % b;
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b, --quotient;
  return {quotient, rest};
}

Value integer_power(std::int64_t base, std::int64_t exponent) {
  if (base == 0 || base == 1) return Value::integer(exponent == 0 ? std::int64_t{1} : base);
  if (base == -1) return Value::integer(std::int64_t{exponent % 2 == 0 ? 1 : -1});
  if (exponent > 63) fail_overflow();
  std::int64_t result = 1;
  for (std::int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(result, base, &result)) fail_overflow();
  }
  return Value::integer(result);
}

}  // namespace

double as_double(const Value& number) {
  return number.is(Kind::kFloat) ? number.real : static_cast<double>(number.number);
}

Value finite(double x) {
  if (!std::isfinite(x)) fail_unsupported("a number that is infinite or NaN");
  return Value::floating(x);
}

Value add(const Value& a, const Value& b) {
  if (are_integers(a, b)) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a.number, b.number, &sum)) fail_overflow();
    return Value::integer(sum);
  }
  if (are_numbers(a, b)) return finite(as_double(a) + as_double(b));
  if (a.is(Kind::kText) && b.is(Kind::kText)) return add_texts(a, b);
  if (a.is_sequence() && a.kind == b.kind) {
    check_members(a.items().size() + b.items().size());
    Value::List items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return list_like(a, std::move(items));
  }
  const bool concatenates = (a.is(Kind::kText) && !a.markup()) || a.is_sequence();
  if (concatenates && !b.is(Kind::kUndefined)) {
    fail_wrong("can only concatenate " + type_name(a) + " (not \"" + type_name(b) + "\") to " + type_name(a));
  }
  fail_operands("+", a, b);
}

Value subtract(const Value& a, const Value& b) {
  if (are_integers(a, b)) {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(a.number, b.number, &difference)) fail_overflow();
    return Value::integer(difference);
  }
  if (are_numbers(a, b)) return finite(as_double(a) - as_double(b));
  fail_operands("-", a, b);
}

Value multiply(const Value& a, const Value& b) {
  if (are_integers(a, b)) {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(a.number, b.number, &product)) fail_overflow();
    return Value::integer(product);
  }
  if (are_numbers(a, b)) return finite(as_double(a) * as_double(b));
  const auto repeats = [](const Value& v) { return v.is(Kind::kText) || v.is_sequence(); };
  if (repeats(a) && b.is_integer()) return repeated(a, b.number);
  if (repeats(b) && a.is_integer()) return repeated(b, a.number);
  if (repeats(a) && !b.is(Kind::kUndefined))
    fail_wrong("can't multiply sequence by non-int of type '" + type_name(b) + "'");
  if (repeats(b) && !a.is(Kind::kUndefined))
    fail_wrong("can't multiply sequence by non-int of type '" + type_name(a) + "'");
  fail_operands("*", a, b);
}

Value divide(const Value& a, const Value& b) {
  if (!are_numbers(a, b)) fail_operands("/", a, b);
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  const auto exact = [](const Value& v) { return v.is(Kind::kFloat) || (v.number <= kExact && v.number >= -kExact); };
  if (as_double(b) == 0) fail_wrong("division by zero");
  if (are_integers(a, b) && !(exact(a) && exact(b))) fail_unsupported("a division of integers beyond 2^53");
  return finite(as_double(a) / as_double(b));
}

Value floor_divide(const Value& a, const Value& b) {
  if (are_integers(a, b)) return Value::integer(integer_divmod(a.number, b.number).first);
  if (are_numbers(a, b)) return finite(float_divmod(as_double(a), as_double(b)).first);
  fail_operands("//", a, b);
}

Value modulo(const Value& a, const Value& b) {
  if (are_integers(a, b)) return Value::integer(integer_divmod(a.number, b.number).second);
  if (are_numbers(a, b)) return finite(float_divmod(as_double(a), as_double(b)).second);
  if (a.is(Kind::kText)) {
    if (a.markup()) fail_unsupported("the operator % of Markup");
    return Value::of(printf_text(a.text(), b));
  }
  fail_operands("%", a, b);
}

Value power(const Value& a, const Value& b) {
  if (!are_numbers(a, b)) fail_operands("** or pow()", a, b);
  if (are_integers(a, b) && b.number >= 0) return integer_power(a.number, b.number);
  const double base = as_double(a), exponent = as_double(b);
  if (base == 0 && exponent < 0) fail_wrong("zero to a negative power");
  if (base < 0 && std::floor(exponent) != exponent) fail_unsupported("a complex number");
  const double result = std::pow(base, exponent);
  if (std::isinf(result)) fail_wrong("(34, 'Numerical result out of range')");
  return finite(result);
}

Value negative(const Value& a) {
  if (a.is(Kind::kFloat)) return Value::floating(-a.real);
  if (a.is_integer()) return subtract(Value::integer(0), a);
  if (a.is(Kind::kUndefined)) fail_undefined(a);
  fail_wrong("bad operand type for unary -: '" + type_name(a) + "'");
}

Value positive(const Value& a) {
  if (a.is(Kind::kFloat)) return a;
  if (a.is_integer()) return Value::integer(a.number);
  if (a.is(Kind::kUndefined)) fail_undefined(a);
  fail_wrong("bad operand type for unary +: '" + type_name(a) + "'");
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&#39;"; break;
      case '"': out += "&#34;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace nudge::jinja
