// Parsing JSON whose numbers may be any that the grammar has: simdjson refuses a text for one that it can't hold.
#pragma once

#include <simdjson.h>

#include <string_view>

namespace nudge {

// As parser.parse(json), with the parser's depth. Integers beyond 64 bits are doubles then, and a number beyond double
// is the number 0: for whoever keeps its text.
simdjson::error_code parse_json(simdjson::dom::parser& parser, std::string_view json, simdjson::dom::element& root);

// The same of what Python's json module writes, which may be NaN, Infinity and -Infinity. These and numbers beyond
// double are lists of an empty list, which is no value of any field, so that one who wants the field refuses it.
simdjson::error_code parse_python_json(simdjson::dom::parser& parser, std::string_view json,
                                       simdjson::dom::element& root);

// The first of NaN, Infinity and -Infinity outside of texts, or nothing.
std::string_view not_a_number_in(std::string_view json);

// The field of that name, of several the last, as Python's json module has it. False where there is none.
bool find_last(simdjson::dom::object object, std::string_view key, simdjson::dom::element& value);

// RFC 8259 forbids it, some editors write it. Newer releases of simdjson skip it.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace nudge
