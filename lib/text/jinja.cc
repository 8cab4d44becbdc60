#include "lib/text/jinja.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "lib/io/json_parse.h"
#include "lib/text/jinja_renderer.h"
#include "lib/text/jinja_tree.h"

namespace nudge::jinja {
namespace {

// Numbers that simdjson's values are not: integers of so many digits that 64 bits may not hold them, which are doubles
// then, and what parse_python_json makes a list of an empty list.
struct Unheld {
  explicit Unheld(std::string_view json) : other(!not_a_number_in(json).empty()) {
    for (std::size_t at = 0; at < json.size(); ++at) {
      if (json[at] == '"') {
        for (++at; at < json.size() && json[at] != '"'; ++at) at += json[at] == '\\';
        continue;
      }
      const std::size_t end = std::min(json.find_first_not_of("0123456789+-.eE", at), json.size());
      if (end > at) see(json.substr(at, end - at));
      if (end > at) at = end - 1;
    }
  }
  void see(std::string_view number) {
    const bool whole = number.find_first_of(".eE") == number.npos;
    integer = integer || (whole && number.size() >= 19);
    double x = 0;
    const auto result = std::from_chars(number.data(), number.data() + number.size(), x);
    other = other || (result.ec == std::errc::result_out_of_range &&
                      !(number.find("e-") != number.npos || number.find("E-") != number.npos));
  }
  bool integer = false, other;
};

class Reader {
 public:
  explicit Reader(std::string_view json) : unheld_(json) {}
  Value value_of(simdjson::dom::element json);

 private:
  Value list_of(simdjson::dom::array array);
  Value map_of(simdjson::dom::object object);
  Value value_of_double(double x);

  Unheld unheld_;
};

Value Reader::list_of(simdjson::dom::array array) {
  Value::List list;
  for (const simdjson::dom::element e : array) list.push_back(value_of(e));
  // What parse_python_json makes of a number that it can't hold.
  const bool number = unheld_.other && list.size() == 1 && list[0].is(Value::Kind::kList) && list[0].items().empty();
  if (number) fail_unsupported("NaN or a number beyond double");
  return Value::of(std::move(list));
}

Value Reader::map_of(simdjson::dom::object object) {
  Map map;
  for (const simdjson::dom::key_value_pair& field : object) map.set(field.key, value_of(field.value));
  return Value::of(std::move(map));
}

Value Reader::value_of_double(double x) {
  if (std::abs(x) >= 0x1p63 && unheld_.integer) fail_unsupported("a number beyond 64 bits");
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
  return Reader(json).value_of(root);
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
