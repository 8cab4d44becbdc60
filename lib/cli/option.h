// One option of a program: a row of the table from which the command line is read and the help, the man page, the
// completions and the provenance are written.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nudge {

// How an option reaches the variable behind it.
struct Binding {
  std::string placeholder;  // the value's name in the help; empty for a flag
  bool flag = false;        // takes no value
  bool repeatable = false;  // each occurrence adds a value; otherwise the last one wins
  // Reads a value from text and returns it as a number (0 where it is none). Throws usage errors that
  // do not name the option.
  std::function<double(const std::string&)> set;
  std::function<void()> clear;                        // before the first set of a repeatable
  std::function<std::optional<std::string>()> value;  // the canonical text, nothing where absent
};

// Numbers are strict: decimal, finite, no blanks, in the type's range. A float's text is the shortest
// that reads back to the same bits. A flag sets the opposite of the variable's initial value, and its
// canonical text says whether it was given.
Binding bind_option(std::string& value);
Binding bind_option(int& value);
Binding bind_option(std::int64_t& value);
Binding bind_option(std::uint64_t& value);
Binding bind_option(float& value);
Binding bind_option(double& value);
Binding bind_option(bool& value);
Binding bind_option(std::optional<std::string>& value);
Binding bind_option(std::optional<std::int64_t>& value);
Binding bind_option(std::vector<std::string>& value);

class Option {
 public:
  // `names`: "-n,--samples"; the first long name without its dashes is the key.
  Option(const std::string& names, std::string group, std::string help, Binding binding);

  // Bounds, shown in the help and enforced.
  Option& at_least(double bound);
  Option& at_most(double bound);
  Option& above(double bound);
  Option& below(double bound);
  Option& one_of(std::vector<std::string> choices);

  Option& required();                        // must be given
  Option& placeholder(std::string name);     // FILE, DIR, ...
  Option& shown_default(std::string words);  // in the help instead of the variable's initial value
  Option& excludes(std::string long_name);   // "--by": not together with that option
  Option& needs(std::string long_name);      // "--by": only together with that option
  Option& takes_words();                     // repeatable: words up to the next option are further occurrences
  Option& neutral();                         // changes no output: not part of the provenance
  Option& formerly(std::string long_name);   // "--old": the name it had before, still accepted

  // Reads one occurrence. Throws a usage error that names the option.
  void assign(const std::string& text);

  const std::string& key() const { return key_; }
  const std::string& help() const { return help_; }
  const std::string& group() const { return group_; }
  bool positional() const { return positional_; }
  bool flag() const { return binding_.flag; }
  bool repeatable() const { return binding_.repeatable; }
  bool takes_several_words() const { return takes_words_; }
  bool is_required() const { return required_; }
  bool counts() const { return counts_; }
  bool given() const { return given_; }
  std::string shown_name() const;  // "--samples", or the positional's name
  std::string short_name() const { return short_; }
  const std::string& value_name() const { return binding_.placeholder; }
  std::string bounds() const;  // "0 < X <= 2", or empty
  const std::string& default_words() const { return default_; }
  const std::string& former_name() const { return formerly_; }          // "--old", or ""
  const std::vector<std::string>& choices() const { return choices_; }  // empty: any value
  const std::vector<std::string>& excluded() const { return excludes_; }
  const std::vector<std::string>& needed() const { return needs_; }
  std::optional<std::string> value() const { return binding_.value(); }

 private:
  std::string short_, key_, group_, help_, default_, formerly_;
  Binding binding_;
  double lower_ = -std::numeric_limits<double>::infinity(), upper_ = std::numeric_limits<double>::infinity();
  bool lower_exclusive_ = false, upper_exclusive_ = false;
  bool positional_ = false, required_ = false, counts_ = true, given_ = false, takes_words_ = false;
  std::vector<std::string> choices_, excludes_, needs_;
};

// Usage error if `unread` and one of `options` was given: it would do nothing, for the reason `why`.
void refuse_unread(const std::vector<const Option*>& options, bool unread, const std::string& why);

// Shortest decimal text that reads back to the same number.
std::string number_text(double x);
std::string number_text(float x);

}  // namespace nudge
