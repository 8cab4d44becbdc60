// The filter tojson as in transformers: json.dumps() without ASCII escapes.
#include <algorithm>
#include <cstdio>

#include "lib/io/json.h"
#include "lib/text/jinja_functions.h"
#include "lib/text/unicode.h"

namespace nudge::jinja {

using Kind = Value::Kind;

namespace {

class Writer {
 public:
  explicit Writer(const Arguments& given) {
    const Parameters p("tojson", given, {"ensure_ascii", "indent", "separators", "sort_keys"});
    ascii_ = p.truth(0);
    sorted_ = p.truth(3);
    indented_ = p.is_given(1);
    if (indented_) set_indent(*p[1]);
    between_ = indented_ ? "," : ", ";
    if (p.is_given(2)) {
      const Value::List signs = list_of(*p[2]);
      if (signs.size() != 2) fail_wrong("not enough or too many values to unpack (expected 2)");
      between_ = text_of(signs[0]), behind_key_ = text_of(signs[1]);
    }
  }

  std::string run(const Value& value) {
    write(value, 0);
    return std::move(out_);
  }

 private:
  void set_indent(const Value& indent) {
    if (indent.is(Kind::kText)) {
      indent_ = indent.text();
      return;
    }
    const std::int64_t n = std::max<std::int64_t>(integer_of(indent), 0);
    if (n > 1000) fail_limit("a text is too long");
    indent_ = std::string(static_cast<std::size_t>(n), ' ');
  }

  void line(int depth) {
    if (!indented_) return;
    out_ += '\n';
    for (int i = 0; i < depth; ++i) out_ += indent_;
  }

  void quote(const std::string& text) {
    if (!ascii_) {
      out_ += json_quote(text);
      return;
    }
    for (const std::string quoted = json_quote(text); const auto c : characters(quoted)) {
      if (c < 0x7F) out_ += static_cast<char>(c);
      else if (c < 0x10000) escape(c);
      else escape(0xD7C0 + (c >> 10)), escape(0xDC00 + (c & 0x3FF));
    }
  }
  static std::vector<std::uint32_t> characters(const std::string& text) {
    std::vector<std::uint32_t> all;
    for (std::size_t at = 0; at < text.size();) all.push_back(next_char(text, at));
    return all;
  }
  void escape(std::uint32_t c) {
    char text[8];
    std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(c & 0xFFFF));
    out_ += text;
  }

  // Numbers and unquoted constants; false for other values.
  bool word(const Value& value, std::string& text) const {
    if (value.is(Kind::kNone)) text = "null";
    else if (value.is(Kind::kBool)) text = value.number != 0 ? "true" : "false";
    else if (value.is(Kind::kInteger)) text = std::to_string(value.number);
    else if (value.is(Kind::kFloat)) text = repr_of_float(value.real);
    else return false;
    return true;
  }

  void write(const Value& value, int depth) {
    charge_text(out_.size() > kMostText ? out_.size() : 1);
    if (out_.size() > kMostText) fail_limit("a text is too long");
    std::string text;
    if (word(value, text)) out_ += text;
    else if (value.is(Kind::kText)) quote(value.text());
    else if (value.is_sequence()) write_list(value.items(), depth);
    else if (value.is(Kind::kMap)) write_map(value.map(), depth);
    else fail_wrong("Object of type " + type_name(value) + " is not JSON serializable");
  }

  void write_list(const Value::List& items, int depth) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_ += between_;
      first = false;
      line(depth + 1);
      write(item, depth + 1);
    }
    line(depth);
    out_ += ']';
  }

  void write_map(const Map& map, int depth) {
    if (map.empty()) {
      out_ += "{}";
      return;
    }
    std::vector<Map::Entry> entries(map.begin(), map.end());
    if (sorted_) {
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto& a, const auto& b) { return ordered(a.first, Order::kLess, b.first); });
    }
    out_ += '{';
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!first) out_ += between_;
      first = false;
      line(depth + 1);
      write_key(key);
      out_ += behind_key_;
      write(value, depth + 1);
    }
    line(depth);
    out_ += '}';
  }

  void write_key(const Value& key) {
    std::string text;
    if (key.is(Kind::kText)) quote(key.text());
    else if (word(key, text)) out_ += '"' + text + '"';
    else fail_wrong("keys must be str, int, float, bool or None, not " + type_name(key));
  }

  bool ascii_ = false, sorted_ = false, indented_ = false;
  std::string indent_, between_, behind_key_ = ": ", out_;
};

}  // namespace

std::string json_of(const Value& value, const Arguments& given) { return Writer(given).run(value); }

}  // namespace nudge::jinja
