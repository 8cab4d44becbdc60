// Argument binding, and the global functions.
#include "lib/text/jinja_functions.h"

#include <algorithm>

#include "lib/text/jinja_loop.h"
#include "lib/text/jinja_operators.h"

namespace nudge::jinja {

using Kind = Value::Kind;

const Value* Arguments::find(std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Arguments::expect_values(const std::string& function, std::size_t least, std::size_t most) const {
  if (!named.empty()) fail_wrong(function + "() takes no keyword argument '" + named[0].first + "'");
  if (values.size() > most) fail_wrong(function + "() takes at most " + std::to_string(most) + " arguments");
  if (values.size() < least) fail_wrong(function + "() takes at least " + std::to_string(least) + " arguments");
}

Parameters::Parameters(const std::string& function, const Arguments& given, std::initializer_list<const char*> names,
                       std::size_t needed)
    : values_(names.size(), nullptr) {
  if (given.values.size() > names.size()) {
    fail_wrong(function + " takes at most " + std::to_string(names.size()) + " arguments");
  }
  for (std::size_t i = 0; i < given.values.size(); ++i) values_[i] = &given.values[i];
  for (const auto& [key, value] : given.named) {
    const auto same = [&, &wanted = key](const char* name) { return wanted == name; };
    const auto i = static_cast<std::size_t>(std::find_if(names.begin(), names.end(), same) - names.begin());
    if (i == names.size()) fail_wrong(function + " got an unexpected keyword argument '" + key + "'");
    if (values_[i] != nullptr) fail_wrong(function + " got multiple values for argument '" + key + "'");
    values_[i] = &value;
  }
  for (std::size_t i = 0; i < needed; ++i) {
    if (values_[i] == nullptr) fail_wrong(function + " is missing the argument '" + names.begin()[i] + "'");
  }
}

bool Parameters::truth(std::size_t i, bool otherwise) const {
  return values_[i] == nullptr ? otherwise : values_[i]->truth();
}
std::int64_t Parameters::integer(std::size_t i, std::int64_t otherwise) const {
  return values_[i] == nullptr ? otherwise : integer_of(*values_[i]);
}
bool Parameters::is_given(std::size_t i) const { return values_[i] != nullptr && !values_[i]->is(Kind::kNone); }

std::int64_t integer_of(const Value& value) {
  if (!value.is_integer()) fail_wrong("'" + type_name(value) + "' object cannot be interpreted as an integer");
  return value.number;
}

const std::string& text_of(const Value& value) {
  if (!value.is(Kind::kText)) fail_wrong("a str is expected, not '" + type_name(value) + "'");
  return value.text();
}

Value global(const std::string& name) {
  constexpr const char* kNames[] = {"range",  "dict",      "lipsum",          "cycler",
                                    "joiner", "namespace", "raise_exception", "strftime_now"};
  for (const char* known : kNames) {
    if (name == known) return Value::make(Kind::kFunction, std::make_shared<Function>(known));
  }
  return Value::missing();
}

namespace {

Value make_range(const Arguments& given) {
  given.expect_values("range", 1, 3);
  std::int64_t bounds[3] = {0, 0, 1};
  for (std::size_t i = 0; i < given.values.size(); ++i) bounds[i] = integer_of(given.values[i]);
  if (given.values.size() == 1) std::swap(bounds[0], bounds[1]);
  if (bounds[2] == 0) fail_wrong("range() arg 3 must not be zero");
  const auto range = std::make_shared<Range>(bounds[0], bounds[1], bounds[2]);
  if (range->length > kMostRange) {
    fail_wrong("Range too big. The sandbox blocks ranges larger than MAX_RANGE (" + std::to_string(kMostRange) + ").");
  }
  return Value::make(Kind::kRange, range);
}

// The arguments of dict() and namespace(): a map or pairs, and named values.
Map make_map(const std::string& function, const Arguments& given) {
  if (given.values.size() > 1) fail_wrong(function + " expected at most 1 argument");
  Map map;
  if (!given.values.empty() && given.values[0].is(Kind::kMap)) {
    map = given.values[0].map();
  } else if (!given.values.empty()) {
    for (const Value& pair : list_of(given.values[0])) {
      const Value::List parts = list_of(pair);
      if (parts.size() != 2) fail_wrong("dictionary update sequence element has length other than 2");
      map.set(parts[0], parts[1]);
    }
  }
  for (const auto& [name, value] : given.named) map.set(name, value);
  return map;
}

Value make_namespace(const Arguments& given, const Calling& calling) {
  if (calling.namespaces.size() >= kMostMembers) fail_limit("too many namespaces are made");
  auto space = std::make_shared<Namespace>();
  calling.namespaces.push_back(space);
  space->fields = make_map("namespace", given);
  return Value::make(Kind::kNamespace, std::move(space));
}

Value make_joiner(const Arguments& given) {
  const Parameters p("joiner", given, {"sep"});
  return Value::make(Kind::kJoiner, std::make_shared<Joiner>(p[0] == nullptr ? Value::of(", ") : *p[0]));
}

Value make_cycler(const Arguments& given) {
  given.expect_values("cycler", 0, kMostMembers);
  if (given.values.empty()) fail_wrong("at least one item must be provided");
  return Value::make(Kind::kCycler, std::make_shared<Cycler>(Value::tuple(given.values)));
}

[[noreturn]] void raise(const Arguments& given) {
  const Parameters p("raise_exception", given, {"message"}, 1);
  throw TemplateError(TemplateError::Cause::kRaised, to_text(*p[0]));
}

Value method_of_map(const Value& self, const std::string& name, const Arguments& given) {
  const auto view = [&](View::Part part) {
    given.expect_values(name, 0, 0);
    return Value::make(Kind::kView, std::make_shared<View>(self, part));
  };
  if (name == "items") return view(View::Part::kItems);
  if (name == "keys") return view(View::Part::kKeys);
  if (name == "values") return view(View::Part::kValues);
  if (name == "copy") return given.expect_values(name, 0, 0), Value::of(self.map());
  if (name != "get") fail_unsupported("the method \"" + name + "\" of a dict");
  given.expect_values(name, 1, 2);
  const Value* const found = self.map().find(given.values[0]);
  if (found != nullptr) return *found;
  return given.values.size() > 1 ? given.values[1] : Value::none();
}

Value method_of_list(const Value& self, const std::string& name, const Arguments& given) {
  if (name == "copy") return given.expect_values(name, 0, 0), Value::of(self.items());
  given.expect_values(name, 1, name == "count" ? 1 : 3);
  if (given.values.size() > 1) fail_unsupported("the method \"index\" from a place on");
  const Value::List& items = self.items();
  const auto same = [&](const Value& v) { return equal(v, given.values[0]); };
  if (name == "count")
    return Value::integer(static_cast<std::int64_t>(std::count_if(items.begin(), items.end(), same)));
  const auto found = std::find_if(items.begin(), items.end(), same);
  if (found == items.end()) fail_wrong(repr(given.values[0]) + " is not in list");
  return Value::integer(found - items.begin());
}

Value method_of_cycler(Cycler& cycler, const std::string& name, const Arguments& given) {
  given.expect_values(name, 0, 0);
  const Value now = cycler.current();
  cycler.position = name == "reset" ? 0 : (cycler.position + 1) % cycler.items.items().size();
  return name == "reset" ? Value::none() : now;
}

Value method_of_loop(Loop& loop, const std::string& name, const Arguments& given) {
  given.expect_values(name, 0, kMostMembers);
  return name == "cycle" ? loop.cycle(given.values) : Value::boolean(loop.changed(given.values));
}

}  // namespace

Value call_global(const std::string& name, const Arguments& given, const Calling& calling) {
  if (name == "namespace") return make_namespace(given, calling);
  if (name == "range") return make_range(given);
  if (name == "dict") return Value::of(make_map("dict", given));
  if (name == "cycler") return make_cycler(given);
  if (name == "joiner") return make_joiner(given);
  if (name == "raise_exception") raise(given);
  if (name == "strftime_now") {
    const Parameters p(name, given, {"format"}, 1);
    calling.dated = true;
    return Value::of(strftime(calling.today, text_of(*p[0])));
  }
  fail_unsupported("the function \"" + name + "\"");
}

Value call_method(const Method& method, const Arguments& given) {
  const Value& self = method.self;
  switch (self.kind) {
    case Kind::kText: return method_of_text(self, method.name, given);
    case Kind::kMap: return method_of_map(self, method.name, given);
    case Kind::kList:
    case Kind::kTuple: return method_of_list(self, method.name, given);
    case Kind::kCycler: return method_of_cycler(as<Cycler>(self), method.name, given);
    case Kind::kLoop: return method_of_loop(as<Loop>(self), method.name, given);
    default: fail_unsupported("the method \"" + method.name + "\" of a " + type_name(self));
  }
}

}  // namespace nudge::jinja
