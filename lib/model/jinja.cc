#include "lib/model/jinja.h"

#include <algorithm>
#include <cmath>

#include "lib/io/json_parse.h"
#include "lib/model/jinja_renderer.h"
#include "lib/model/jinja_tree.h"

namespace nudge::jinja {
namespace {

// Whether an integer of so many digits stands in the text that 64 bits may not hold it. simdjson's double of it isn't it.
bool has_long_integer(std::string_view json) {
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] == '"') {
      for (++at; at < json.size() && json[at] != '"'; ++at) at += json[at] == '\\';
      continue;
    }
    const std::size_t end = std::min(json.find_first_not_of("0123456789+-.eE", at), json.size());
    if (end - at >= 19 && json.substr(at, end - at).find_first_of(".eE") == json.npos) return true;
    if (end > at) at = end - 1;
  }
  return false;
}

class Reader {
 public:
  explicit Reader(bool refuse_large) : refuse_large_(refuse_large) {}
  Value value_of(simdjson::dom::element json);

 private:
  Value list_of(simdjson::dom::array array);
  Value map_of(simdjson::dom::object object);
  Value value_of_double(double x);

  bool refuse_large_;
};

Value Reader::list_of(simdjson::dom::array array) {
  Value::List list;
  for (const simdjson::dom::element e : array) list.push_back(value_of(e));
  // What parse_python_json makes of a number that it can't hold.
  const bool number = list.size() == 1 && list[0].is(Value::Kind::kList) && list[0].items().empty();
  if (number) fail_unsupported("NaN, a number beyond double, or a list of an empty list");
  return Value::of(std::move(list));
}

Value Reader::map_of(simdjson::dom::object object) {
  Map map;
  for (const simdjson::dom::key_value_pair& field : object) map.set(field.key, value_of(field.value));
  return Value::of(std::move(map));
}

Value Reader::value_of_double(double x) {
  if (std::abs(x) >= 0x1p63 && refuse_large_) fail_unsupported("a number beyond 64 bits");
  return Value::floating(x);
}

Value Reader::value_of(simdjson::dom::element json) {
  switch (json.type()) {
    case simdjson::dom::element_type::STRING: return Value::of(json.get_string().value_unsafe());
    case simdjson::dom::element_type::BOOL: return Value::boolean(json.get_bool().value_unsafe());
    case simdjson::dom::element_type::INT64: return Value::integer(std::int64_t{json.get_int64().value_unsafe()});
    case simdjson::dom::element_type::DOUBLE: return value_of_double(json.get_double().value_unsafe());
    case simdjson::dom::element_type::NULL_VALUE: return Value::none();
    case simdjson::dom::element_type::ARRAY: return list_of(json.get_array().value_unsafe());
    case simdjson::dom::element_type::OBJECT: return map_of(json.get_object().value_unsafe());
    default: fail_unsupported("a number beyond 64 bits");
  }
}

}  // namespace

Value value_of_json(std::string_view json) {
  const Meter meter;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parse_python_json(parser, json, root)) throw TemplateError(TemplateError::Cause::kWrong, "no JSON");
  return Reader(has_long_integer(json)).value_of(root);
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
