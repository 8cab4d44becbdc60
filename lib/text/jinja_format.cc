// String formatting: text % values and text.format().
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "lib/text/jinja_functions.h"
#include "lib/text/jinja_operators.h"
#include "lib/text/python_text.h"
#include "lib/text/unicode.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

constexpr int kMostDigits = 500;  // after the point

std::string digits_of(const Value& number, const NumberFormat& f) {
  if (std::string_view("dxXobn").find(f.type) != std::string_view::npos) {
    const int base = f.type == 'o' ? 8 : f.type == 'b' ? 2 : f.type == 'x' || f.type == 'X' ? 16 : 10;
    char text[80];
    const std::int64_t n = number.number;
    const std::uint64_t size = n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
    std::string digits(text, std::to_chars(text, text + sizeof text, size, base).ptr);
    return f.type == 'X' ? python::upper(digits) : digits;
  }
  const int precision = f.precision < 0 ? 6 : f.precision;
  if (precision > kMostDigits) fail_unsupported("so many digits in a format");
  const double x = std::abs(f.type == '%' ? as_double(number) * 100 : as_double(number));
  char text[1024];
  const char type = f.type == '%' ? 'f' : f.type;
  const char form[] = {'%', '.', '*', type, '\0'};
  const char with_point[] = {'%', '#', '.', '*', type, '\0'};
  const int size = std::snprintf(text, sizeof text, f.alternative ? with_point : form, precision, x);
  return std::string(text, static_cast<std::size_t>(std::min<int>(size, sizeof text - 1))) + (f.type == '%' ? "%" : "");
}

std::string with_separators(const std::string& digits, char separator) {
  const std::size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string out;
  for (std::size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % 3 == 0) out += separator;
    out += digits[i];
  }
  return out + digits.substr(whole);
}

std::string padded(const std::string& text, std::size_t width, char align, char fill, std::size_t inside) {
  const std::size_t size = python::length(text);
  if (width <= size) return text;
  if (width > kMostText) fail_limit("a text is too long");
  const std::size_t room = width - size;
  if (align == '<') return text + std::string(room, fill);
  if (align == '^') return std::string(room / 2, fill) + text + std::string(room - room / 2, fill);
  if (align == '=') return text.substr(0, inside) + std::string(room, fill) + text.substr(inside);
  return std::string(room, fill) + text;
}

bool is_negative(const Value& number) {
  return number.is(Kind::kFloat) ? std::signbit(number.real) : number.number < 0;
}

}  // namespace

std::string formatted(const Value& number, const NumberFormat& f, bool printf_like) {
  std::string prefix = is_negative(number) ? "-" : f.sign == '+' ? "+" : f.sign == ' ' ? " " : "";
  if (f.alternative && f.type == 'x') prefix += "0x";
  if (f.alternative && f.type == 'X') prefix += "0X";
  if (f.alternative && f.type == 'o') prefix += "0o";
  if (f.alternative && f.type == 'b') prefix += "0b";
  std::string digits = digits_of(number, f);
  const bool whole = f.type == 'd' || f.type == 'x' || f.type == 'X' || f.type == 'o';
  if (printf_like && whole && f.precision > static_cast<int>(digits.size())) {
    if (f.precision > kMostDigits) fail_unsupported("so many digits in a format");
    digits.insert(0, static_cast<std::size_t>(f.precision) - digits.size(), '0');
  }
  if (f.separator != '\0') digits = with_separators(digits, f.separator);
  if (f.separator != '\0' && f.zeros) fail_unsupported("zeros and a separator in a format");
  const char align = f.align != '\0' ? f.align : f.zeros ? '=' : '>';
  const bool zeros = f.zeros && f.align != '<';
  return padded(prefix + digits, f.width, align, zeros ? '0' : f.fill, prefix.size());
}

namespace {

// text % values.
class Printf {
 public:
  Printf(const std::string& format, const Value& values) : format_(format), values_(values) {
    if (values.is(Kind::kTuple)) list_ = values.items();
    else list_ = {values};
  }

  std::string run() {
    while (at_ < format_.size()) {
      const std::size_t mark = std::min(format_.find('%', at_), format_.size());
      out_.append(format_, at_, mark - at_);
      at_ = mark + 1;
      if (mark < format_.size()) conversion();
      check_text(out_.size());
    }
    const bool mapping =
        values_.is(Kind::kMap) || values_.is(Kind::kList) || values_.is(Kind::kRange) || values_.is(Kind::kUndefined);
    if (taken_ < list_.size() && !mapping) fail_wrong("not all arguments converted during string formatting");
    return std::move(out_);
  }

 private:
  char take() {
    if (at_ >= format_.size()) fail_wrong("incomplete format");
    return format_[at_++];
  }
  Value next() {
    if (named_) return *named_;
    if (taken_ == list_.size()) fail_wrong("not enough arguments for format string");
    return list_[taken_++];
  }
  void name() {
    std::size_t end = at_;
    for (int open = 1; open > 0; ++end) {
      if (end >= format_.size()) fail_wrong("incomplete format key");
      open += format_[end] == '(' ? 1 : format_[end] == ')' ? -1 : 0;
    }
    if (!values_.is(Kind::kMap)) fail_wrong("format requires a mapping");
    const std::string key = format_.substr(at_, end - 1 - at_);
    const Value* const found = values_.map().find(key);
    if (found == nullptr) fail_wrong(repr_of_text(key));
    named_ = *found;
    at_ = end;
  }
  std::int64_t number(char& c) {
    if (c == '*') {
      const std::int64_t n = integer_of(next());
      c = take();
      return n;
    }
    std::int64_t n = 0;
    for (; python::is_digit(c); c = take()) n = std::min<std::int64_t>(n * 10 + (c - '0'), INT32_MAX);
    return n;
  }
  void conversion() {
    named_.reset();
    NumberFormat f;
    char c = take();
    if (c == '(') name(), c = take();
    for (; std::string_view("#0- +").find(c) != std::string_view::npos; c = take()) {
      if (c == '#') f.alternative = true;
      if (c == '0') f.zeros = true;
      if (c == '-') f.align = '<';
      if (c == '+' || (c == ' ' && f.sign != '+')) f.sign = c;
    }
    const std::int64_t width = number(c);
    if (width < 0) f.align = '<';
    f.width = static_cast<std::size_t>(std::min<std::int64_t>(std::abs(width), INT32_MAX));
    if (c == '.') {
      c = take();
      f.precision = static_cast<int>(std::clamp<std::int64_t>(number(c), 0, INT32_MAX));
    }
    if (c == 'h' || c == 'l' || c == 'L') c = take();
    if (c == '%') out_ += '%';
    else out_ += converted(c, f);
  }
  std::string converted(char c, NumberFormat& f) {
    const char align = f.align == '<' ? '<' : '>';
    if (c == 's' || c == 'r') {
      const Value value = next();
      Value text = Value::of(c == 's' ? to_text(value) : repr(value));
      if (f.precision >= 0) text = Value::of(substring(text, 0, static_cast<std::size_t>(f.precision)));
      return padded(text.text(), f.width, align, ' ', 0);
    }
    if (std::string_view("diuxXoeEfFgG").find(c) == std::string_view::npos) {
      fail_unsupported("the conversion %" + std::string(1, c));
    }
    Value value = next();
    const bool real = std::string_view("eEfFgG").find(c) != std::string_view::npos;
    if (value.is(Kind::kUndefined) && real) fail_undefined(value);
    if (!value.is_number())
      fail_wrong("%" + std::string(1, c) + " format: a number is required, not " + type_name(value));
    const bool hex = c == 'x' || c == 'X' || c == 'o';
    if (hex && value.is(Kind::kFloat))
      fail_wrong("%" + std::string(1, c) + " format: an integer is required, not float");
    if (!real && value.is(Kind::kFloat)) {
      if (!(std::abs(value.real) < 0x1p63)) fail_unsupported("an integer beyond 64 bits");
      value = Value::integer(static_cast<std::int64_t>(value.real));
    }
    f.type = c == 'i' || c == 'u' ? 'd' : c;
    return formatted(value, f, true);
  }

  const std::string& format_;
  const Value& values_;
  Value::List list_;
  std::optional<Value> named_;
  std::size_t at_ = 0, taken_ = 0;
  std::string out_;
};

// text.format(...).
class Format {
 public:
  Format(const std::string& format, const Arguments& given) : format_(format), given_(given) {}

  std::string run() {
    while (at_ < format_.size()) {
      const char c = format_[at_++];
      const bool twice = at_ < format_.size() && format_[at_] == c;
      if (c != '{' && c != '}') out_ += c;
      else if (twice) out_ += c, ++at_;
      else if (c == '}') fail_wrong("Single '}' encountered in format string");
      else field();
      if (out_.size() > kMostText) fail_limit("a text is too long");
    }
    return std::move(out_);
  }

 private:
  void field() {
    const std::size_t end = format_.find('}', at_);
    if (end == format_.npos) fail_wrong("expected '}' before end of string");
    const std::string inside = format_.substr(at_, end - at_);
    if (inside.find('{') != inside.npos) fail_unsupported("a field in a field of a format");
    at_ = end + 1;
    const std::size_t colon = std::min(inside.find(':'), inside.size());
    std::string name = inside.substr(0, colon);
    char conversion = '\0';
    if (name.size() >= 2 && name[name.size() - 2] == '!') conversion = name.back(), name.resize(name.size() - 2);
    if (name.find_first_of("!.[") != name.npos) fail_unsupported("an attribute in a field of a format");
    Value value = argument(name);
    if (conversion == 's') value = Value::of(to_text(value));
    else if (conversion == 'r') value = Value::of(repr(value));
    else if (conversion != '\0') fail_unsupported("the conversion !" + std::string(1, conversion));
    out_ += with_specification(value, colon < inside.size() ? inside.substr(colon + 1) : "");
  }

  Value argument(const std::string& name) {
    const bool number = std::all_of(name.begin(), name.end(), python::is_digit);
    if (!number) {
      const Value* const found = given_.find(name);
      if (found == nullptr) fail_wrong(repr_of_text(name));
      return *found;
    }
    if (name.size() > 6) fail_wrong("Replacement index out of range");
    if (name.empty() ? counted_ < 0 : counted_ > 0) {
      fail_wrong("cannot switch between manual field specification and automatic field numbering");
    }
    const std::size_t i =
        name.empty() ? static_cast<std::size_t>(counted_++) : static_cast<std::size_t>(std::stoi(name));
    if (!name.empty()) counted_ = -1;
    if (i >= given_.values.size())
      fail_wrong("Replacement index " + std::to_string(i) + " out of range for positional args tuple");
    return given_.values[i];
  }

  static NumberFormat specification(const std::string& s) {
    NumberFormat f;
    std::size_t at = 0;
    const auto is_align = [&](std::size_t i) {
      return i < s.size() && std::string_view("<>=^").find(s[i]) != std::string_view::npos;
    };
    if (!s.empty() && (s[0] & 0x80) != 0) fail_unsupported("a fill of other characters than ASCII's");
    if (is_align(1)) f.fill = s[0], f.align = s[1], at = 2;
    else if (is_align(0)) f.align = s[0], at = 1;
    if (at < s.size() && std::string_view("+- ").find(s[at]) != std::string_view::npos) f.sign = s[at++];
    if (at < s.size() && s[at] == '#') f.alternative = true, ++at;
    if (at < s.size() && s[at] == '0') f.zeros = true, ++at;
    for (; at < s.size() && python::is_digit(s[at]); ++at)
      f.width = std::min<std::size_t>(f.width * 10 + static_cast<std::size_t>(s[at] - '0'), INT32_MAX);
    if (at < s.size() && (s[at] == ',' || s[at] == '_')) f.separator = s[at++];
    if (at < s.size() && s[at] == '.') {
      f.precision = 0;
      for (++at; at < s.size() && python::is_digit(s[at]); ++at)
        f.precision = std::min(f.precision * 10 + (s[at] - '0'), 100000);
    }
    if (at < s.size()) f.type = s[at++];
    if (at < s.size()) fail_wrong("Invalid format specifier '" + s + "'");
    return f;
  }

  static std::string with_specification(const Value& value, const std::string& s) {
    if (s.empty()) return to_text(value);
    NumberFormat f = specification(s);
    if (f.alternative || (f.zeros && f.align != '\0')) fail_unsupported("the format \"" + s + "\"");
    if (value.is(Kind::kText)) {
      if (f.type != '\0' && f.type != 's')
        fail_wrong("Unknown format code '" + std::string(1, f.type) + "' for object of type 'str'");
      if (f.zeros || f.sign != '-' || f.separator != '\0' || f.align == '=')
        fail_unsupported("the format \"" + s + "\" of a str");
      const std::string text =
          f.precision < 0 ? value.text() : std::string(substring(value, 0, static_cast<std::size_t>(f.precision)));
      return padded(text, f.width, f.align == '\0' ? '<' : f.align, f.fill, 0);
    }
    const bool plain = f.type == '\0' && value.is(Kind::kInteger);
    if (plain) f.type = 'd';
    if (f.type == 'd' && value.is(Kind::kInteger) && f.precision < 0) return formatted(value, f, false);
    const bool real = f.type == 'f' || f.type == 'F' || f.type == 'e' || f.type == '%';
    if (real && (value.is(Kind::kInteger) || value.is(Kind::kFloat))) return formatted(value, f, false);
    fail_unsupported("the format \"" + s + "\" of a " + type_name(value));
  }

  const std::string& format_;
  const Arguments& given_;
  std::size_t at_ = 0;
  std::int64_t counted_ = 0;  // fields without a number; negative if they have numbers
  std::string out_;
};

}  // namespace

std::string printf_text(const std::string& format, const Value& values) { return Printf(format, values).run(); }

std::string format_text(const std::string& format, const Arguments& given) { return Format(format, given).run(); }

}  // namespace nudge::jinja
