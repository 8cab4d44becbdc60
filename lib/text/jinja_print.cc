// str() and repr() of Python's values.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "lib/text/jinja_loop.h"
#include "lib/text/jinja_value.h"
#include "lib/text/unicode.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

void append_hex(std::string& out, const char* form, std::uint32_t c) {
  char text[16];
  std::snprintf(text, sizeof text, form, static_cast<unsigned>(c));
  out += text;
}

// Whether Python prints the character unescaped. Unassigned characters may be assigned in a newer Unicode.
bool is_printable(std::uint32_t c) {
  const std::string_view category = category_of(c);
  if (category == "Cn") fail_unsupported("repr() of a character that is not assigned");
  return category[0] != 'C' && category[0] != 'Z';
}

void append_repr(std::string& out, std::uint32_t c, char quote) {
  if (c == static_cast<unsigned char>(quote) || c == '\\') (out += '\\') += static_cast<char>(c);
  else if (c == '\n') out += "\\n";
  else if (c == '\r') out += "\\r";
  else if (c == '\t') out += "\\t";
  else if (c < 0x20 || c == 0x7F) append_hex(out, "\\x%02x", c);
  else if (c < 0x7F || is_printable(c)) append_utf8(c, out);
  else append_hex(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

void write(std::string& out, const Value& value, int depth);

void write_items(std::string& out, const char* open, const Value::List& items, const char* close, int depth) {
  out += open;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    write(out, items[i], depth);
  }
  out += close;
}

void write_map(std::string& out, const Map& map, int depth) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : map) {
    if (!first) out += ", ";
    first = false;
    write(out, key, depth);
    out += ": ";
    write(out, value, depth);
  }
  out += '}';
}

void write_range(std::string& out, const Range& range) {
  out += "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
  if (range.step != 1) out += ", " + std::to_string(range.step);
  out += ')';
}

// repr(): a namespace may contain itself.
void write(std::string& out, const Value& value, int depth) {
  if (depth > kMostValueDepth) fail_limit("values are nested too deeply");
  if (out.size() > kMostText) fail_limit("a text is too long");
  charge(1);
  switch (value.kind) {
    case Kind::kUndefined: out += "Undefined"; return;
    case Kind::kText: {
      const std::string text = repr_of_text(value.text());
      out += value.markup() ? "Markup(" + text + ")" : text;
      return;
    }
    case Kind::kList: write_items(out, "[", value.items(), "]", depth + 1); return;
    case Kind::kTuple: write_items(out, "(", value.items(), value.items().size() == 1 ? ",)" : ")", depth + 1); return;
    case Kind::kMap: write_map(out, value.map(), depth + 1); return;
    case Kind::kView:
      out += type_name(value);
      write_items(out, "([", list_of(value), "])", depth + 1);
      return;
    case Kind::kNamespace:
      out += "<Namespace ";
      write_map(out, as<Namespace>(value).fields, depth + 1);
      out += '>';
      return;
    default: out += to_text(value);
  }
}

}  // namespace

std::string repr_of_float(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  char buffer[64];
  const char* const end = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::scientific).ptr;
  const std::string_view all(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = all.find('e');
  const int exponent = std::stoi(std::string(all.substr(e + 1)));
  if (exponent < -4 || exponent >= 16) {
    char tail[16];
    std::snprintf(tail, sizeof tail, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
    return std::string(all.substr(0, e)) + tail;
  }
  const char* const last = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::fixed).ptr;
  std::string out(buffer, static_cast<std::size_t>(last - buffer));
  return out.find('.') == out.npos ? out + ".0" : out;
}

std::string repr_of_text(std::string_view text) {
  check_text(text.size());
  const bool single = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char quote = single ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) append_repr(out, next_char(text, at), quote);
  return out += quote;
}

std::string repr(const Value& value) {
  std::string out;
  write(out, value, 0);
  return out;
}

std::string to_text(const Value& value) {
  switch (value.kind) {
    case Kind::kMissing:
    case Kind::kUndefined: return "";
    case Kind::kNone: return "None";
    case Kind::kBool: return value.number != 0 ? "True" : "False";
    case Kind::kInteger: return std::to_string(value.number);
    case Kind::kFloat: return repr_of_float(value.real);
    case Kind::kText: return value.text();
    case Kind::kRange: {
      std::string out;
      write_range(out, as<Range>(value));
      return out;
    }
    case Kind::kLoop:
      return "<LoopContext " + std::to_string(as<Loop>(value).index0 + 1) + "/" +
             std::to_string(as<Loop>(value).length()) + ">";
    case Kind::kMacro: return "<Macro " + macro_name(value) + ">";
    case Kind::kIterator:
    case Kind::kFunction:
    case Kind::kMethod:
    case Kind::kCycler:
    case Kind::kJoiner: fail_unsupported("the text of a " + type_name(value));
    default: return repr(value);
  }
}

}  // namespace nudge::jinja
