// Attributes, items and slices of values.
#include <algorithm>

#include "lib/text/jinja_loop.h"
#include "lib/text/jinja_operators.h"
#include "lib/text/unicode.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

using Names = std::initializer_list<std::string_view>;

bool is_one_of(std::string_view name, Names names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The methods of Python's types; jinja2's sandbox forbids those that modify a list or a map.
bool is_method(const Value& value, std::string_view name) {
  switch (value.kind) {
    case Kind::kText:
      return is_one_of(name, {"capitalize",   "casefold",    "center",    "count",      "encode",       "endswith",
                              "expandtabs",   "find",        "format",    "format_map", "index",        "isalnum",
                              "isalpha",      "isascii",     "isdecimal", "isdigit",    "isidentifier", "islower",
                              "isnumeric",    "isprintable", "isspace",   "istitle",    "isupper",      "join",
                              "ljust",        "lower",       "lstrip",    "maketrans",  "partition",    "removeprefix",
                              "removesuffix", "replace",     "rfind",     "rindex",     "rjust",        "rpartition",
                              "rsplit",       "rstrip",      "split",     "splitlines", "startswith",   "strip",
                              "swapcase",     "title",       "translate", "upper",      "zfill"}) ||
             (value.markup() && is_one_of(name, {"escape", "striptags", "unescape"}));
    case Kind::kList: return is_one_of(name, {"copy", "count", "index"});
    case Kind::kTuple: return is_one_of(name, {"count", "index"});
    case Kind::kMap: return is_one_of(name, {"copy", "fromkeys", "get", "items", "keys", "values"});
    case Kind::kCycler: return is_one_of(name, {"next", "reset"});
    default: return false;
  }
}

bool is_forbidden(const Value& value, std::string_view name) {
  if (value.is(Kind::kList)) {
    return is_one_of(name, {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"});
  }
  return value.is(Kind::kMap) && is_one_of(name, {"clear", "pop", "popitem", "setdefault", "update"});
}

// Attributes of Python's types that are missing here.
bool is_unsupported(const Value& value, std::string_view name) {
  if (name.starts_with("__") && name.ends_with("__")) return true;
  switch (value.kind) {
    case Kind::kBool:
    case Kind::kInteger:
      return is_one_of(name, {"as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes",
                              "imag", "is_integer", "numerator", "real", "to_bytes"});
    case Kind::kFloat:
      return is_one_of(
          name, {"as_integer_ratio", "conjugate", "from_number", "fromhex", "hex", "imag", "is_integer", "real"});
    case Kind::kRange: return is_one_of(name, {"count", "index", "start", "step", "stop"});
    case Kind::kView: return is_one_of(name, {"isdisjoint", "mapping"});
    case Kind::kTuple: return dynamic_cast<Group*>(value.object.get()) != nullptr && name.starts_with("_");
    case Kind::kIterator: return name.starts_with("gi_") || is_one_of(name, {"close", "send", "throw"});
    case Kind::kMacro:
      return is_one_of(name, {"name", "arguments", "caller", "catch_kwargs", "catch_varargs", "explicit_caller"}) ||
             name.starts_with("_");
    case Kind::kFunction:  // some are classes
      return is_one_of(as<Function>(value).name, {"dict", "cycler", "joiner", "namespace", "self with blocks"});
    case Kind::kJoiner: return is_one_of(name, {"sep", "used"});
    case Kind::kCycler: return is_one_of(name, {"items", "pos"});
    default: return false;
  }
}

Value unsafe(const Value& value, const std::string& name) {
  return Value::undefined("access to attribute " + repr_of_text(name) + " of '" + type_name(value) +
                          "' object is unsafe.");
}

Value no_attribute(const Value& value, const std::string& name) {
  return Value::undefined(repr_of_text(object_name(value)) + " has no attribute " + repr_of_text(name));
}

// Python's getattr(), or kMissing.
Value plain_attribute(const Value& value, const std::string& name) {
  if (value.is(Kind::kNamespace)) {
    const Value* const field = as<Namespace>(value).fields.find(name);
    if (field == nullptr && name != "__class__") return Value::missing();
    return name.starts_with('_') ? unsafe(value, name) : *field;
  }
  if (value.is(Kind::kLoop) && !name.starts_with('_')) return as<Loop>(value).attribute(name, value);
  if (const auto* group = dynamic_cast<Group*>(value.object.get())) {
    if (name == "grouper") return group->items[0];
    if (name == "list") return group->items[1];
  }
  if (value.is(Kind::kCycler) && name == "current") return as<Cycler>(value).current();
  if (is_method(value, name)) return Value::make(Kind::kMethod, std::make_shared<Method>(value, name));
  if (is_forbidden(value, name)) return unsafe(value, name);
  if (is_unsupported(value, name)) fail_unsupported("the attribute \"" + name + "\" of a " + type_name(value));
  return Value::missing();
}

// The n-th, from the end if n is negative, or kMissing.
Value nth(const Value& value, std::int64_t n) {
  const auto size = static_cast<std::int64_t>(length_of(value));
  if (n < 0) n += size;
  if (n < 0 || n >= size) return Value::missing();
  const auto i = static_cast<std::size_t>(n);
  if (value.is(Kind::kText)) return Value::of(std::string(substring(value, i, i + 1)), value.markup());
  if (value.is(Kind::kRange)) return Value::integer(as<Range>(value).start + as<Range>(value).step * n);
  return value.items()[i];
}

// Python's value[key], or kMissing where it raises.
Value plain_item(const Value& value, const Value& key) {
  if (value.is(Kind::kMap)) {
    if (key.is(Kind::kList) || key.is(Kind::kMap)) return Value::missing();
    const Value* const found = value.map().find(key);
    return found == nullptr ? Value::missing() : *found;
  }
  const bool indexed = value.is(Kind::kText) || value.is_sequence() || value.is(Kind::kRange);
  return indexed && key.is_integer() ? nth(value, key.number) : Value::missing();
}

// The bounds of a slice, as in CPython's PySlice_AdjustIndices.
struct Bounds {
  std::int64_t first, step;
  std::size_t count;
};

std::optional<std::int64_t> index_of(const Value& value) {
  if (value.is(Kind::kNone)) return std::nullopt;
  if (!value.is_integer()) fail_wrong("slice indices must be integers or None or have an __index__ method");
  return value.number;
}

std::int64_t clipped(std::int64_t i, std::int64_t size, bool backwards) {
  if (i < 0) {
    i += size;
    return i < 0 ? (backwards ? -1 : 0) : i;
  }
  return i >= size ? (backwards ? size - 1 : size) : i;
}

Bounds bounds_of(const Value& first, const Value& last, const Value& by, std::int64_t size) {
  std::int64_t step = index_of(by).value_or(1);
  if (step == 0) fail_wrong("slice step cannot be zero");
  step = std::clamp<std::int64_t>(step, -(std::int64_t{1} << 40), std::int64_t{1} << 40);
  const bool back = step < 0;
  const auto from = index_of(first), to = index_of(last);
  const std::int64_t begin = from ? clipped(*from, size, back) : back ? size - 1 : 0;
  const std::int64_t end = to ? clipped(*to, size, back) : back ? -1 : size;
  const std::int64_t distance = back ? begin - end : end - begin;
  const std::int64_t width = back ? -step : step;
  return {begin, step, distance > 0 ? static_cast<std::size_t>((distance - 1) / width + 1) : 0};
}

Value slice_of_text(const Value& text, const Bounds& b) {
  const auto first = static_cast<std::size_t>(std::max<std::int64_t>(b.first, 0));
  if (b.count == 0) return Value::of("", text.markup());
  if (b.step == 1) return Value::of(std::string(substring(text, first, first + b.count)), text.markup());
  charge(text.text().size() / 4 + b.count);
  std::vector<std::size_t> starts;  // byte offsets of the characters
  const std::string& bytes = text.text();
  for (std::size_t at = 0; at < bytes.size(); next_char(bytes, at)) starts.push_back(at);
  starts.push_back(bytes.size());
  std::string out;
  for (std::size_t i = 0; i < b.count; ++i) {
    const auto at = static_cast<std::size_t>(b.first + b.step * static_cast<std::int64_t>(i));
    out.append(bytes, starts[at], starts[at + 1] - starts[at]);
  }
  return Value::of(std::move(out), text.markup());
}

}  // namespace

std::string_view substring(const Value& text, std::size_t from, std::size_t to) {
  const std::string_view bytes = text.text();
  if (text.ascii()) return bytes.substr(from, to - from);
  charge_text(bytes.size());
  std::size_t at = 0, n = 0;
  for (; n < from && at < bytes.size(); ++n) next_char(bytes, at);
  const std::size_t begin = at;
  for (; n < to && at < bytes.size(); ++n) next_char(bytes, at);
  return bytes.substr(begin, at - begin);
}

Value attribute_of(const Value& value, const std::string& name) {
  const bool of_class = name.starts_with("__") && name.ends_with("__");
  if (value.is(Kind::kUndefined) && of_class) fail_unsupported("the attribute \"" + name + "\" of an undefined value");
  if (value.is(Kind::kUndefined)) fail_undefined(value);
  Value found = plain_attribute(value, name);
  if (!found.is(Kind::kMissing)) return found;
  if (value.is(Kind::kMap)) {
    if (const Value* const item = value.map().find(name)) return *item;
  }
  return no_attribute(value, name);
}

Value item_of(const Value& value, const Value& key) {
  if (value.is(Kind::kUndefined)) fail_undefined(value);
  Value found = plain_item(value, key);
  if (!found.is(Kind::kMissing)) return found;
  if (!key.is(Kind::kText)) return Value::undefined(object_name(value) + " has no element " + repr(key));
  found = plain_attribute(value, key.text());
  return found.is(Kind::kMissing) ? no_attribute(value, key.text()) : found;
}

Value slice_of(const Value& value, const Value& first, const Value& last, const Value& step) {
  if (value.is(Kind::kUndefined)) fail_undefined(value);
  const bool sliced = value.is(Kind::kText) || value.is_sequence() || value.is(Kind::kRange);
  if (value.is(Kind::kMap)) fail_wrong("a slice of a dict");
  if (!sliced) fail_wrong("'" + type_name(value) + "' object is not subscriptable");
  const Bounds b = bounds_of(first, last, step, static_cast<std::int64_t>(length_of(value)));
  if (value.is(Kind::kText)) return slice_of_text(value, b);
  if (value.is(Kind::kRange)) fail_unsupported("a slice of a range");
  Value::List out;
  for (std::size_t i = 0; i < b.count; ++i) {
    out.push_back(value.items()[static_cast<std::size_t>(b.first + b.step * static_cast<std::int64_t>(i))]);
  }
  return value.is(Kind::kList) ? Value::of(std::move(out)) : Value::tuple(std::move(out));
}

}  // namespace nudge::jinja
