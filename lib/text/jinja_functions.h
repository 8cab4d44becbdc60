// Filters, tests, methods and global functions of chat templates.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/text/jinja.h"
#include "lib/text/jinja_value.h"

namespace nudge::jinja {

struct Arguments {
  Value::List values;
  std::vector<std::pair<std::string, Value>> named;

  const Value* find(std::string_view name) const;  // in `named`; null if absent
  void expect_values(const std::string& function, std::size_t least, std::size_t most) const;  // and no named ones
};

// Binds arguments to a function's parameters; null for those not given. Error: TemplateError.
class Parameters {
 public:
  Parameters(const std::string& function, const Arguments& given, std::initializer_list<const char*> names,
             std::size_t needed = 0);
  const Value* operator[](std::size_t i) const { return values_[i]; }
  bool truth(std::size_t i, bool otherwise = false) const;
  std::int64_t integer(std::size_t i, std::int64_t otherwise) const;  // TemplateError if it is not an integer
  bool is_given(std::size_t i) const;                                 // and not None

 private:
  std::vector<const Value*> values_;
};

std::int64_t integer_of(const Value& value);     // as Python's index(): TemplateError if it is not an integer
const std::string& text_of(const Value& value);  // TemplateError if it is not a string

Value call_filter(const std::string& name, const Value& value, const Arguments& given);
bool call_test(const std::string& name, const Value& value, const Arguments& given);
Value call_method(const Method& method, const Arguments& given);

// The global of that name, or kMissing.
Value global(const std::string& name);

// The context of calls to globals.
struct Calling {
  const Date& today;
  bool& dated;
  std::vector<std::shared_ptr<Namespace>>& namespaces;  // collects new ones, which are emptied at the end
};
Value call_global(const std::string& name, const Arguments& given, const Calling& calling);

// Filters by name (jinja_filters.cc, jinja_filters_text.cc, jinja_filters_list.cc, jinja_filters_choose.cc).
using Filter = Value (*)(const Value& value, const Arguments& given);
struct NamedFilter {
  const char* name;
  Filter filter;
};
std::pair<const NamedFilter*, std::size_t> text_filters();
std::pair<const NamedFilter*, std::size_t> list_filters();
std::pair<const NamedFilter*, std::size_t> choosing_filters();
std::pair<const NamedFilter*, std::size_t> number_filters();

// text.replace(), with bounded result.
std::string replaced_text(const std::string& text, const std::string& part, const std::string& by, std::int64_t most);

Value method_of_text(const Value& self, const std::string& name, const Arguments& given);

// json.dumps() with transformers' defaults.
std::string json_of(const Value& value, const Arguments& given);

std::string strftime(const Date& date, const std::string& format);

// A number as in Python's format(): type "d", "f", "e", "g", "x"... and the options before it.
struct NumberFormat {
  char fill = ' ', align = '\0', sign = '-', type = '\0', separator = '\0';
  bool alternative = false, zeros = false;
  std::size_t width = 0;
  int precision = -1;
};
std::string formatted(const Value& number, const NumberFormat& format, bool printf_like);

}  // namespace nudge::jinja
