// Resource limits of chat templates: they come with a model's folder and are untrusted code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace nudge::jinja {

inline constexpr std::size_t kMostSource = 1 << 20;     // bytes of a template
inline constexpr std::size_t kMostSteps = 20'000'000;   // expressions, statements, iterations; 32 bytes of text each
inline constexpr std::size_t kMostText = 16 << 20;      // bytes of one string, including the output
inline constexpr std::size_t kMostMembers = 1'000'000;  // of a list or a map
inline constexpr std::size_t kMostHeld = 256 << 20;     // bytes of all live values
inline constexpr std::int64_t kMostRange = 100'000;     // numbers in a range(), as in jinja2's sandbox
inline constexpr int kMostNesting = 150;                // of blocks and expressions in a template
inline constexpr int kMostDepth = 1000;                 // of nested evaluations, such as recursive macros
inline constexpr int kMostValueDepth = 400;             // of nested lists and maps

// Why a template could not be rendered.
class TemplateError : public std::runtime_error {
 public:
  enum class Cause {
    kSyntax,       // jinja2's compile errors
    kRaised,       // the template called raise_exception()
    kWrong,        // jinja2's or Python's runtime errors: something is undefined, None is not iterable...
    kUnsupported,  // jinja2 may render it, this does not
    kLimit,        // one of the limits above
  };
  TemplateError(Cause cause, const std::string& what, int line = 0);

  Cause cause() const { return cause_; }
  int line() const { return line_; }                   // of the template, from 1; 0 if unknown
  const std::string& words() const { return words_; }  // what() without the line

 private:
  Cause cause_;
  int line_;
  std::string words_;
};

[[noreturn]] void fail_wrong(const std::string& what);
[[noreturn]] void fail_unsupported(const std::string& what);  // "... is not supported" is added
[[noreturn]] void fail_limit(const std::string& what);

// Counts what one rendering uses on this thread while it exists.
class Meter {
 public:
  Meter();
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

 private:
  std::size_t steps_before_;
  std::int64_t outer_bytes_;
};

// Error: TemplateError if the rendering exceeds its steps.
void charge(std::size_t steps);
inline void charge_text(std::size_t bytes) { charge(1 + bytes / 32); }

// Counts allocated and released bytes of values. Error: TemplateError if too much is held.
void hold(std::size_t bytes);
void release(std::size_t bytes) noexcept;

// Error: TemplateError if a string or list of this size is not allowed.
void check_text(std::size_t bytes);
void check_members(std::size_t count);

}  // namespace nudge::jinja
