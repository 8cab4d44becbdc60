#include "lib/cli/console.h"

#include <unistd.h>

#include <cerrno>

#include "lib/base/visible.h"
#include "lib/cli/terminal.h"

namespace nudge {
namespace {

// If a message can't be written to stderr, there is no one left to tell.
void write_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// The line is overwritten, so none is shown where the cursor does not move.
bool overwrites_stderr() { return ::isatty(STDERR_FILENO) == 1 && moves_cursor(); }

constexpr std::string_view kEraseLine = "\r\x1b[K";

}  // namespace

void Console::line(std::string_view severity, std::string_view message) {
  std::string text;
  if (progress_shown_) text += kEraseLine;
  progress_shown_ = false;
  text += program_ + ": ";
  text += severity;
  text += visible(message);
  text += '\n';
  write_stderr(text);
}

void Console::error(std::string_view message) { line("error: ", message); }
void Console::hint(std::string_view message) { line("hint: ", message); }

void Console::warning(std::string_view message) {
  if (!silent_) line("warning: ", message);
}

void Console::say(std::string_view message) {
  if (!silent_) line("", message);
}

void Console::note(std::string_view message) {
  if (!quiet_ && !silent_) line("", message);
}

void Console::detail(std::string_view message) {
  if (verbose_ && !silent_) line("", message);
}

bool Console::shows_progress() const { return !quiet_ && !silent_ && overwrites_stderr(); }

void Console::progress(std::string_view text) {
  if (!shows_progress()) return;
  write_stderr(std::string(kEraseLine) + program_ + ": " + visible(text));
  progress_shown_ = true;
}

void Console::clear_progress() {
  if (progress_shown_) write_stderr(kEraseLine);
  progress_shown_ = false;
}

}  // namespace nudge
