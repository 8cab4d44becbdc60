#include "lib/page/html.h"

#include "lib/base/visible.h"
#include "lib/page/assets.h"

namespace nudge {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'";

// The length of a character at the start of `text` that embeds, overrides or isolates a direction (U+202A to U+202E,
// U+2066 to U+2069), or 0: it would reorder what follows.
std::size_t reordering(std::string_view text) {
  const bool found = (text.starts_with("\xE2\x80") && text.size() > 2 && text[2] >= '\xAA' && text[2] <= '\xAE') ||
                     (text.starts_with("\xE2\x81") && text.size() > 2 && text[2] >= '\xA6' && text[2] <= '\xA9');
  return found ? 3 : 0;
}

std::string code_of_reordering(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const unsigned code =
      0x2000u | (static_cast<unsigned char>(text[1]) & 0x3Fu) << 6 | (static_cast<unsigned char>(text[2]) & 0x3Fu);
  return {'\\', 'u', '2', '0', kDigits[code >> 4 & 15], kDigits[code & 15]};
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  const std::string safe = visible(text, {.newline = "\n", .tab = "\t"});
  for (std::string_view rest = safe; !rest.empty();) {
    if (const std::size_t n = reordering(rest); n > 0) {
      out += code_of_reordering(rest);
      rest.remove_prefix(n);
      continue;
    }
    switch (rest[0]) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += rest[0];
    }
    rest.remove_prefix(1);
  }
  return out;
}

std::string embedded_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    switch (c) {  // they stand in strings alone
      case '<': out += "\\u003c"; break;
      case '>': out += "\\u003e"; break;
      case '&': out += "\\u0026"; break;
      default: out += c;
    }
  }
  return out;
}

std::string page_html(const Page& page) {
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta http-equiv=\"Content-Security-Policy\" content=\"" + std::string(kPolicy) + "\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<title>" + escaped(page.title) + "</title>\n<style>\n";
  html.append(assets::colours_css).append(assets::page_css).append(page.style);
  html += "</style>\n</head>\n<body>\n" + page.body;
  if (!page.data.empty())
    html += "<script type=\"application/json\" id=\"data\">" + embedded_json(page.data) + "</script>\n";
  if (!page.script.empty()) {
    html += "<script>\n'use strict';\n";
    html.append(assets::page_js).append(page.script);
    html += "</script>\n";
  }
  return html + "</body>\n</html>\n";
}

}  // namespace nudge
