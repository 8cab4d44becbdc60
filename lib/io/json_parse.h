// Parses JSON with any number of the grammar: simdjson alone refuses a text for one that it can't hold. Below
// JsonReader and Record. Internal to lib/io.
#pragma once

#include <simdjson.h>

#include <string_view>

namespace nudge {

// Like parser.parse(json), to the parser's depth. Integers beyond 64 bits become doubles, and a number beyond double
// becomes the number 0: for callers that keep the text of numbers.
simdjson::error_code parse_json(simdjson::dom::parser& parser, std::string_view json, simdjson::dom::element& root);

struct Substitutions {
  bool long_integers = false;  // integers beyond 64 bits became doubles
  bool beyond = false;         // NaN, infinities and numbers beyond double became lists of an empty list
};

// The same for what Python's json module writes, which may be NaN, Infinity and -Infinity. These and numbers beyond
// double become lists of an empty list, a value of no field, so that whoever reads the field refuses it.
simdjson::error_code parse_python_json(simdjson::dom::parser& parser, std::string_view json,
                                       simdjson::dom::element& root, Substitutions& substitutions);

// The first NaN, Infinity or -Infinity outside of strings, or nothing.
std::string_view not_a_number_in(std::string_view json);

// RFC 8259 forbids it, some editors write it. Newer releases of simdjson skip it.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace nudge
