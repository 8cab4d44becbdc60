#include "lib/text/jinja_lexer.h"

#include <algorithm>

#include "lib/text/jinja_literal.h"
#include "lib/text/normalizer.h"
#include "lib/text/python_text.h"
#include "lib/text/unicode.h"

namespace nudge::jinja {
namespace {

using TokenType = Token::Type;

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return starts_name(c) || (c >= '0' && c <= '9'); }

// Converts line ends to \n and drops the last one.
std::string with_plain_lines(std::string_view source) {
  std::string out = replace_all(replace_all(source, "\r\n", "\n"), "\r", "\n");
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) root();
    push(TokenType::kEnd);
    return std::move(tokens_);
  }

 private:
  bool looking_at(std::string_view text, std::size_t at) const { return source_.substr(at).starts_with(text); }
  char sign_at(std::size_t at) const {
    return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
  }
  void push(TokenType type, std::string text = {}, Value number = {}) {
    tokens_.push_back({type, line_, std::move(text), std::move(number)});
  }
  void move_to(std::size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    line_starting_ = end > at_ && source_[end - 1] == '\n';
    at_ = end;
  }
  void data(std::string_view text) {
    if (!text.empty()) push(TokenType::kData, std::string(text));
  }

  // The position of the next tag, or the end.
  std::size_t find_tag() const {
    for (std::size_t at = at_; (at = source_.find('{', at)) != source_.npos; ++at) {
      if (at + 1 < source_.size() && std::string_view("{%#").find(source_[at + 1]) != std::string_view::npos) return at;
    }
    return source_.size();
  }

  // The text before a tag with `sign`: a dash removes all white space before it, a block tag the blanks of its line.
  std::string_view before_tag(std::string_view text, char sign, bool output) const {
    if (sign == '-') return python::stripped(text, python::Side::kEnd);
    if (sign == '+' || output) return text;
    const std::size_t line = text.rfind('\n') + 1;  // 0 if there is none
    const bool blank = python::skip_space(text, line) == text.size();
    return blank && (line > 0 || line_starting_) ? text.substr(0, line) : text;
  }

  void root() {
    const std::size_t open = find_tag();
    const std::string_view text = source_.substr(at_, open - at_);
    if (open == source_.size()) {
      data(text);
      return move_to(open);
    }
    const char mark = source_[open + 1];
    const char sign = sign_at(open + 2);
    data(before_tag(text, sign, mark == '{'));
    const std::size_t inside = open + 2 + (sign != '\0');
    if (const std::size_t raw = mark == '%' ? raw_begin(inside) : 0) return move_to(raw), raw_block();
    move_to(inside);
    if (mark == '#') return comment();
    push(mark == '{' ? TokenType::kOutputBegin : TokenType::kBlockBegin);
    tag(mark == '{');
  }

  // Where the text of a raw block begins, if its keyword is at `at`; 0 for another tag.
  std::size_t raw_begin(std::size_t at) const {
    at = python::skip_space(source_, at);
    if (!looking_at("raw", at)) return 0;
    at = python::skip_space(source_, at + 3);
    if (looking_at("%}", at)) return at + 2;
    return looking_at("-%}", at) ? python::skip_space(source_, at + 3) : 0;
  }

  void raw_block() {
    for (std::size_t open = at_; (open = source_.find("{%", open)) != source_.npos; ++open) {
      const char sign = sign_at(open + 2);
      std::size_t at = python::skip_space(source_, open + 2 + (sign != '\0'));
      if (!looking_at("endraw", at)) continue;
      at = block_end(python::skip_space(source_, at + 6));
      if (at == 0) continue;
      data(before_tag(source_.substr(at_, open - at_), sign, false));
      return move_to(at);
    }
    fail_syntax("Missing end of raw directive", line_);
  }

  // The position after a block's end at `at` and the white space that it removes, or 0.
  std::size_t block_end(std::size_t at) const { return end_of("%}", at); }
  std::size_t end_of(std::string_view close, std::size_t at) const {
    const char sign = sign_at(at);
    if (!looking_at(close, at + (sign != '\0'))) return 0;
    at += close.size() + (sign != '\0');
    if (sign == '-') return python::skip_space(source_, at);
    return sign == '\0' && at < source_.size() && source_[at] == '\n' ? at + 1 : at;
  }

  void comment() {
    const std::size_t close = source_.find("#}", at_);
    if (close == source_.npos) fail_syntax("Missing end of comment tag", line_);
    const bool sign = close > at_ && sign_at(close - 1) != '\0';
    move_to(end_of("#}", close - sign));
  }

  // The position after an output's end, or 0.
  std::size_t output_end(std::size_t at) const {
    if (looking_at("-}}", at)) return python::skip_space(source_, at + 3);
    return looking_at("}}", at) ? at + 2 : 0;
  }

  void tag(bool output) {
    std::string open;  // open brackets
    for (;;) {
      if (at_ >= source_.size()) return;
      if (open.empty()) {
        if (const std::size_t end = output ? output_end(at_) : block_end(at_)) {
          push(output ? TokenType::kOutputEnd : TokenType::kBlockEnd);
          return move_to(end);
        }
      }
      token(open);
    }
  }

  void token(std::string& open) {
    if (const std::size_t behind = python::skip_space(source_, at_); behind > at_) return move_to(behind);
    std::size_t end = at_;
    Value number;
    if (scan_number(source_, end, number)) {
      push(number.is(Value::Kind::kFloat) ? TokenType::kFloat : TokenType::kInteger,
           std::string(source_.substr(at_, end - at_)), number);
      return move_to(end);
    }
    const char c = source_[at_];
    if (starts_name(c)) {
      while (end < source_.size() && in_name(source_[end])) ++end;
      if (end < source_.size() && (source_[end] & 0x80) != 0) fail_name();
      push(TokenType::kName, std::string(source_.substr(at_, end - at_)));
      return move_to(end);
    }
    if (c == '\'' || c == '"') return text(c);
    sign(open);
  }

  [[noreturn]] void fail_name() const {
    fail_syntax("a name of other characters than ASCII's is not supported", line_);
  }

  void text(char quote) {
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size())
      fail_syntax(std::string("unexpected char ") + repr_of_text(std::string(1, quote)), line_);
    push(TokenType::kText, unescaped(source_.substr(at_ + 1, end - at_ - 1), line_));
    move_to(end + 1);
  }

  void sign(std::string& open) {
    constexpr std::string_view kLong[] = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view kShort = "+-/*%~[](){}><=.:|,;";
    std::size_t size = 0;
    for (const std::string_view two : kLong) {
      if (looking_at(two, at_)) size = 2;
    }
    if (size == 0 && kShort.find(source_[at_]) != kShort.npos) size = 1;
    if (size == 0) fail_character();
    const std::string text(source_.substr(at_, size));
    balance(text[0], open);
    push(TokenType::kSign, text);
    move_to(at_ + size);
  }

  [[noreturn]] void fail_character() const {
    if ((source_[at_] & 0x80) != 0) fail_name();
    fail_syntax("unexpected char " + repr_of_text(source_.substr(at_, 1)), line_);
  }

  void balance(char c, std::string& open) {
    if (c == '{') open += '}';
    if (c == '(') open += ')';
    if (c == '[') open += ']';
    if (c != '}' && c != ')' && c != ']') return;
    if (open.empty()) fail_syntax(std::string("unexpected '") + c + "'", line_);
    if (open.back() != c) fail_syntax(std::string("unexpected '") + c + "', expected '" + open.back() + "'", line_);
    open.pop_back();
  }

  std::string_view source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

void fail_syntax(const std::string& what, int line) { throw TemplateError(TemplateError::Cause::kSyntax, what, line); }

std::vector<Token> tokens_of(std::string_view source) {
  if (source.size() > kMostSource) fail_limit("the template is too long");
  if (valid_utf8_prefix(source) != source.size()) fail_syntax("the template is not UTF-8", 1);
  const std::string plain = with_plain_lines(source);
  return Lexer(plain).run();
}

}  // namespace nudge::jinja
