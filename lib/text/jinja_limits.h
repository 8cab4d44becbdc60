// What a chat template may use at most: it comes with a model's folder, and is a stranger's program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace nudge::jinja {

inline constexpr std::size_t kMostSource = 1 << 20;     // bytes of a template
inline constexpr std::size_t kMostSteps = 20'000'000;   // expressions, statements, rounds; and 32 bytes of text each
inline constexpr std::size_t kMostText = 16 << 20;      // bytes of one text, the output among them
inline constexpr std::size_t kMostMembers = 1'000'000;  // of a list or a map
inline constexpr std::size_t kMostHeld = 256 << 20;     // bytes of all values at one time
inline constexpr std::int64_t kMostRange = 100'000;     // numbers in a range(): jinja2's sandbox has the same
inline constexpr int kMostNesting = 150;                // of blocks and expressions in a template
inline constexpr int kMostDepth = 1000;                 // of evaluations in each other: of macros that call themselves
inline constexpr int kMostValueDepth = 400;             // of lists and maps in each other

// Why a template has no text.
class TemplateError : public std::runtime_error {
 public:
  enum class Cause {
    kSyntax,       // no template: what jinja2 says when it compiles
    kRaised,       // the template's own words, of raise_exception()
    kWrong,        // what jinja2 or Python says when it renders: something is undefined, None is no list...
    kUnsupported,  // jinja2 may render it, this does not
    kLimit,        // one of the limits above
  };
  TemplateError(Cause cause, const std::string& what, int line = 0);

  Cause cause() const { return cause_; }
  int line() const { return line_; }                   // of the template, from 1; 0 where none is known
  const std::string& words() const { return words_; }  // what() without the line

 private:
  Cause cause_;
  int line_;
  std::string words_;
};

[[noreturn]] void fail_wrong(const std::string& what);
[[noreturn]] void fail_unsupported(const std::string& what);  // "... is not supported" is added
[[noreturn]] void fail_limit(const std::string& what);

// Counts what one rendering uses, on this thread, from its construction on.
class Meter {
 public:
  Meter();
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

 private:
  std::size_t steps_before_;
  std::int64_t base_before_;
};

// Error: TemplateError where the rendering has used up its steps.
void charge(std::size_t steps);
inline void charge_text(std::size_t bytes) { charge(1 + bytes / 32); }

// Memory of values, taken and given back. Error: TemplateError where too much is held.
void hold(std::size_t bytes);
void release(std::size_t bytes) noexcept;

// Error: TemplateError where a text or list of this size may not be made.
void check_text(std::size_t bytes);
void check_members(std::size_t count);

}  // namespace nudge::jinja
