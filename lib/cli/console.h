// All messages of a program on stderr, in one form: "program: error: where: cause". Each is one line and one write, so
// that the lines of a pipeline's programs do not mix. Control characters are made visible: they can neither break the
// line nor drive the terminal.
#pragma once

#include <string>
#include <string_view>

namespace nudge {

class Console {
 public:
  explicit Console(std::string program) : program_(std::move(program)) {}

  void error(std::string_view message);    // program: error: message
  void hint(std::string_view message);     // program: hint: message; what to do about the error above
  void warning(std::string_view message);  // program: warning: message; shown with -q too
  void note(std::string_view message);     // program: message; not with -q
  void detail(std::string_view message);   // program: message; only with -v
  void say(std::string_view message);      // program: message; with -q too, because it was asked for

  // A line that the next one overwrites. Nothing with -q, if stderr is not a terminal, or if TERM is
  // dumb.
  void progress(std::string_view line);
  void clear_progress();
  bool shows_progress() const;

  void set_quiet(bool quiet) { quiet_ = quiet; }
  void set_verbose(bool verbose) { verbose_ = verbose; }
  void set_silent(bool silent) { silent_ = silent; }  // all but errors and their hints

 private:
  void line(std::string_view severity, std::string_view message);

  std::string program_;
  bool quiet_ = false, verbose_ = false, silent_ = false;
  bool progress_shown_ = false;
};

}  // namespace nudge
