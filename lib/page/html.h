// What all HTML pages share: the frame, its look, and a place for text of unknown origin that it can't leave.
#pragma once

#include <string>
#include <string_view>

namespace nudge {

// `text` for the content of an element or a quoted attribute. Line breaks and tabs are kept; other control characters
// and invalid bytes are shown as \x1b, characters that reorder a line as \u202e.
std::string escaped(std::string_view text);

// JSON for a <script type="application/json">, which it can't close: the same value, without < > and &.
std::string embedded_json(std::string_view json);

struct Page {
  std::string title;        // any text
  std::string body;         // HTML
  std::string data;         // JSON, which the script reads; "" for none
  std::string_view style;   // beside the common one
  std::string_view script;  // "" for none; it finds the functions of page.js
};

// The whole page, one file: it fetches nothing, and its Content-Security-Policy forbids that it could.
std::string page_html(const Page& page);

}  // namespace nudge
