// Splits a template into tokens, with jinja2's white-space rules under trim_blocks and lstrip_blocks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/text/jinja_value.h"

namespace nudge::jinja {

struct Token {
  enum class Type {
    kData,
    kOutputBegin,
    kOutputEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kText,
    kInteger,
    kFloat,
    kSign,
    kEnd
  };
  Type type;
  int line;
  std::string text;  // the name, the sign, or the string without quotes and escapes
  Value number;
};

// Error: TemplateError.
std::vector<Token> tokens_of(std::string_view source);

[[noreturn]] void fail_syntax(const std::string& what, int line);

}  // namespace nudge::jinja
