#include "lib/text/jinja.h"

#include <cmath>
#include <optional>

#include "lib/base/error.h"
#include "lib/io/json_reader.h"
#include "lib/text/jinja_renderer.h"
#include "lib/text/jinja_tree.h"

namespace nudge::jinja {
namespace {

class Converter {
 public:
  explicit Converter(const JsonReader& in) : in_(in) {}
  Value value_of(JsonReader::Value json);

 private:
  Value list_of(JsonReader::Array array);
  Value map_of(JsonReader::Object object);
  Value value_of_double(double x);

  const JsonReader& in_;
};

Value Converter::list_of(JsonReader::Array array) {
  Value::List list;
  for (const JsonReader::Value e : array) list.push_back(value_of(e));
  // JsonReader's encoding of a number that it can't represent.
  const bool number =
      in_.substitutions().beyond && list.size() == 1 && list[0].is(Value::Kind::kList) && list[0].items().empty();
  if (number) fail_unsupported("NaN or a number beyond double");
  return Value::of(std::move(list));
}

Value Converter::map_of(JsonReader::Object object) {
  Map map;
  for (const auto& field : object) map.set(field.key, value_of(field.value));
  return Value::of(std::move(map));
}

Value Converter::value_of_double(double x) {
  if (std::abs(x) >= 0x1p63 && in_.substitutions().long_integers) fail_unsupported("a number beyond 64 bits");
  return Value::floating(x);
}

Value Converter::value_of(JsonReader::Value json) {
  using Kind = JsonReader::Kind;
  switch (json.type()) {
    case Kind::STRING: return Value::of(json.get_string().value_unsafe());
    case Kind::BOOL: return Value::boolean(json.get_bool().value_unsafe());
    case Kind::INT64: return Value::integer(std::int64_t{json.get_int64().value_unsafe()});
    case Kind::DOUBLE: return value_of_double(json.get_double().value_unsafe());
    case Kind::NULL_VALUE: return Value::none();
    case Kind::ARRAY: return list_of(json.get_array().value_unsafe());
    case Kind::OBJECT: return map_of(json.get_object().value_unsafe());
    default: fail_unsupported("a number beyond 64 bits");
  }
}

}  // namespace

Value value_of_json(std::string_view json) {
  const Meter meter;
  std::optional<JsonReader> in;
  try {
    in.emplace(json, "JSON");
  } catch (const Error&) {
    throw TemplateError(TemplateError::Cause::kWrong, "not JSON");
  }
  return Converter(*in).value_of(in->root());
}

Template::Template(std::string_view source) {
  const Meter meter;
  const auto tree = std::make_shared<Tree>();
  parse(source, *tree);
  resolve_names(*tree);
  tree_ = tree;
}

Rendered Template::render(const Variables& variables, const Date& today) const {
  const Meter meter;
  return Renderer(*tree_, variables, today).run();
}

std::string render(std::string_view source, const Value::Map& variables) {
  Variables named;
  for (const auto& [name, value] : variables) named.emplace(name.text(), value);
  return Template(source).render(named, {}).text;
}

}  // namespace nudge::jinja
