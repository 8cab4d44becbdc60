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

  const Value* find(std::string_view name) const;  // of `named`; null where there is none
  void expect_values(const std::string& function, std::size_t least, std::size_t most) const;  // and none by name
};

// What a function with these parameters is given, each null where it is not. Error: TemplateError.
class Parameters {
 public:
  Parameters(const std::string& function, const Arguments& given, std::initializer_list<const char*> names,
             std::size_t needed = 0);
  const Value* operator[](std::size_t i) const { return values_[i]; }
  bool truth(std::size_t i, bool otherwise = false) const;
  std::int64_t integer(std::size_t i, std::int64_t otherwise) const;  // TemplateError for what is none
  bool is_given(std::size_t i) const;                                 // and is not None

 private:
  std::vector<const Value*> values_;
};

std::int64_t integer_of(const Value& value);     // as Python's index(): TemplateError for what is none
const std::string& text_of(const Value& value);  // TemplateError for what is none

Value call_filter(const std::string& name, const Value& value, const Arguments& given);
bool call_test(const std::string& name, const Value& value, const Arguments& given);
Value call_method(const Method& method, const Arguments& given);

// The global of that name, or kMissing.
Value global(const std::string& name);

// What globals are called with besides their arguments.
struct Calling {
  const Date& today;
  bool& dated;
  std::vector<std::shared_ptr<Namespace>>& namespaces;  // that are made: they are emptied in the end
};
Value call_global(const std::string& name, const Arguments& given, const Calling& calling);

// One function a filter, by its name (jinja_filters.cc, jinja_filters_text.cc, jinja_filters_list.cc).
using Filter = Value (*)(const Value& value, const Arguments& given);
struct NamedFilter {
  const char* name;
  Filter filter;
};
std::pair<const NamedFilter*, std::size_t> text_filters();
std::pair<const NamedFilter*, std::size_t> list_filters();
std::pair<const NamedFilter*, std::size_t> choosing_filters();
std::pair<const NamedFilter*, std::size_t> number_filters();

// text.replace(), whose size is bounded.
std::string replaced_text(const std::string& text, const std::string& part, const std::string& by, std::int64_t most);

Value method_of_text(const Value& self, const std::string& name, const Arguments& given);

// json.dumps() with transformers' defaults.
std::string json_of(const Value& value, const Arguments& given);

std::string strftime(const Date& date, const std::string& format);

// number as format() has it: "d", "f", "e", "g", "x"... with what a format says before.
struct NumberFormat {
  char fill = ' ', align = '\0', sign = '-', type = '\0', separator = '\0';
  bool alternative = false, zeros = false;
  std::size_t width = 0;
  int precision = -1;
};
std::string formatted(const Value& number, const NumberFormat& format, bool printf_like);

}  // namespace nudge::jinja
