#include "lib/cli/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "lib/base/error.h"
#include "lib/base/visible.h"
#include "lib/cli/signals.h"

namespace nudge {
namespace {

// The next character's bytes and columns; a byte that begins no character counts as one of one column.
std::size_t character(std::string_view text, std::size_t at, std::size_t* columns) {
  utf8proc_int32_t point = 0;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at;
  const utf8proc_ssize_t size = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size() - at), &point);
  *columns = size > 0 ? static_cast<std::size_t>(utf8proc_charwidth(point)) : 1;
  return size > 0 ? static_cast<std::size_t>(size) : 1;
}

void break_line(const std::string& line, std::size_t width, std::vector<std::string>& lines) {
  std::size_t begin = 0, at = 0, columns = 0, blank = std::string::npos;
  while (at < line.size()) {
    std::size_t wide = 0;
    const std::size_t size = character(line, at, &wide);
    if (columns + wide > width && at > begin) {
      if (line[at] == ' ') blank = at;
      const bool at_blank = blank != std::string::npos && blank > begin;
      const std::size_t stop = at_blank ? blank : at;
      lines.push_back(line.substr(begin, stop - begin));
      begin = at = at_blank ? blank + 1 : at;
      columns = 0, blank = std::string::npos;
      continue;
    }
    if (line[at] == ' ') blank = at;
    columns += wide, at += size;
  }
  lines.push_back(line.substr(begin));
}

constexpr std::string_view kClear = "\x1b[H\x1b[2J\x1b[3J", kBold = "\x1b[1m", kPlain = "\x1b[0m";
constexpr int kEscape = 0x1b;
constexpr int kEscapeMilliseconds = 50;  // between the bytes of one key; a human's next key comes later

volatile std::sig_atomic_t resized = 0;
void on_resize(int) { resized = 1; }

}  // namespace

bool moves_cursor() {
  const char* term = std::getenv("TERM");
  return term != nullptr && *term != '\0' && std::strcmp(term, "dumb") != 0;
}

bool shows_colour(int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  return ::isatty(descriptor) == 1 && moves_cursor() && (no_color == nullptr || *no_color == '\0');
}

Terminal::Terminal() {
  fd_ = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (fd_ < 0 || ::tcgetattr(fd_, &before_) != 0) {
    if (fd_ >= 0) ::close(fd_);
    usage_error("there is no terminal to ask on");
  }
  termios keys = before_;
  keys.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  // A program that was stopped or ended by a key would leave the shell without echo. Control-C is caught.
  keys.c_cc[VSUSP] = keys.c_cc[VQUIT] = _POSIX_VDISABLE;
  ::tcsetattr(fd_, TCSANOW, &keys);
  struct sigaction action = {};
  action.sa_handler = on_resize;
  action.sa_flags = SA_RESTART;  // decisions are saved whatever the window does
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGWINCH, &action, &resize_before_);
}

Terminal::~Terminal() {
  ::sigaction(SIGWINCH, &resize_before_, nullptr);
  ::tcsetattr(fd_, TCSANOW, &before_);
  ::close(fd_);
}

int Terminal::byte(int milliseconds) {
  // Only ppoll lets signals in: one just before a read would be noticed only after it.
  sigset_t heeded, before;
  sigemptyset(&heeded);
  for (const int signal : kStopSignals) sigaddset(&heeded, signal);
  sigaddset(&heeded, SIGWINCH);
  pthread_sigmask(SIG_BLOCK, &heeded, &before);
  pollfd input = {fd_, POLLIN, 0};
  const timespec limit = {0, milliseconds * 1'000'000L};
  int ready = -1;
  errno = 0;
  if (!stop_requested() && resized == 0) ready = ::ppoll(&input, 1, milliseconds < 0 ? nullptr : &limit, &before);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (stop_requested()) return kEnd;
  if (resized != 0 || (ready < 0 && errno == EINTR)) {  // the latter: stopped and continued, perhaps on another screen
    resized = 0;
    return kResize;
  }
  if (ready == 0) return kOther;
  unsigned char byte = 0;
  if (ready != 1 || ::read(fd_, &byte, 1) != 1) return kEnd;
  // Control-D; typed before the mode was changed, the kernel hands it on as 0.
  return byte == 4 || byte == 0 ? static_cast<int>(kEnd) : byte;
}

int Terminal::key() {
  const int first = byte(-1);
  return first == kEscape ? escape_sequence() : first;
}

// ESC [ PARAMETERS FINAL or ESC O FINAL (ECMA-48, 5.4; xterm's keys).
int Terminal::escape_sequence() {
  int next = byte(kEscapeMilliseconds);
  if (next == kEnd || next == kResize) return next;
  if (next != '[' && next != 'O') return kOther;
  std::string parameters;
  while ((next = byte(kEscapeMilliseconds)) >= 0x20 && next < 0x40) parameters += static_cast<char>(next);
  switch (next) {
    case 'A': return kUp;
    case 'B': return kDown;
    case '~': return parameters == "5" ? kPageUp : parameters == "6" ? kPageDown : kOther;
    case kEnd:
    case kResize: return next;
    default: return kOther;
  }
}

void Terminal::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd_, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw Error(Exit::kIo, std::string("/dev/tty: ") + std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Terminal::show(std::string_view text) { write((clears_ ? std::string(kClear) : "\n") + std::string(text)); }
void Terminal::add(std::string_view text) { write(text); }

Terminal::Size Terminal::size() const {
  winsize size = {};
  const bool known = ::ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
  return known ? Size{size.ws_col, size.ws_row} : Size{80, 24};
}

std::vector<std::string> screen_lines(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    break_line(visible(text.substr(begin, end - begin), {.tab = "    "}), std::max<std::size_t>(width, 2), lines);
    begin = end + 1;
  }
  return lines;
}

std::size_t column_count(std::string_view line) {
  std::size_t columns = 0, wide = 0;
  for (std::size_t i = 0; i < line.size(); columns += wide) i += character(line, i, &wide);
  return columns;
}

std::string side_by_side(std::string_view left_title, std::string_view left, std::string_view right_title,
                         std::string_view right, std::size_t width) {
  constexpr std::string_view kGap = " | ";
  const auto title = [](std::string_view words) {
    return moves_cursor() ? std::string(kBold) + std::string(words) + std::string(kPlain) : std::string(words);
  };
  std::string text;
  if (width < 80 + kGap.size()) {
    for (const auto& [words, answer] : {std::pair(left_title, left), std::pair(right_title, right)}) {
      text += title(words) + "\n";
      for (const std::string& line : screen_lines(answer, width)) text += line + "\n";
      text += "\n";
    }
    return text;
  }
  const std::size_t half = (width - kGap.size()) / 2;
  const auto lefts = screen_lines(left, half), rights = screen_lines(right, half);
  const auto padding = [&](std::size_t columns) { return std::string(half - std::min(columns, half), ' '); };
  text += title(left_title) + padding(column_count(left_title)) + std::string(kGap) + title(right_title) + "\n";
  for (std::size_t i = 0; i < std::max(lefts.size(), rights.size()); ++i) {
    const std::string l = i < lefts.size() ? lefts[i] : "", r = i < rights.size() ? rights[i] : "";
    text += l + padding(column_count(l)) + std::string(kGap) + r + "\n";
  }
  return text + "\n";
}

}  // namespace nudge
