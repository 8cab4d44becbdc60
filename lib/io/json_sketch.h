// What the beginning of a JSON text, on one or more lines, reveals. Internal to lib/io.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nudge {

// Describes the first value of a text that may be truncated anywhere. A kind is the character that begins a value: '{',
// '[', '"', '0' for numbers, 'w' for true, false and null, 0 for none.
struct JsonSketch {
  bool good = true;      // valid JSON as far as the text goes
  bool whole = false;    // complete: it ends at text[size]
  bool lines = false;    // spans more than one line
  std::size_t size = 0;  // bytes up to its end or the first error
  char kind = 0;
  char element = 0;               // the kind of a list's first element
  bool role = false;              // a list, or its first list, begins with an object whose first key is "role"
  std::vector<std::string> keys;  // of an object, still escaped, without quotes
  std::string list;               // the first key whose value is a list of objects, or ""
};

JsonSketch sketch_json(std::string_view text);

}  // namespace nudge
