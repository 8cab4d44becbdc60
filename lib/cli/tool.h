// A program: its description, its options, and the manners that all programs share. A main is
//
//   Tool tool(about());
//   RolloutCommand command;
//   command.add_to(tool);  // tool.group("Sampling"), tool.option("-n,--samples", samples, "samples per prompt"), ...
//   return tool.run(argc, argv, [&] { ...; tool.tally({{n, "trajectory", "trajectories"}}); });
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/cli/command_line.h"
#include "lib/cli/console.h"
#include "lib/cli/help.h"
#include "lib/cli/option.h"
#include "lib/cli/progress.h"

namespace nudge {

// A count of the tally. `many` defaults to one + "s".
struct Count {
  std::int64_t n;
  std::string one;
  std::string many = {};
};

class Tool {
 public:
  explicit Tool(Description about);

  // The options registered after this stand under `title`.
  void group(std::string title) { group_ = std::move(title); }

  // `names` is "-n,--samples", "--samples" or "-n"; a name without a dash, such as "FILE", is a positional
  // argument. `value` holds the default and must outlive run(). See bind_option for the types.
  template <class T>
  Option& option(const std::string& names, T& value, const std::string& help) {
    return add(names, help, bind_option(value));
  }

  // An option whose values are words, each standing for a value of an enumeration.
  template <class E>
  Option& choice(const std::string& names, E& value, std::vector<std::pair<std::string, E>> words,
                 const std::string& help) {
    std::vector<std::string> names_of_words;
    for (const auto& w : words) names_of_words.push_back(w.first);
    Binding binding;
    binding.value = [&value, words] {
      for (const auto& w : words) {
        if (w.second == value) return std::optional<std::string>(w.first);
      }
      return std::optional<std::string>();
    };
    binding.set = [&value, words](const std::string& text) {
      for (const auto& w : words) {
        if (w.first == text) value = w.second;
      }
      return 0.0;
    };
    return add(names, help, std::move(binding)).one_of(std::move(names_of_words));
  }

  Option& add(const std::string& names, const std::string& help, Binding binding);

  // Called after the command line was read and before the body: for actions of common options, and for checks of
  // options against each other.
  void after_parsing(std::function<void()> action) { actions_.push_back(std::move(action)); }
  // The same, ahead of all others so far: for what must come first, as joining the ranks.
  void first_after_parsing(std::function<void()> action) { actions_.insert(actions_.begin(), std::move(action)); }

  // Reads the command line and runs `body`. An exception becomes a message and a status: an Error's own; 71 for
  // std::bad_alloc and std::system_error (no more threads); 74 for a filesystem_error; 70 for anything else. Flushes
  // stdout at the end and checks it. With several ranks (lib/base/comm.h) only the first writes messages, unless
  // another fails; an error in one ends all.
  int run(int argc, const char* const* argv, const std::function<void()>& body);

  // The options that determine the outputs, as "tool=NAME\n" and then "key=value\n" in the keys' order, with \ and
  // newlines in values escaped. Absent optionals have no line. Inputs count by their content, which programs add
  // themselves (lib/run/run_folder.h).
  std::string provenance() const;

  // The line that ends a finished run: "rollout: 256 trajectories, 12,345 tokens, 3.2 s (3858 tokens/s)". The first
  // count is what succeeded; 0 throws kBadInput, unless `may_be_none`. `tokens`: that the run worked on, for the rate; 0:
  // without one.
  void tally(const std::vector<Count>& counts, const std::string& more = {}, bool may_be_none = false,
             std::int64_t tokens = 0);

  Progress progress(const std::string& unit, std::int64_t total = 0) { return {console_, unit, total}; }
  void warn(std::string_view message) { console_.warning(message); }
  void warn_all(const std::vector<std::string>& messages) {
    for (const std::string& message : messages) warn(message);
  }
  void note(std::string_view message) { console_.note(message); }  // silenced by -q
  Console& console() { return console_; }
  const Description& about() const { return about_; }
  const std::deque<Option>& options() const { return options_; }

 private:
  int guarded(const std::function<void()>& action);
  void answer(const Requests& requests);
  void tell_profile();
  std::string kernel_level() const { return about_.kernel_level ? about_.kernel_level() : "none used"; }

  Description about_;
  std::deque<Option> options_;  // a deque, for references to options stay valid
  std::vector<std::function<void()>> actions_;
  std::string group_ = "Options";
  Console console_;
  bool quiet_ = false;
  int verbose_ = 0;  // how often -v was given
  std::chrono::steady_clock::time_point begin_;
};

// Writes all of `text` to stdout. Throws kIo.
void print(std::string_view text);

// Writes out what C's and C++'s streams hold for stdout and checks that it arrived. Throws kIo.
void flush_stdout();

}  // namespace nudge
