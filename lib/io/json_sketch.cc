#include "lib/io/json_sketch.h"

#include <cstring>

#include "lib/io/scan.h"

namespace nudge {
namespace {

class Sketcher {
 public:
  explicit Sketcher(std::string_view text) : begin_(text.data()), p_(begin_), end_(begin_ + text.size()) {}

  JsonSketch run() {
    while (sketch_.good && !sketch_.whole) {
      const char* const before = p_;
      p_ = skip_space(p_, end_);
      if (p_ == end_) break;
      const bool new_line = kind_seen() && std::memchr(before, '\n', static_cast<std::size_t>(p_ - before)) != nullptr;
      if (!step()) break;
      sketch_.lines = sketch_.lines || (new_line && sketch_.good);
    }
    sketch_.size = static_cast<std::size_t>(p_ - begin_);
    return std::move(sketch_);
  }

 private:
  enum class Wanted { kValue, kFirstElement, kFirstKey, kKey, kColon, kRest };

  bool kind_seen() const { return sketch_.kind != 0; }
  bool bad() { return sketch_.good = false; }

  // Consumes a token; false if the text is truncated within it or it is invalid.
  bool step() {
    const char c = *p_;
    switch (wanted_) {
      case Wanted::kColon:
        if (c != ':') return bad();
        ++p_;
        wanted_ = Wanted::kValue;
        return true;
      case Wanted::kRest:
        if (c == (open_.back() == '{' ? '}' : ']')) return close();
        if (c != ',') return bad();
        ++p_;
        wanted_ = open_.back() == '{' ? Wanted::kKey : Wanted::kValue;
        return true;
      case Wanted::kFirstKey:
      case Wanted::kKey:
        if (c == '}' && wanted_ == Wanted::kFirstKey) return close();
        return key();
      case Wanted::kFirstElement:
      case Wanted::kValue:
        if (c == ']' && wanted_ == Wanted::kFirstElement) return close();
        return value(c);
    }
    return bad();
  }

  bool value(char c) {
    const bool first = wanted_ == Wanted::kFirstElement;
    const char kind = c == '-' || (c >= '0' && c <= '9') ? '0' : c >= 'a' && c <= 'z' ? 'w' : c;
    if (kind != '{' && kind != '[' && kind != '"' && kind != '0' && kind != 'w') return bad();
    if (open_.empty()) sketch_.kind = kind;
    if (open_ == "[" && first) sketch_.element = kind;
    if (open_ == "{[" && first && kind == '{' && sketch_.list.empty()) sketch_.list = sketch_.keys.back();
    if (kind == '{' || kind == '[') {
      ++p_;
      open_ += kind;
      wanted_ = kind == '{' ? Wanted::kFirstKey : Wanted::kFirstElement;
      return true;
    }
    return (kind == '"' ? text() : word()) && value_ends();
  }

  bool key() {
    if (*p_ != '"') return bad();
    const char* const from = p_ + 1;
    if (!text()) return false;
    const std::string_view name(from, static_cast<std::size_t>(p_ - 1 - from));
    if (open_ == "{") sketch_.keys.emplace_back(name);
    if (wanted_ == Wanted::kFirstKey && elements_ == 0 && (open_ == "[{" || open_ == "[[{")) {
      sketch_.role = name == "role";
    }
    wanted_ = Wanted::kColon;
    return true;
  }

  bool text() {
    for (const char* p = p_ + 1; p != end_; ++p) {
      if (static_cast<unsigned char>(*p) < ' ') return p_ = p, bad();
      if (*p == '"') return p_ = p + 1, true;
      if (*p == '\\' && ++p == end_) break;
    }
    p_ = end_;
    return false;
  }

  bool word() {
    const char* p = p_;
    while (p != end_ && (*p == '-' || *p == '+' || *p == '.' || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                         (*p >= 'A' && *p <= 'Z'))) {
      ++p;
    }
    const std::string_view token(p_, static_cast<std::size_t>(p - p_));
    Decimal number;
    const bool known = token == "true" || token == "false" || token == "null" || scan_number(p_, p, number) == p;
    if (!known && p == end_) return p_ = p, false;  // perhaps truncated
    if (!known) return bad();
    p_ = p;
    return true;
  }

  bool close() {
    ++p_;
    open_.pop_back();
    return value_ends();
  }

  bool value_ends() {
    if (open_ == "[") ++elements_;
    sketch_.whole = open_.empty();
    wanted_ = Wanted::kRest;
    return true;
  }

  const char *begin_, *p_, *end_;
  std::string open_;  // the open brackets
  Wanted wanted_ = Wanted::kValue;
  std::size_t elements_ = 0;  // complete elements of a list
  JsonSketch sketch_;
};

}  // namespace

JsonSketch sketch_json(std::string_view text) { return Sketcher(text).run(); }

}  // namespace nudge
