// What the beginning of a JSON text shows, over as many lines as it has. Internal to lib/io.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nudge {

// Of the first value in a text that may be cut anywhere. Kinds are the characters that a value begins with: '{', '[',
// '"', '0' for numbers, 'w' for true, false and null, 0 for none.
struct JsonSketch {
  bool good = true;      // it keeps to the grammar as far as the text goes
  bool whole = false;    // and its end is there, at text[size]
  bool lines = false;    // it goes on behind a line's end
  std::size_t size = 0;  // up to the end or to what breaks the grammar
  char kind = 0;
  char element = 0;               // the kind of a list's first element
  bool role = false;              // a list (or its first list) begins with an object whose first member is "role"
  std::vector<std::string> keys;  // an object's, as they are written, without the quotes
  std::string list;               // the first of them whose value is a list of objects, "" for none
};

JsonSketch sketch_json(std::string_view text);

}  // namespace nudge
