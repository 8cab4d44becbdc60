// The methods of Python's str.
#include <algorithm>

#include "lib/text/jinja_functions.h"
#include "lib/text/jinja_operators.h"
#include "lib/text/python_text.h"
#include "lib/text/unicode.h"

namespace nudge::jinja {

using Kind = Value::Kind;
using python::Side;

namespace {

using Strings = std::vector<std::string_view>;

Value list_of_parts(const Strings& parts, bool markup) {
  check_members(parts.size());
  Value::List list;
  for (const std::string_view part : parts) list.push_back(Value::of(std::string(part), markup));
  return Value::of(std::move(list));
}

Value strip(const Value& self, const Arguments& given, Side side) {
  given.expect_values("strip", 0, 1);
  const bool all = given.values.empty() || given.values[0].is(Kind::kNone);
  if (all) return Value::of(std::string(python::stripped(self.text(), side)), self.markup());
  if (!given.values[0].is(Kind::kText)) fail_wrong("strip arg must be None or str");
  return Value::of(std::string(python::stripped(self.text(), given.values[0].text(), side)), self.markup());
}

// Searching from the end takes the product of both sizes at worst.
void charge_search(std::string_view text, std::string_view part) { charge(text.size() / 64 * part.size() + 1); }
std::size_t find_last(std::string_view text, std::string_view part) {
  charge_search(text, part);
  return text.rfind(part);
}

Value split(const Value& self, const Arguments& given, bool last) {
  const Parameters p("split", given, {"sep", "maxsplit"});
  const std::int64_t most = p.integer(1, -1);
  const std::string& text = self.text();
  if (!p.is_given(0))
    return list_of_parts(last ? python::split_last(text, most) : python::split(text, most), self.markup());
  if (!p[0]->is(Kind::kText)) fail_wrong("must be str or None, not " + type_name(*p[0]));
  const std::string& by = p[0]->text();
  if (by.empty()) fail_wrong("empty separator");
  if (last) charge_search(text, by);
  return list_of_parts(last ? python::split_last(text, by, most) : python::split(text, by, most), self.markup());
}

Value splitlines(const Value& self, const Arguments& given) {
  const Parameters p("splitlines", given, {"keepends"});
  return list_of_parts(python::lines(self.text(), p.truth(0)), self.markup());
}

// self[start:end] as in find(), count(), startswith(); false where Python doesn't search at all.
bool within(const Value& self, const Arguments& given, std::string_view& part, std::size_t& skipped) {
  const auto size = static_cast<std::int64_t>(length_of(self));
  const auto place = [&](std::size_t i, std::int64_t otherwise) {
    if (given.values.size() <= i || given.values[i].is(Kind::kNone)) return otherwise;
    std::int64_t n = integer_of(given.values[i]);
    if (n < 0) n = std::max<std::int64_t>(n + size, 0);
    return n;
  };
  const std::int64_t start = place(1, 0), end = std::min(place(2, size), size);
  if (start > end) return false;
  skipped = static_cast<std::size_t>(start);
  part = substring(self, skipped, static_cast<std::size_t>(end));
  return true;
}

Value find(const Value& self, const Arguments& given, bool last, bool needed) {
  given.expect_values("find", 1, 3);
  const std::string& wanted = text_of(given.values[0]);
  std::string_view part;
  std::size_t skipped = 0, at = part.npos;
  if (within(self, given, part, skipped)) at = last ? find_last(part, wanted) : python::find_part(part, wanted);
  if (at == part.npos && needed) fail_wrong("substring not found");
  if (at == part.npos) return Value::integer(-1);
  return Value::integer(skipped + python::length(part.substr(0, at)));
}

Value count(const Value& self, const Arguments& given) {
  given.expect_values("count", 1, 3);
  const std::string& wanted = text_of(given.values[0]);
  std::string_view part;
  std::size_t skipped = 0;
  return Value::integer(within(self, given, part, skipped) ? python::count(part, wanted) : std::size_t{0});
}

Value begins(const Value& self, const Arguments& given, bool end) {
  const char* const name = end ? "endswith" : "startswith";
  given.expect_values(name, 1, 3);
  const Value& wanted = given.values[0];
  std::string_view part;
  std::size_t skipped = 0;
  const bool there = within(self, given, part, skipped);
  const auto fits = [&](const Value& v) {
    if (!v.is(Kind::kText)) {
      fail_wrong(std::string(name) + " first arg must be str or a tuple of str, not " + type_name(v));
    }
    return there && (end ? part.ends_with(v.text()) : part.starts_with(v.text()));
  };
  if (!wanted.is(Kind::kTuple)) return Value::boolean(fits(wanted));
  return Value::boolean(std::any_of(wanted.items().begin(), wanted.items().end(), fits));
}

Value replace(const Value& self, const Arguments& given) {
  Arguments positional = given;
  if (const Value* count = given.find("count")) {
    positional.values.push_back(*count);
    positional.named.clear();
    if (given.named.size() > 1 || given.values.size() != 2) fail_wrong("replace() takes count by name alone");
  }
  positional.expect_values("replace", 2, 3);
  const std::int64_t most = positional.values.size() > 2 ? integer_of(positional.values[2]) : -1;
  return Value::of(replaced_text(self.text(), text_of(positional.values[0]), text_of(positional.values[1]), most));
}

Value join(const Value& self, const Arguments& given) {
  given.expect_values("join", 1, 1);
  std::string out;
  std::size_t i = 0;
  const auto items = iterate(given.values[0]);
  for (Value item; items->next(item); ++i) {
    if (!item.is(Kind::kText)) {
      fail_wrong("sequence item " + std::to_string(i) + ": expected str instance, " + type_name(item) + " found");
    }
    if (i > 0) out += self.text();
    out += item.text();
    if (out.size() > kMostText) fail_limit("a text is too long");
  }
  return Value::of(std::move(out));
}

// center(), ljust() and rjust().
Value padded(const Value& self, const std::string& name, const Arguments& given) {
  given.expect_values(name, 1, 2);
  const std::int64_t width = integer_of(given.values[0]), size = static_cast<std::int64_t>(length_of(self));
  const Value fill = given.values.size() > 1 ? given.values[1] : Value::of(" ");
  if (!fill.is(Kind::kText) || length_of(fill) != 1)
    fail_wrong("The fill character must be exactly one character long");
  if (width <= size) return self;
  const std::int64_t room = width - size;
  if (room > static_cast<std::int64_t>(kMostText)) fail_limit("a text is too long");
  std::int64_t left = name == "ljust" ? 0 : room;
  if (name == "center") left = room / 2 + (room & width & 1);
  const auto blanks = [&](std::int64_t n) { return multiply(fill, Value::integer(n)).text(); };
  return Value::of(blanks(left) + self.text() + blanks(room - left), self.markup());
}

Value zfill(const Value& self, const Arguments& given) {
  given.expect_values("zfill", 1, 1);
  const std::int64_t room =
      std::min<std::int64_t>(integer_of(given.values[0]), INT32_MAX) - static_cast<std::int64_t>(length_of(self));
  if (room <= 0) return self;
  if (room > static_cast<std::int64_t>(kMostText)) fail_limit("a text is too long");
  const std::string& text = self.text();
  const bool sign = !text.empty() && (text[0] == '+' || text[0] == '-');
  return Value::of(text.substr(0, sign) + std::string(static_cast<std::size_t>(room), '0') + text.substr(sign));
}

Value partition(const Value& self, const Arguments& given, bool last) {
  given.expect_values("partition", 1, 1);
  const std::string &text = self.text(), &by = text_of(given.values[0]);
  if (by.empty()) fail_wrong("empty separator");
  const std::size_t at = last ? find_last(text, by) : python::find_part(text, by);
  const auto part = [&](std::size_t from, std::size_t to) { return Value::of(text.substr(from, to - from)); };
  if (at != text.npos) return Value::tuple({part(0, at), Value::of(by), part(at + by.size(), text.size())});
  const Value nothing = Value::of("");
  return last ? Value::tuple({nothing, nothing, self}) : Value::tuple({self, nothing, nothing});
}

Value removed(const Value& self, const Arguments& given, bool suffix) {
  given.expect_values("removeprefix", 1, 1);
  const std::string &text = self.text(), &part = text_of(given.values[0]);
  if (!(suffix ? text.ends_with(part) : text.starts_with(part))) return self;
  return Value::of(suffix ? text.substr(0, text.size() - part.size()) : text.substr(part.size()));
}

Value expandtabs(const Value& self, const Arguments& given) {
  const Parameters p("expandtabs", given, {"tabsize"});
  const std::int64_t size = p.integer(0, 8);
  if (size > 1000) fail_limit("a text is too long");
  std::string out;
  std::int64_t column = 0;
  for (const std::string_view c : python::characters(self.text())) {
    if (c == "\t") {
      const std::int64_t blanks = size > 0 ? size - column % size : 0;
      out.append(static_cast<std::size_t>(blanks), ' ');
      column += blanks;
    } else {
      out += c;
      column = c == "\n" || c == "\r" ? 0 : column + 1;
    }
    if (out.size() > kMostText) fail_limit("a text is too long");
  }
  return Value::of(std::move(out));
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

bool all(const std::string& text, bool (*is)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is);
}

bool is_title(const std::string& text) {
  bool cased = false, any = false;
  for (const char c : text) {
    if ((is_upper(c) && cased) || (is_lower(c) && !cased)) return false;
    cased = is_upper(c) || is_lower(c);
    any = any || cased;
  }
  return any;
}

bool is_space_only(const std::string& text) { return !text.empty() && python::skip_space(text) == text.size(); }

// isalpha() and the like.
Value question(const Value& self, const std::string& name, const Arguments& given) {
  given.expect_values(name, 0, 0);
  const std::string& text = self.text();
  if (name == "isascii") return Value::boolean(self.ascii());
  if (name == "isspace") return Value::boolean(is_space_only(text));
  if (!self.ascii()) fail_unsupported("the method \"" + name + "\" of other characters than ASCII's");
  if (name == "isdigit" || name == "isdecimal" || name == "isnumeric")
    return Value::boolean(all(text, python::is_digit));
  if (name == "isalpha") return Value::boolean(all(text, [](char c) { return is_lower(c) || is_upper(c); }));
  if (name == "isalnum")
    return Value::boolean(all(text, [](char c) { return is_lower(c) || is_upper(c) || python::is_digit(c); }));
  if (name == "isprintable")
    return Value::boolean(text.empty() || all(text, [](char c) { return c >= ' ' && c < 0x7F; }));
  if (name == "islower")
    return Value::boolean(std::any_of(text.begin(), text.end(), is_lower) &&
                          std::none_of(text.begin(), text.end(), is_upper));
  if (name == "isupper")
    return Value::boolean(std::any_of(text.begin(), text.end(), is_upper) &&
                          std::none_of(text.begin(), text.end(), is_lower));
  if (name == "istitle") return Value::boolean(is_title(text));
  fail_unsupported("the method \"" + name + "\" of a str");
}

std::string swapcase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (is_lower(c) || is_upper(c)) c ^= 0x20;
  }
  return out;
}

Value changed(const Value& self, const std::string& name, const Arguments& given) {
  given.expect_values(name, 0, 0);
  const bool ascii_only = name == "swapcase" || name == "casefold";
  if (ascii_only && !self.ascii()) fail_unsupported("the method \"" + name + "\" of other characters than ASCII's");
  const std::string& text = self.text();
  charge_text(8 * text.size());
  const std::string made = name == "upper"        ? python::upper(text)
                           : name == "title"      ? python::title(text)
                           : name == "capitalize" ? python::capitalize(text)
                           : name == "swapcase"   ? swapcase(text)
                                                  : python::lower(text);
  return Value::of(made, self.markup());
}

bool is_one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* n) { return name == n; });
}

}  // namespace

std::string replaced_text(const std::string& text, const std::string& part, const std::string& by, std::int64_t most) {
  charge_text(text.size());
  if (by.size() > part.size()) {
    const std::size_t found = python::count(text, part);
    const std::size_t times = most < 0 ? found : std::min(found, static_cast<std::size_t>(most));
    if (by.size() > 0 && times > kMostText / by.size()) fail_limit("a text is too long");
    check_text(text.size() + times * (by.size() - part.size()));
  }
  return python::replaced(text, part, by, most);
}

Value method_of_text(const Value& self, const std::string& name, const Arguments& given) {
  charge_text(self.text().size());
  if (name == "strip") return strip(self, given, Side::kBoth);
  if (name == "lstrip") return strip(self, given, Side::kStart);
  if (name == "rstrip") return strip(self, given, Side::kEnd);
  if (name == "split" || name == "rsplit") return split(self, given, name == "rsplit");
  if (name == "splitlines") return splitlines(self, given);
  if (name == "startswith" || name == "endswith") return begins(self, given, name == "endswith");
  if (is_one_of(name, {"upper", "lower", "title", "capitalize", "swapcase", "casefold"}))
    return changed(self, name, given);
  if (name == "find" || name == "rfind") return find(self, given, name == "rfind", false);
  if (name == "index" || name == "rindex") return find(self, given, name == "rindex", true);
  if (name == "count") return count(self, given);
  if (name.starts_with("is")) return question(self, name, given);
  if (self.markup()) fail_unsupported("the method \"" + name + "\" of Markup");
  if (name == "replace") return replace(self, given);
  if (name == "join") return join(self, given);
  if (is_one_of(name, {"center", "ljust", "rjust"})) return padded(self, name, given);
  if (name == "zfill") return zfill(self, given);
  if (name == "partition" || name == "rpartition") return partition(self, given, name == "rpartition");
  if (name == "removeprefix" || name == "removesuffix") return removed(self, given, name == "removesuffix");
  if (name == "expandtabs") return expandtabs(self, given);
  if (name == "format") return Value::of(format_text(self.text(), given));
  fail_unsupported("the method \"" + name + "\" of a str");
}

}  // namespace nudge::jinja
